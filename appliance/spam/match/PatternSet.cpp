// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/PatternSet.h"

#include "appliance/spam/match/LiteralFinder.h"

#include <QtCore/QHash>

#include <algorithm>
#include <map>

namespace portcullis::spam {

namespace {

constexpr size_t leastLiteral = 3;   // Shorter ones occur everywhere.
constexpr size_t maxSpellings = 16;  // Literals that one word of classes may become.
constexpr size_t maxClassWords = 6;  // Of one condition; more are merged.

/// The literal spellings of a word, nothing if there are too many. Letters that occur in both cases do
/// not count: then all of the word is caseless, which finds more, never less.
std::vector<Literal> spellings(const ClassWord &word)
{
    if (word.size() < leastLiteral) {
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

struct PatternSet::Private {
    /// A word (literal or of classes) belongs to conditions of patterns.
    struct Use {
        int pattern;
        int condition;
    };

    size_t patternCount = 0;
    std::vector<int> direct;
    std::vector<std::vector<Use>> uses;                     // By word.
    std::vector<std::vector<std::vector<int>>> conditions;  // Pattern → condition → words.
    std::unique_ptr<LiteralFinder> literals;
    size_t literalCount = 0;
    ClassFilter classes;

    void build(const std::vector<Conditions> &patterns);
    void hit(int word, PatternSetScratch &scratch) const
    {
        quint32 &mark = scratch.words[static_cast<size_t>(word)];
        if (mark != scratch.scan) {
            mark = scratch.scan;
            scratch.named.push_back(word);
        }
    }
    [[nodiscard]] bool holds(const std::vector<int> &words, const PatternSetScratch &scratch) const
    {
        return std::any_of(words.begin(), words.end(), [&](int word) {
            return scratch.words[static_cast<size_t>(word)] == scratch.scan;
        });
    }
};

void PatternSet::Private::build(const std::vector<Conditions> &patterns)
{
    patternCount = patterns.size();
    conditions.resize(patterns.size());
    std::vector<Literal> texts;
    std::map<std::pair<QByteArray, bool>, int> known;
    std::vector<std::pair<ClassWord, Use>> open;
    const auto addUse = [this](int word, Use use) {
        uses[static_cast<size_t>(word)].push_back(use);
        conditions[static_cast<size_t>(use.pattern)][static_cast<size_t>(use.condition)].push_back(
            word);
    };
    for (size_t i = 0; i < patterns.size(); ++i) {
        conditions[i].resize(patterns[i].size());
        if (patterns[i].empty()) {
            direct.push_back(static_cast<int>(i));
        }
        for (size_t k = 0; k < patterns[i].size(); ++k) {
            const Use use{static_cast<int>(i), static_cast<int>(k)};
            std::vector<ClassWord> rest;
            for (const ClassWord &word : patterns[i][k].words) {
                const std::vector<Literal> spelt = spellings(word);
                if (spelt.empty()) {
                    rest.push_back(word);
                }
                for (const Literal &literal : spelt) {
                    const auto [place, isNew] = known.try_emplace(
                        {literal.isCaseless ? literal.text.toLower() : literal.text,
                         literal.isCaseless},
                        static_cast<int>(texts.size()));
                    if (isNew) {
                        texts.push_back(literal);
                        uses.emplace_back();
                    }
                    addUse(place->second, use);
                }
            }
            for (ClassWord &word : ClassFilter::merged(std::move(rest), maxClassWords)) {
                open.emplace_back(std::move(word), use);
            }
        }
    }
    literalCount = texts.size();
    literals = std::make_unique<LiteralFinder>(texts);
    std::vector<ClassWord> words;
    std::vector<int> ids;
    for (auto &[word, use] : open) {
        const auto id = static_cast<int>(uses.size());
        uses.emplace_back();
        addUse(id, use);
        ids.push_back(id);
        words.push_back(std::move(word));
    }
    classes = ClassFilter(words, ids);
}

PatternSet::PatternSet()
    : d(std::make_unique<Private>())
{
    d->build({});
}

PatternSet::PatternSet(const std::vector<Conditions> &patterns)
    : d(std::make_unique<Private>())
{
    d->build(patterns);
}

PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet &&) noexcept = default;
PatternSet &PatternSet::operator=(PatternSet &&) noexcept = default;

void PatternSet::candidates(QByteArrayView text,
                            PatternSetScratch &scratch,
                            std::vector<int> &into) const
{
    into.insert(into.end(), d->direct.begin(), d->direct.end());
    if (d->uses.empty()) {
        return;
    }
    if (scratch.words.size() < d->uses.size()) {
        scratch.words.resize(d->uses.size(), 0);
    }
    if (scratch.patterns.size() < d->patternCount) {
        scratch.patterns.resize(d->patternCount, 0);
    }
    if (++scratch.scan == 0) {
        std::fill(scratch.words.begin(), scratch.words.end(), 0U);
        std::fill(scratch.patterns.begin(), scratch.patterns.end(), 0U);
        scratch.scan = 1;
    }
    scratch.found.clear();
    scratch.named.clear();
    d->literals->find(text, scratch.found);
    for (const int word : scratch.found) {
        d->hit(word, scratch);
    }
    if (!d->classes.isEmpty()) {
        d->classes.scan(text, [&](int word) { d->hit(word, scratch); });
    }
    for (const int word : scratch.named) {
        for (const Private::Use &use : d->uses[static_cast<size_t>(word)]) {
            const auto pattern = static_cast<size_t>(use.pattern);
            if (use.condition != 0 || scratch.patterns[pattern] == scratch.scan) {
                continue;
            }
            const auto &conditions = d->conditions[pattern];
            const bool hold = std::all_of(
                conditions.begin() + 1, conditions.end(),
                [&](const auto &words) { return d->holds(words, scratch); });
            scratch.patterns[pattern] = scratch.scan;
            if (hold) {
                into.push_back(use.pattern);
            }
        }
    }
}

PatternSet::Statistics PatternSet::statistics() const
{
    return {d->patternCount, d->direct.size(), d->literalCount, d->classes.wordCount()};
}

PatternSet::Conditions conditionsOf(const Regex &regex)
{
    const auto tree = readRegex(regex);
    return tree ? requiredFactors(*tree) : PatternSet::Conditions{};
}

}  // namespace portcullis::spam
