// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/PatternSet.h"
#include "appliance/spam/match/RareSpellings.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

/// Words with gaps need a comparison each; they are for what no other word finds well.
void preferGapWord(PatternSet::Conditions &way, GapWord word)
{
    constexpr double wellFound = 1e-6;
    const double likelihood = likelihoodOf(word);
    const auto isBetter = [&](const RequiredFactor &factor) {
        return factor.likelihood < std::max(likelihood, wellFound);
    };
    if (word.empty() || likelihood > RequiredTextLimits().likelihood
        || std::any_of(way.begin(), way.end(), isBetter)) {
        return;
    }
    way.clear();
    way.emplace_back().gapWord = std::move(word);
    way.back().likelihood = likelihood;
}

}  // namespace

PatternSet::Ways conditionsOf(const Regex &regex)
{
    const auto tree = readRegex(regex);
    if (!tree) {
        return {};
    }
    auto split = splitSpellings(tree->root);
    PatternSet::Ways ways;
    if (!split || !split->rare.empty()) {
        ways.push_back(requiredFactors(tree->root));
    }
    if (split && !split->rare.empty()) {
        RequiredFactor rare;
        rare.words = std::move(split->rare);
        rare.isRare = true;
        ways.back().insert(ways.back().begin(), std::move(rare));
    }
    if (split) {
        ways.push_back(requiredFactors(split->plain));
        preferGapWord(ways.back(), gapWordOf(split->plain));
    }
    if (std::any_of(ways.begin(), ways.end(), [](const auto &way) { return way.empty(); })) {
        return {};
    }
    return ways;
}

}  // namespace portcullis::spam
