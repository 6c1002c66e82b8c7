// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RequiredText.h"

#include <optional>

namespace portcullis::spam {

/// An expression in two: what most texts can match, and what few can.
struct SplitSpellings {
    /// Without the rare spellings of letters, of which another spelling is a single octet.
    RegexNode plain;
    /// A text that matches with one of those has one of these words. Empty: there are none.
    std::vector<ClassWord> rare;
};

/// Bounds of what is looked for apart.
struct SpellingLimits {
    double likelihood = 1e-4;  ///< More frequent ones are not rare: "rn" for "m".
    size_t least = 2;          ///< Octets; single ones are in every text in that alphabet.
    size_t spelt = 64;   ///< Literals that one spelling may become; then it stays one of classes.
    size_t all = 4'096;  ///< Of one expression.
};

/// Fuzzy rules spell a letter as one octet of ASCII or Latin-1, or as several of UTF-8, or as an entity of
/// HTML. Words for all of them at once are found everywhere; words of the first are sharp, and one of the
/// second is rare. Nothing: there are too many.
std::optional<SplitSpellings> splitSpellings(const RegexNode &root,
                                             const SpellingLimits &limits = {});

}  // namespace portcullis::spam
