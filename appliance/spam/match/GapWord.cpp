// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/GapWord.h"

#include "appliance/spam/match/RequiredText.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

/// What a node consumes: at most `most` octets, all of the set.
struct Span {
    ByteSet octets;
    int most = 0;
};

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
std::optional<Span> spanOf(const RegexNode &node, int bound)
{
    if (node.kind == RegexNode::Kind::Set) {
        return Span{node.set, 1};
    }
    if (node.kind == RegexNode::Kind::Assertion || node.kind == RegexNode::Kind::LookAhead
        || node.kind == RegexNode::Kind::LookBehind) {
        return Span{};
    }
    if (node.kind == RegexNode::Kind::Opaque) {
        return std::nullopt;
    }
    Span whole;
    for (const RegexNode &child : node.children) {
        const auto part = spanOf(child, bound);
        if (!part) {
            return std::nullopt;
        }
        whole.octets |= part->octets;
        whole.most = node.kind == RegexNode::Kind::Choice ? std::max(whole.most, part->most)
                                                          : whole.most + part->most;
    }
    if (node.kind == RegexNode::Kind::Repeat) {
        if (whole.most > 0 && (node.most == RegexNode::unbounded || node.most > bound)) {
            return std::nullopt;
        }
        whole.most *= std::max(node.most, 0);
    }
    return whole.most > bound ? std::nullopt : std::optional(whole);
}

/// Walks a sequence and keeps the rarest run of letters.
class RunFinder
{
public:
    explicit RunFinder(const GapWordLimits &limits)
        : m_limits(limits)
    {
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    void walk(const RegexNode &node)
    {
        if (const auto letter = letterOf(node)) {
            addLetter(*letter);
            return;
        }
        if (node.kind == RegexNode::Kind::Sequence || node.kind == RegexNode::Kind::Group
            || node.kind == RegexNode::Kind::Atomic) {
            for (const RegexNode &child : node.children) {
                walk(child);
            }
            return;
        }
        const auto letter = node.kind == RegexNode::Kind::Repeat && node.least > 0
                                ? letterOf(node.children.front())
                                : std::nullopt;
        if (!letter) {
            addGap(spanOf(node, m_limits.gap));
            return;
        }
        for (int i = 0; i < std::min(node.least, static_cast<int>(m_limits.letters)); ++i) {
            addLetter(*letter);
        }
        const bool isBounded = node.most != RegexNode::unbounded
                               && node.least <= static_cast<int>(m_limits.letters);
        addGap(isBounded ? std::optional(Span{*letter, node.most - node.least}) : std::nullopt);
    }

    GapWord take()
    {
        finishRun();
        return std::move(m_best);
    }

private:
    void addLetter(const ByteSet &letter)
    {
        m_run.push_back({m_gap.octets, m_gap.most, letter});
        m_gap = {};
    }
    void addGap(const std::optional<Span> &span)
    {
        if (!span || m_gap.most + span->most > m_limits.gap) {
            finishRun();
            return;
        }
        if (span->most > 0) {
            m_gap.octets |= span->octets;
            m_gap.most += span->most;
        }
    }

    void finishRun()
    {
        for (size_t begin = 0; begin < m_run.size(); ++begin) {
            GapWord word;
            int length = 0;
            for (size_t i = begin; i < m_run.size() && word.size() < m_limits.letters; ++i) {
                length += 1 + (i == begin ? 0 : m_run[i].most);
                if (length > m_limits.length) {
                    break;
                }
                word.push_back(m_run[i]);
            }
            if (word.empty()) {
                continue;
            }
            word.front().gap = {};
            word.front().most = 0;
            offer(std::move(word));
        }
        m_run.clear();
        m_gap = {};
    }
    void offer(GapWord word)
    {
        const bool hasGaps = std::any_of(word.begin(), word.end(),
                                         [](const GapStep &step) { return step.most > 0; });
        const double likelihood = likelihoodOf(word);
        if (word.size() >= m_limits.least && hasGaps && (m_best.empty() || likelihood < m_least)) {
            m_best = std::move(word);
            m_least = likelihood;
        }
    }

    GapWordLimits m_limits;
    GapWord m_run;
    Span m_gap;
    GapWord m_best;
    double m_least = 1;
};

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
std::optional<ByteSet> letterOf(const RegexNode &node)
{
    if (node.kind == RegexNode::Kind::Set) {
        return node.set;
    }
    const bool isWrapped = node.kind == RegexNode::Kind::Sequence
                           || node.kind == RegexNode::Kind::Group
                           || node.kind == RegexNode::Kind::Atomic;
    if (isWrapped && node.children.size() == 1) {
        return letterOf(node.children.front());
    }
    if (node.kind != RegexNode::Kind::Choice || node.children.empty()) {
        return std::nullopt;
    }
    ByteSet all;
    for (const RegexNode &child : node.children) {
        const auto letter = letterOf(child);
        if (!letter) {
            return std::nullopt;
        }
        all |= *letter;
    }
    return all;
}

GapWord gapWordOf(const RegexNode &root, const GapWordLimits &limits)
{
    RunFinder finder(limits);
    finder.walk(root);
    return finder.take();
}

double likelihoodOf(const GapWord &word)
{
    double product = 1;
    for (const GapStep &step : word) {
        const double octet = likelihoodOf(step.gap);
        double gaps = 1;
        double gap = 1;
        for (int i = 0; i < step.most; ++i) {
            gap *= octet;
            gaps += gap;
        }
        product *= likelihoodOf(step.letter) * gaps;
    }
    return product;
}

bool beginsAt(const GapWord &word, QByteArrayView text, qsizetype at)
{
    const auto octet = [&](int offset) { return static_cast<uchar>(text[at + offset]); };
    const auto left = static_cast<int>(std::min<qsizetype>(text.size() - at, 64));
    quint64 open = 1;  // Offsets at which the next gap may begin.
    for (const GapStep &step : word) {
        quint64 next = 0;
        int furthest = -1;  // Up to here gaps reach.
        for (int i = 0; i < left && (open >> static_cast<unsigned>(i) != 0 || i <= furthest); ++i) {
            if ((open >> static_cast<unsigned>(i) & 1U) != 0) {
                furthest = i + step.most;
            }
            if (i > furthest) {
                continue;
            }
            if (i + 1 < 64 && step.letter.contains(octet(i))) {
                next |= quint64(1) << static_cast<unsigned>(i + 1);
            }
            if (!step.gap.contains(octet(i))) {
                furthest = -1;
            }
        }
        if (next == 0) {
            return false;
        }
        open = next;
    }
    return true;
}

}  // namespace portcullis::spam
