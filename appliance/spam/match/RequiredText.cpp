// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RequiredText.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

namespace portcullis::spam {

namespace {

using Words = std::vector<ClassWord>;

/// Thousandths, measured roughly on mail: letters of lower case, then the rest by kind.
constexpr std::array<int, 26> letterWeights = {60, 12, 25, 28, 90, 15, 15, 32, 55, 2,  6, 32, 20,
                                               54, 60, 16, 2,  50, 50, 70, 22, 8,  12, 3, 14, 2};
constexpr int spaceWeight = 150;
constexpr int punctuationWeight = 6;
constexpr int digitWeight = 6;
constexpr int capitalWeight = 5;
constexpr int controlWeight = 2;
constexpr int highWeight = 2;

int weightOf(int byte)
{
    if (byte >= 'a' && byte <= 'z') {
        return letterWeights[static_cast<size_t>(byte - 'a')];
    }
    if (byte >= 'A' && byte <= 'Z') {
        return capitalWeight;
    }
    if (byte == ' ') {
        return spaceWeight;
    }
    if (byte >= '0' && byte <= '9') {
        return digitWeight;
    }
    return byte >= 128 ? highWeight : byte < 32 ? controlWeight : punctuationWeight;
}

double likelihoodOfAll(const Words &words)
{
    double sum = 0;
    for (const ClassWord &word : words) {
        sum += likelihoodOf(word);
    }
    return sum;
}

/// What is known of the texts that a node consumes.
struct Summary {
    bool isExact = false;  ///< `words` are all the texts.
    Words words;
    Words prefixes;  ///< Every text begins with one of them ({}: the empty word) …
    Words suffixes;  ///< … and ends with one of these.
    std::vector<RequiredFactor> factors;
};

const Words emptyWord{ClassWord{}};

/// One word for each length, with all octets that occur at each place: fewer, and less exact.
Words joinedByLength(const Words &words)
{
    std::map<size_t, ClassWord> byLength;
    for (const ClassWord &word : words) {
        ClassWord &joined = byLength.try_emplace(word.size(), word.size()).first->second;
        for (size_t i = 0; i < word.size(); ++i) {
            joined[i] |= word[i];
        }
    }
    Words fewer;
    for (auto &[length, word] : byLength) {
        fewer.push_back(std::move(word));
    }
    return fewer;
}

constexpr size_t longestLetter = 4;  // Octets of a character in UTF-8.
constexpr int maxOccurrences = 100;  // Of a factor; more are not asked for.

/// Spellings of one letter, rather than words: joining them loses little.
bool areLetters(const Words &words)
{
    return std::all_of(words.begin(), words.end(),
                       [](const auto &word) { return word.size() <= longestLetter; });
}

bool hasEmptyWord(const Words &words)
{
    return words.empty() || std::any_of(words.begin(), words.end(), [](const auto &word) {
               return word.empty();
           });
}

/// Without words that begin or end with another one of them, which is found where they are.
Words withoutLonger(const Words &words)
{
    const std::set<ClassWord> all(words.begin(), words.end());
    const auto hasOther = [&all](const ClassWord &word) {
        for (size_t i = 1; i < word.size(); ++i) {
            const auto cut = word.begin() + static_cast<ptrdiff_t>(i);
            if (all.contains(ClassWord(word.begin(), cut)) || all.contains({cut, word.end()})) {
                return true;
            }
        }
        return false;
    };
    Words fewer;
    std::copy_if(all.begin(), all.end(), std::back_inserter(fewer), std::not_fn(hasOther));
    return fewer;
}

class Extractor
{
public:
    explicit Extractor(const RequiredTextLimits &limits)
        : m_limits(limits)
    {
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    Summary summarize(const RegexNode &node) const
    {
        using Kind = RegexNode::Kind;
        switch (node.kind) {
        case Kind::Set:
            return exactly({{node.set}});
        case Kind::Sequence:
            return sequence(node);
        case Kind::Choice:
            return choice(node);
        case Kind::Repeat:
            return repeat(node);
        case Kind::Group:
        case Kind::Atomic:
            return summarize(node.children.front());
        case Kind::LookAhead:
        case Kind::LookBehind: {
            Summary inside = summarize(node.children.front());
            close(inside);
            Summary summary = exactly(emptyWord);
            summary.factors = std::move(inside.factors);
            for (RequiredFactor &factor : summary.factors) {
                factor.isConsumed = false;
            }
            return summary;
        }
        case Kind::Assertion:
            return exactly(emptyWord);
        case Kind::Opaque:
            break;
        }
        return anything();
    }

    /// What is exact becomes a factor.
    void close(Summary &summary) const
    {
        if (summary.isExact) {
            offer(summary.factors, summary.words);
            return;
        }
        offer(summary.factors, summary.prefixes);
        offer(summary.factors, summary.suffixes);
    }

private:
    static Summary exactly(Words words)
    {
        Summary summary;
        summary.isExact = true;
        summary.words = std::move(words);
        return summary;
    }
    static Summary anything()
    {
        Summary summary;
        summary.prefixes = emptyWord;
        summary.suffixes = emptyWord;
        return summary;
    }

    void offer(std::vector<RequiredFactor> &factors, const Words &words) const
    {
        if (!hasEmptyWord(words)) {
            offer(factors, RequiredFactor{words, {}, likelihoodOfAll(words)});
        }
    }
    void offer(std::vector<RequiredFactor> &factors, RequiredFactor factor) const
    {
        const auto place = std::upper_bound(
            factors.begin(), factors.end(), factor,
            [](const auto &a, const auto &b) { return rank(a) < rank(b); });
        factors.insert(place, std::move(factor));
        if (factors.size() > m_limits.factors) {
            factors.pop_back();
        }
    }
    void offerAll(std::vector<RequiredFactor> &factors,
                  const std::vector<RequiredFactor> &more) const
    {
        for (const RequiredFactor &factor : more) {
            offer(factors, factor);
        }
    }
    /// What occurs several times is rarer.
    static double rank(const RequiredFactor &factor) { return factor.likelihood / factor.least; }

    /// Every word of `left` before every word of `right`; false: too many or too long.
    // NOLINTNEXTLINE(misc-no-recursion) once: what is joined by length is few enough
    bool cross(Words &left, const Words &right) const
    {
        if (left.size() * right.size() > m_limits.words) {
            if (right.size() < 2 || !areLetters(right)) {
                return false;
            }
            const Words fewer = joinedByLength(right);
            Words begins = left.size() * fewer.size() > m_limits.words ? joinedByLength(left)
                                                                       : left;
            if (begins.size() * fewer.size() > m_limits.words || !cross(begins, fewer)) {
                return false;
            }
            left = std::move(begins);
            return true;
        }
        Words all;
        std::set<ClassWord> seen;
        for (const ClassWord &begin : left) {
            for (const ClassWord &end : right) {
                if (begin.size() + end.size() > m_limits.length) {
                    return false;
                }
                ClassWord word = begin;
                word.insert(word.end(), end.begin(), end.end());
                if (seen.insert(word).second) {
                    all.push_back(std::move(word));
                }
            }
        }
        left = std::move(all);
        return true;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    Summary sequence(const RegexNode &node) const
    {
        Summary whole = exactly(emptyWord);
        Words open = emptyWord;  // What the text so far ends with.
        const auto cut = [&](Words next) {
            if (whole.isExact) {
                whole.isExact = false;
                whole.prefixes = open;
            }
            offer(whole.factors, open);
            open = std::move(next);
        };
        for (const RegexNode &child : node.children) {
            const Summary part = summarize(child);
            offerAll(whole.factors, part.factors);
            if (part.isExact) {
                if (!cross(open, part.words)) {
                    cut(part.words);
                }
                continue;
            }
            cross(open, part.prefixes);
            cut(part.suffixes);
        }
        if (whole.isExact) {
            whole.words = std::move(open);
        } else {
            whole.suffixes = std::move(open);
        }
        return whole;
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    Summary choice(const RegexNode &node) const
    {
        std::vector<Summary> parts;
        bool isExact = true;
        Words all;
        for (const RegexNode &child : node.children) {
            parts.push_back(summarize(child));
            isExact = isExact && parts.back().isExact;
            if (isExact) {
                addWords(all, parts.back().words);
                if (all.size() > m_limits.words && areLetters(all)) {
                    all = joinedByLength(all);
                }
                isExact = all.size() <= m_limits.words;
            }
        }
        if (isExact) {
            Summary summary = exactly(std::move(all));
            // What a look-ahead in an alternative promises holds for that alternative only.
            return summary;
        }
        Summary summary;
        RequiredFactor required;
        required.least = maxOccurrences;
        bool isRequired = true;
        for (Summary &part : parts) {
            addWords(summary.prefixes, part.isExact ? part.words : part.prefixes);
            addWords(summary.suffixes, part.isExact ? part.words : part.suffixes);
            close(part);
            if (part.factors.empty()) {
                isRequired = false;
            } else if (isRequired) {
                const RequiredFactor &best = part.factors.front();
                addWords(required.words, best.words);
                required.least = std::min(required.least, best.least);
                required.isConsumed = required.isConsumed && best.isConsumed;
            }
        }
        bound(summary.prefixes);
        bound(summary.suffixes);
        if (isRequired && required.words.size() > m_limits.words * 4) {
            required.words.clear();
            for (const Summary &part : parts) {
                addWords(required.words, joinedByLength(part.factors.front().words));
            }
        }
        if (isRequired && required.words.size() <= m_limits.words * 4) {
            required.likelihood = likelihoodOfAll(required.words);
            offer(summary.factors, std::move(required));
        }
        return summary;
    }

    static void addWords(Words &into, const Words &words)
    {
        into.insert(into.end(), words.begin(), words.end());
    }
    void bound(Words &words) const
    {
        if (words.size() > m_limits.words) {
            words = emptyWord;
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion) depth bounded by maxRegexDepth
    Summary repeat(const RegexNode &node) const
    {
        Summary part = summarize(node.children.front());
        if (node.least == 0) {
            if (node.most == 1 && part.isExact && part.words.size() < m_limits.words) {
                part.words.push_back({});
                part.factors.clear();
                return part;
            }
            return anything();
        }
        if (node.least == node.most && part.isExact) {
            Summary all = exactly(part.words);
            bool isWhole = true;
            for (int i = 1; i < node.least && isWhole; ++i) {
                isWhole = cross(all.words, part.words);
            }
            if (isWhole) {
                all.factors = part.factors;
                return all;
            }
            return partly(all.words, part, node.least);
        }
        if (!part.isExact) {
            if (node.least > 1) {
                part.factors = inEachRound(part, node.least);
            }
            return part;  // Begins, ends and requires as its parts do.
        }
        Words run = part.words;
        for (int i = 1; i < node.least && cross(run, part.words); ++i) {
        }
        return partly(run, part, node.least);
    }

    /// What a group requires that is repeated.
    std::vector<RequiredFactor> inEachRound(Summary part, int rounds) const
    {
        close(part);
        for (RequiredFactor &factor : part.factors) {
            if (factor.isConsumed) {
                factor.least = std::min(factor.least * std::min(rounds, maxOccurrences),
                                        maxOccurrences);
            }
        }
        return std::move(part.factors);
    }

    Summary partly(const Words &run, const Summary &part, int rounds) const
    {
        Summary summary;
        summary.prefixes = run;
        summary.suffixes = run;
        summary.factors = inEachRound(part, rounds);
        return summary;
    }

    RequiredTextLimits m_limits;
};

}  // namespace

double likelihoodOf(const ByteSet &set)
{
    static const auto weights = [] {
        std::array<double, 256> all{};
        double sum = 0;
        for (int byte = 0; byte < 256; ++byte) {
            sum += weightOf(byte);
        }
        for (int byte = 0; byte < 256; ++byte) {
            all[static_cast<size_t>(byte)] = weightOf(byte) / sum;
        }
        return all;
    }();
    double sum = 0;
    set.forEach([&sum](size_t byte) { sum += weights[byte]; });
    return sum;
}

double likelihoodOf(const ClassWord &word)
{
    double product = 1;
    for (const ByteSet &set : word) {
        product *= likelihoodOf(set);
    }
    return product;
}

std::vector<RequiredFactor> requiredFactors(const RegexNode &root, const RequiredTextLimits &limits)
{
    const Extractor extractor(limits);
    Summary summary = extractor.summarize(root);
    extractor.close(summary);
    std::erase_if(summary.factors,
                  [&](const auto &factor) { return factor.likelihood > limits.likelihood; });
    for (RequiredFactor &factor : summary.factors) {
        factor.words = withoutLonger(factor.words);
    }
    return std::move(summary.factors);
}

}  // namespace portcullis::spam
