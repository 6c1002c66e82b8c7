// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/PatternSetPrivate.h"
#include "appliance/spam/match/RareSpellings.h"

#include <algorithm>
#include <map>
#include <utility>

namespace portcullis::spam {

namespace {

constexpr size_t leastLiteral = 3;      // Shorter ones occur everywhere …
constexpr size_t leastRareLiteral = 2;  // … but for those of octets that are rare.
constexpr size_t maxSpellings = 16;     // Literals that one word of classes may become.
constexpr size_t maxClassWords = 6;     // Of one condition; more are merged.

/// The literal spellings of a word, nothing if there are too many. Letters that occur in both cases do
/// not count: then all of the word is caseless, which finds more, never less.
std::vector<Literal> spellings(const ClassWord &word)
{
    const bool isRare = likelihoodOf(word) <= SpellingLimits().likelihood;
    if (word.size() < (isRare ? leastRareLiteral : leastLiteral)) {
        return {};
    }
    bool isCaseless = false;
    for (const ByteSet &set : word) {
        for (uchar letter = 'a'; letter <= 'z' && !isCaseless; ++letter) {
            isCaseless = set.contains(letter) && set.contains(static_cast<uchar>(letter - 32));
        }
    }
    std::vector<Literal> all{{QByteArray(), isCaseless}};
    for (const ByteSet &set : word) {
        std::vector<Literal> longer;
        for (int byte = 0; byte < 256; ++byte) {
            const bool isCapital = byte >= 'A' && byte <= 'Z';
            if (!set.contains(static_cast<uchar>(byte))
                || (isCaseless && isCapital && set.contains(static_cast<uchar>(byte + 32)))) {
                continue;
            }
            for (const Literal &begin : all) {
                longer.push_back({begin.text + static_cast<char>(byte), isCaseless});
            }
            if (longer.size() > maxSpellings) {
                return {};
            }
        }
        all = std::move(longer);
    }
    return all;
}

}  // namespace

/// Puts the words of all conditions together, each once.
class PatternSet::Builder
{
public:
    using Use = Private::Use;

    explicit Builder(Private &set)
        : m_set(set)
    {
    }

    void build(const std::vector<Ways> &patterns)
    {
        m_set.patternCount = patterns.size();
        for (size_t i = 0; i < patterns.size(); ++i) {
            if (patterns[i].empty()) {
                m_set.direct.push_back(static_cast<int>(i));
            }
            for (const Conditions &way : patterns[i]) {
                addWay(static_cast<int>(i), way);
            }
        }
        m_set.literalCount = m_texts.size();
        m_set.literals = std::make_unique<LiteralFinder>(m_texts);
        m_set.classes = filterOf(m_plain);
        m_set.rareClasses = filterOf(m_rare);
        addGapWords();
        markRareWords(patterns);
        for (Private::Entry &entry : m_set.entries) {
            for (Private::Condition &condition : entry.conditions) {
                std::sort(condition.words.begin(), condition.words.end());
                condition.words.erase(std::unique(condition.words.begin(), condition.words.end()),
                                      condition.words.end());
            }
        }
    }

private:
    using OpenWords = std::vector<std::pair<ClassWord, Use>>;

    void addWay(int pattern, const Conditions &way)
    {
        const auto entry = static_cast<int>(m_set.entries.size());
        m_set.entries.push_back({pattern, std::vector<Private::Condition>(way.size())});
        const bool isRare = !way.empty() && way.front().isRare;
        for (size_t i = 0; i < way.size(); ++i) {
            const Use use{entry, static_cast<int>(i)};
            m_set.entries.back().conditions[i].least = way[i].least;
            if (!way[i].gapWord.empty()) {
                m_gaps.emplace_back(way[i].gapWord, use);
            }
            std::vector<ClassWord> rest;
            for (const ClassWord &word : way[i].words) {
                if (!addLiterals(spellings(word), use)) {
                    rest.push_back(word);
                }
            }
            for (ClassWord &word : ClassFilter::merged(std::move(rest), maxClassWords)) {
                (isRare && i > 0 ? m_rare : m_plain).emplace_back(std::move(word), use);
            }
        }
    }

    bool addLiterals(const std::vector<Literal> &spelt, Use use)
    {
        for (const Literal &literal : spelt) {
            const auto [place, isNew] = m_known.try_emplace(
                {literal.isCaseless ? literal.text.toLower() : literal.text, literal.isCaseless},
                static_cast<int>(m_texts.size()));
            if (isNew) {
                m_texts.push_back(literal);
                m_set.uses.emplace_back();
            }
            addUse(place->second, use);
        }
        return !spelt.empty();
    }

    void addGapWords()
    {
        m_set.firstGapWord = static_cast<int>(m_set.uses.size());
        std::vector<ClassWord> begins;
        std::vector<int> ids;
        for (const auto &[word, use] : m_gaps) {
            ids.push_back(static_cast<int>(m_set.uses.size()));
            m_set.uses.emplace_back();
            addUse(ids.back(), use);
            ByteSet second = word[1].letter;
            if (word[1].most > 0) {
                second |= word[1].gap;
            }
            begins.push_back({word[0].letter, second});
            m_set.gapWords.push_back(word);
        }
        m_set.gapBegins = ClassFilter(begins, ids);
    }

    void markRareWords(const std::vector<Ways> &patterns)
    {
        std::vector<bool> isRareWay;  // Entries are made in this order.
        for (const Ways &ways : patterns) {
            for (const Conditions &way : ways) {
                isRareWay.push_back(!way.empty() && way.front().isRare);
            }
        }
        for (const std::vector<Use> &uses : m_set.uses) {
            m_set.isRareWord.push_back(std::any_of(uses.begin(), uses.end(), [&](const Use &use) {
                return use.condition == 0 && isRareWay[static_cast<size_t>(use.entry)];
            }));
        }
    }

    void addUse(int word, Use use)
    {
        m_set.uses[static_cast<size_t>(word)].push_back(use);
        m_set.entries[static_cast<size_t>(use.entry)]
            .conditions[static_cast<size_t>(use.condition)]
            .words.push_back(word);
    }

    ClassFilter filterOf(const OpenWords &open)
    {
        std::vector<ClassWord> words;
        std::vector<int> ids;
        std::map<ClassWord, int> known;
        for (const auto &[word, use] : open) {
            const auto [place, isNew] = known.try_emplace(word,
                                                          static_cast<int>(m_set.uses.size()));
            if (isNew) {
                m_set.uses.emplace_back();
                ids.push_back(place->second);
                words.push_back(word);
            }
            addUse(place->second, use);
        }
        return {words, ids};
    }

    Private &m_set;
    std::vector<Literal> m_texts;
    std::map<std::pair<QByteArray, bool>, int> m_known;
    OpenWords m_plain;
    OpenWords m_rare;
    std::vector<std::pair<GapWord, Use>> m_gaps;
};

void PatternSet::Private::build(const std::vector<Ways> &patterns)
{
    Builder(*this).build(patterns);
}

}  // namespace portcullis::spam
