// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/Pattern.h"
#include "appliance/rules/RuleDocument.h"

namespace portcullis::rules {

/// Compiles the pattern of an object the way its type matches: addresses and file names as a whole
/// and without regard to case, header values anywhere, content types anywhere and exactly. Names of
/// content types that older releases used are mapped to today's.
Result<Pattern> compileObjectPattern(ObjectType type, const QString &text);

}  // namespace portcullis::rules
