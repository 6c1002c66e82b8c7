// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/MessageTokenizer.h"

#include <memory>

namespace portcullis::spam {

/// Finds the tokens of whole messages as scans with these rules do, languages included.
std::unique_ptr<MessageTokenizer> makeLearnTokenizer(const RuleSet &rules);

}  // namespace portcullis::spam
