// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesSettings.h"
#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/learning/LearnRequest.h"

#include <optional>

namespace portcullis::spam {

/// The points of a message for autolearning: scores of the set without Bayes, and without tests flagged
/// noautolearn, userconf or learn.
struct AutoLearnPoints {
    double all = 0;
    double header = 0;  ///< Of tests that look at the header; metas by share.
    double body = 0;
    double learnt = 0;      ///< Of tests flagged learn, in the set in use.
    bool isForced = false;  ///< A test flagged autolearn_force hit.
};
AutoLearnPoints autoLearnPoints(const std::vector<Scan::Hit> &hits,
                                const RuleSet &rules,
                                int scoreSet);

/// What a message is sure enough to be learnt as (Plugin::AutoLearnThreshold); nothing: neither.
std::optional<LearnAs> autoLearnAs(const std::vector<Scan::Hit> &hits,
                                   const RuleSet &rules,
                                   int scoreSet,
                                   double score,
                                   const BayesSettings &settings);

}  // namespace portcullis::spam
