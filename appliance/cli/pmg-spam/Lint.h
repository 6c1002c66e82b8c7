// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/assembly/LiveRules.h"

namespace portcullis::cli::spamrules {

enum class Detail {
    Problems,   ///< Errors and warnings.
    Everything  ///< Also what has no effect here, and how much of what was read.
};

/// Reads all rules and says what is wrong with them, file and line first. Gives the exit code: 1 if
/// something could not be used as it was meant.
int lint(const spam::RuleOrigin &given, Detail detail);

}  // namespace portcullis::cli::spamrules
