// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RequiredText.h"

#include <algorithm>
#include <set>

namespace portcullis::spam {

namespace {

constexpr size_t maxHighLetters = 2'048;  // Of one expression, spelt out.
constexpr size_t maxSpeltOctets = 64;     // Spellings of one letter; then its begin is taken.
constexpr size_t leastHighLetter = 2;     // Single octets are in every text that is not ASCII.

bool isHighSet(const RegexNode &node)
{
    return node.kind == RegexNode::Kind::Set && node.set.isHigh();
}

/// Spells a letter out, as far as there are not too many ways to.
std::vector<ClassWord> speltOut(const ClassWord &letter)
{
    std::vector<ClassWord> all{ClassWord{}};
    for (const ByteSet &set : letter) {
        if (all.size() * static_cast<size_t>(set.count()) > maxSpeltOctets) {
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
    return all;
}

/// The letters of an expression. A letter is what stands beside an octet that is not ASCII.
class LetterCollector
{
public:
    /// False: nothing is known.
    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    bool collect(const RegexNode &node)
    {
        if (isHighSet(node)) {
            return false;
        }
        if (node.kind == RegexNode::Kind::Sequence
            && std::any_of(node.children.begin(), node.children.end(), isHighSet)) {
            // What is deeper takes part only where this one does.
            return addBest(node);
        }
        return std::all_of(node.children.begin(), node.children.end(),
                           [this](const RegexNode &child) { return collect(child); });
    }

    std::vector<ClassWord> take() { return {m_letters.begin(), m_letters.end()}; }

private:
    bool add(const std::vector<ClassWord> &letters)
    {
        for (const ClassWord &letter : letters) {
            for (ClassWord &spelt : speltOut(letter)) {
                if (spelt.size() < leastHighLetter) {
                    return false;
                }
                m_letters.insert(std::move(spelt));
            }
            if (m_letters.size() > maxHighLetters) {
                return false;
            }
        }
        return true;
    }

    bool addBest(const RegexNode &sequence)
    {
        ClassWord longest;
        ClassWord run;
        for (const RegexNode &child : sequence.children) {
            if (!isHighSet(child)) {
                run.clear();
                continue;
            }
            run.push_back(child.set);
            if (run.size() > longest.size()) {
                longest = run;
            }
        }
        return longest.size() < leastHighLetter ? add(textsOf(sequence)) : add({longest});
    }

    /// All texts of a sequence, its factor otherwise; empty words where nothing is known.
    static std::vector<ClassWord> textsOf(const RegexNode &sequence)
    {
        RegexTree tree;
        tree.root = sequence;
        std::vector<RequiredFactor> factors = requiredFactors(tree);
        const auto hasLetters = [](const RequiredFactor &factor) {
            return std::all_of(factor.words.begin(), factor.words.end(), [](const auto &word) {
                return std::any_of(word.begin(), word.end(),
                                   [](const ByteSet &set) { return set.isHigh(); });
            });
        };
        const auto best = std::find_if(factors.begin(), factors.end(), hasLetters);
        return best == factors.end() ? std::vector<ClassWord>{ClassWord{}} : best->words;
    }

    std::set<ClassWord> m_letters;
};

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
std::optional<RegexNode> withoutHighLetters(const RegexNode &root)
{
    using Kind = RegexNode::Kind;
    if (isHighSet(root)) {
        return std::nullopt;
    }
    RegexNode node = root;
    node.children.clear();
    for (const RegexNode &child : root.children) {
        auto kept = withoutHighLetters(child);
        if (kept) {
            node.children.push_back(std::move(*kept));
        } else if (root.kind == Kind::Repeat && root.least == 0) {
            return RegexNode{};  // Not once.
        } else if (root.kind != Kind::Choice) {
            return std::nullopt;
        }
    }
    if (root.kind == Kind::Choice && node.children.empty()) {
        return std::nullopt;
    }
    return node;
}

std::optional<std::vector<ClassWord>> highLetters(const RegexNode &root)
{
    LetterCollector collector;
    if (!collector.collect(root)) {
        return std::nullopt;
    }
    return collector.take();
}

}  // namespace portcullis::spam
