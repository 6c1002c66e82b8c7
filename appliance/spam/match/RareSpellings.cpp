// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RareSpellings.h"

#include "appliance/spam/match/GapWord.h"

#include <algorithm>
#include <set>

namespace portcullis::spam {

namespace {

/// The single octets with which a text begins that a node consumes.
// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
ClassWord beginOf(const RegexNode &node)
{
    if (node.kind == RegexNode::Kind::Set) {
        return {node.set};
    }
    ClassWord begin;
    if (node.kind == RegexNode::Kind::Sequence) {
        for (const RegexNode &child : node.children) {
            if (child.kind != RegexNode::Kind::Set) {
                break;
            }
            begin.push_back(child.set);
        }
    } else if ((node.kind == RegexNode::Kind::Group || node.kind == RegexNode::Kind::Atomic)
               && !node.children.empty()) {
        begin = beginOf(node.children.front());
    }
    return begin;
}

class SpellingSplitter
{
public:
    explicit SpellingSplitter(const SpellingLimits &limits)
        : m_limits(limits)
    {
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    RegexNode plain(const RegexNode &node)
    {
        RegexNode copy;
        copy.kind = node.kind;
        copy.set = node.set;
        copy.least = node.least;
        copy.most = node.most;
        copy.written = node.written;
        ByteSet single;
        for (const RegexNode &child : node.children) {
            const auto letter = node.kind == RegexNode::Kind::Choice ? letterOf(child)
                                                                     : std::nullopt;
            if (letter) {
                single |= *letter;
            }
        }
        const bool isLetter = !single.isEmpty();
        if (isLetter) {
            copy.children.emplace_back().kind = RegexNode::Kind::Set;
            copy.children.back().set = single;
        }
        for (const RegexNode &child : node.children) {
            if (!isLetter || (!letterOf(child) && !takeRare(child))) {
                copy.children.push_back(plain(child));
            }
        }
        return copy;
    }

    std::optional<std::vector<ClassWord>> takeWords()
    {
        if (m_words.size() > m_limits.all) {
            return std::nullopt;
        }
        return std::vector<ClassWord>(m_words.begin(), m_words.end());
    }

private:
    bool takeRare(const RegexNode &spelling)
    {
        std::vector<ClassWord> words{beginOf(spelling)};
        if (words.front().size() < m_limits.least) {
            std::vector<RequiredFactor> factors = requiredFactors(spelling);
            if (factors.empty()) {
                return false;
            }
            words = std::move(factors.front().words);
        }
        double likelihood = 0;
        for (const ClassWord &word : words) {
            likelihood += word.size() < m_limits.least ? 1 : likelihoodOf(word);
        }
        if (likelihood > m_limits.likelihood) {
            return false;
        }
        for (const ClassWord &word : words) {
            addSpeltOut(word);
        }
        return true;
    }

    void addSpeltOut(const ClassWord &word)
    {
        std::vector<ClassWord> all{ClassWord{}};
        for (const ByteSet &set : word) {
            if (all.size() * static_cast<size_t>(set.count()) > m_limits.spelt) {
                break;
            }
            std::vector<ClassWord> longer;
            for (const ClassWord &begin : all) {
                set.forEach([&](size_t byte) {
                    longer.push_back(begin);
                    longer.back().push_back(ByteSet::of(static_cast<uchar>(byte)));
                });
            }
            all = std::move(longer);
        }
        if (all.empty() || all.front().size() < m_limits.least) {
            all = {word};
        }
        if (m_words.size() <= m_limits.all) {
            m_words.insert(all.begin(), all.end());
        }
    }

    SpellingLimits m_limits;
    std::set<ClassWord> m_words;
};

}  // namespace

std::optional<SplitSpellings> splitSpellings(const RegexNode &root, const SpellingLimits &limits)
{
    SpellingSplitter splitter(limits);
    SplitSpellings split;
    split.plain = splitter.plain(root);
    auto words = splitter.takeWords();
    if (!words) {
        return std::nullopt;
    }
    split.rare = std::move(*words);
    return split;
}

}  // namespace portcullis::spam
