// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleDocument.h"

#include <QtCore/QJsonObject>

namespace portcullis::rules {

/// A rule with its groups and objects as several lines for people; `pmgdb dump`, `pmgrule show`.
QString ruleText(const RuleDocument &document, const Rule &rule);

/// "in", "out" or "both".
QString directionName(RuleDirection direction);

/// Evaluation::explanation as text: for each recipient the rules tried, why each did (not) match, and
/// the outcome. Holds text of the mail; escape it before it goes to a terminal.
QString explanationText(const QJsonObject &explanation);

}  // namespace portcullis::rules
