// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/GapWord.h"
#include "appliance/spam/match/RegexTree.h"

#include <vector>

namespace portcullis::spam {

/// A word of classes: octet i must be in set i.
using ClassWord = std::vector<ByteSet>;

/// A condition that every match fulfils: the words occur in the subject, `least` times in all; or, if
/// there is one, the word with gaps.
struct RequiredFactor {
    std::vector<ClassWord> words;
    GapWord gapWord;
    /// About how probable it is that one of the words begins at a given octet of a mail.
    double likelihood = 1;
    int least = 1;           ///< Of repeated groups: each round has one of its own.
    bool isConsumed = true;  ///< Part of the match itself, not of what a look-ahead sees.
    /// Few texts have one of the words; other conditions are looked at only in those that do.
    bool isRare = false;
};

/// What bounds the search for required text.
struct RequiredTextLimits {
    size_t words = 96;  ///< Alternatives of one factor; beyond, a shorter word is taken.
    size_t length = 16;
    size_t factors = 2;        ///< The best ones are kept; all of them must hold.
    double likelihood = 0.02;  ///< More frequent ones are no help.
};

/// Conditions that hold for every subject in which the expression matches, best first; empty: nothing is
/// known. Sound for every tree: what is not understood requires nothing.
std::vector<RequiredFactor> requiredFactors(const RegexNode &root,
                                            const RequiredTextLimits &limits = {});

/// Probability of an octet of the set in mail text, roughly.
double likelihoodOf(const ByteSet &set);
double likelihoodOf(const ClassWord &word);

}  // namespace portcullis::spam
