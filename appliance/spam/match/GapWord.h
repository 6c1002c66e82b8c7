// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RegexTree.h"

#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::spam {

/// A letter of an obfuscated word with what may stand before it: "[_\W]{0,3}[a@]".
struct GapStep {
    ByteSet gap;
    int most = 0;  ///< Octets of the gap.
    ByteSet letter;
};
/// A word whose letters are pulled apart. The gap of its first letter is empty.
using GapWord = std::vector<GapStep>;

/// What bounds a word with gaps.
struct GapWordLimits {
    size_t least = 4;    ///< Letters; fewer are in every text.
    size_t letters = 8;  ///< The best ones are taken.
    int gap = 16;        ///< Octets between two letters; a longer gap ends a word.
    int length = 63;     ///< Octets in all: the places of a match are bits of a machine word.
};

/// The rarest word with gaps that every match contains; empty: there is none, or it has no gaps.
GapWord gapWordOf(const RegexNode &root, const GapWordLimits &limits = {});

/// The octets of a node that consumes just one, whatever way it takes.
std::optional<ByteSet> letterOf(const RegexNode &node);

/// Probability that the word begins at an octet of mail text, roughly.
double likelihoodOf(const GapWord &word);

/// Whether the word begins there. Looks at no octet more than once for a letter.
bool beginsAt(const GapWord &word, QByteArrayView text, qsizetype at);

}  // namespace portcullis::spam
