// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/spam/assembly/LiveRules.h"

#include <QtCore/QCommandLineParser>

namespace portcullis::cli::spamrules {

/// Which rules the options ask for; without any, those of the running filter: stock or sa-update's, the
/// site's, and what pmg.conf says if it can be read.
[[nodiscard]] spam::RuleOrigin ruleOrigin(const QCommandLineParser &parser);

}  // namespace portcullis::cli::spamrules
