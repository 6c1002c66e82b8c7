// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/match/ByteSet.h"

#include <optional>
#include <vector>

namespace portcullis::spam {

/// One node of a regular expression, as far as reading it helps: what it consumes, not how it is matched.
struct RegexNode {
    enum class Kind : quint8 {
        Set,        ///< One octet of `set`.
        Sequence,   ///< The children one after the other; none: the empty match.
        Choice,     ///< One of the children.
        Repeat,     ///< The child `least` to `most` times.
        Group,      ///< Its child, captured.
        Atomic,     ///< Its child, without going back into it.
        LookAhead,  ///< Consumes nothing; its child must match here.
        LookBehind,
        Assertion,  ///< Consumes nothing and promises nothing: ^, \b, negative looks.
        Opaque      ///< Consumes anything: back-references, \R.
    };
    static constexpr int unbounded = -1;

    Kind kind = Kind::Sequence;
    ByteSet set;
    std::vector<RegexNode> children;
    int least = 0;
    int most = 0;        ///< Of a Repeat; unbounded: no bound.
    QByteArray written;  ///< Of what cannot be written from its parts: "\b", "\1", "(?!…)", "+?".
};

/// Groups within groups. What reads a tree and what walks it goes down that far: at most four nodes for
/// each, a choice, a sequence, a repeat and the group. What is deeper is not read here.
inline constexpr int maxRegexDepth = 200;

/// A regular expression that was read.
struct RegexTree {
    RegexNode root;
    bool hasGroups = false;      ///< Captures.
    bool hasReferences = false;  ///< \1 …
};

/// Reads Perl's syntax, caseless parts resolved to sets. Nothing: it holds something that is not read
/// here (recursion, conditions, Unicode properties …); PCRE2 may know it all the same.
std::optional<RegexTree> readRegex(const Regex &regex);

/// Perl's text in PCRE2's words: without the modifiers that only Perl has ("aa"), {,n} as {0,n}.
QByteArray pcreText(const QByteArray &source);

/// The tree as a shorter pattern with the same matches: what occurs more than once, and what is repeated
/// a number of times, becomes a subroutine. Nothing is captured. Only for trees without references.
QByteArray compactText(RegexTree tree);

}  // namespace portcullis::spam
