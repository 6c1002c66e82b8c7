// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RegexTree.h"

#include <vector>

namespace portcullis::spam {

/// A word of classes: octet i must be in set i.
using ClassWord = std::vector<ByteSet>;

/// A condition that every match fulfils: one of the words occurs in the subject.
struct RequiredFactor {
    std::vector<ClassWord> words;
    /// About how probable it is that one of the words begins at a given octet of a mail.
    double likelihood = 1;
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
std::vector<RequiredFactor> requiredFactors(const RegexTree &tree,
                                            const RequiredTextLimits &limits = {});

/// Probability of an octet of the set in mail text, roughly.
double likelihoodOf(const ByteSet &set);
double likelihoodOf(const ClassWord &word);

}  // namespace portcullis::spam
