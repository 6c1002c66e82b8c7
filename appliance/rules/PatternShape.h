// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>

#include <bitset>
#include <vector>

namespace portcullis::rules {

/// Characters as far as they matter for telling patterns apart: ASCII exactly, all others by their
/// number modulo 128 in the upper half. Two sets that overlap here may not overlap really, which at
/// worst refuses a pattern; the reverse never happens.
using CharacterSet = std::bitset<256>;

/// A pattern as a position automaton (Glushkov): one position per character that the pattern
/// consumes, and which may follow which. Read from the pattern's text; made only when a pattern is
/// saved.
///
/// What has no place in such an automaton (back references) is treated as matching anything.
class PatternShape
{
public:
    struct Position {
        CharacterSet characters;
        int offset = 0;  ///< In the pattern's text.
    };
    struct Edge {
        int to = 0;
        bool isAmbiguous = false;  ///< Two constructs make this step possible, as in (a*)*.
    };

    /// `text` has compiled before. Error `pattern.unbounded` for recursion and for shapes too big to be
    /// examined.
    static Result<PatternShape> read(const QByteArray &text);

    /// Where one text can be split in exponentially many ways (two different ways round from a
    /// position to itself over the same characters: Weber and Seidl's criterion); -1 if nowhere.
    [[nodiscard]] int exponentialOffset() const;

    /// Texts that make a backtracking matcher work hardest: for each loop the way to it, the loop
    /// many times, the way on from it (matchers look for its letters first), and then something that
    /// does not fit. About `length` bytes each.
    [[nodiscard]] std::vector<QByteArray> hostileSubjects(qsizetype length) const;

    /// Atomic groups or possessive quantifiers forbid backtracking, so that exponentialOffset() says
    /// too much; matching hostile subjects then decides alone.
    [[nodiscard]] bool hasAtomicParts() const { return m_hasAtomicParts; }

private:
    friend class ShapeReader;
    void connect(const std::vector<int> &from, const std::vector<int> &to);
    [[nodiscard]] std::vector<std::vector<int>> loops() const;
    [[nodiscard]] int exponentialOffsetIn(const std::vector<int> &loop) const;
    [[nodiscard]] std::vector<int> path(const std::vector<int> &from, int to) const;
    [[nodiscard]] std::vector<int> wayOut(int from) const;

    std::vector<Position> m_positions;
    std::vector<std::vector<Edge>> m_follow;
    std::vector<int> m_first;
    std::vector<int> m_last;
    bool m_hasAtomicParts = false;
};

}  // namespace portcullis::rules
