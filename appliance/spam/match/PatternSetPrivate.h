// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/LiteralFinder.h"
#include "appliance/spam/match/PatternSet.h"

namespace portcullis::spam {

/// What a PatternSet knows of its expressions and their words.
struct PatternSet::Private {
    /// A word (literal or of classes) belongs to conditions of entries.
    struct Use {
        int entry;
        int condition;
    };
    struct Condition {
        std::vector<int> words;
        int least = 1;
    };
    /// A way of an expression.
    struct Entry {
        int pattern;
        std::vector<Condition> conditions;
    };

    size_t patternCount = 0;
    std::vector<int> direct;
    std::vector<Entry> entries;
    std::vector<std::vector<Use>> uses;  // By word: literals first.
    std::unique_ptr<LiteralFinder> literals;
    size_t literalCount = 0;
    ClassFilter classes;
    ClassFilter rareClasses;  // Of ways that only texts with a rare word take.
    std::vector<bool> isRareWord;
    ClassFilter gapBegins;  // First two octets of words with gaps.
    std::vector<GapWord> gapWords;
    int firstGapWord = 0;

    void build(const std::vector<Ways> &patterns);
    void prepare(PatternSetScratch &scratch, qsizetype scans) const;
    void hit(int word, quint32 times, PatternSetScratch &scratch) const
    {
        PatternSetScratch::Mark &mark = scratch.words[static_cast<size_t>(word)];
        if (mark.scan != scratch.scan) {
            mark = {scratch.scan, 0};
            scratch.named.push_back(word);
            scratch.hasRare = scratch.hasRare || isRareWord[static_cast<size_t>(word)];
        }
        mark.count += times;
    }
    [[nodiscard]] bool holds(const Condition &condition, const PatternSetScratch &scratch) const
    {
        auto open = static_cast<quint32>(condition.least);
        for (const int word : condition.words) {
            const PatternSetScratch::Mark &mark = scratch.words[static_cast<size_t>(word)];
            if (mark.scan == scratch.scan) {
                if (mark.count >= open) {
                    return true;
                }
                open -= mark.count;
            }
        }
        return false;
    }
    void findClasses(QByteArrayView text, PatternSetScratch &scratch) const;
    /// Calls found(pattern) for what the marked words name.
    template<typename Found>
    void name(PatternSetScratch &scratch, const Found &found) const;
};

}  // namespace portcullis::spam
