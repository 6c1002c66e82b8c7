// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RequiredText.h"

#include <QtCore/QByteArrayView>

#include <array>
#include <vector>

namespace portcullis::spam {

/// Finds words of byte classes ("[fF][o0ö]…") in a text: for rules against obfuscated words, of which no
/// literal text is known. Words share 64 buckets; a table says for each octet of a window which buckets
/// may begin here, and the few that remain are compared. Immutable.
class ClassFilter
{
public:
    static constexpr int window = 8;    ///< Octets of a word that are looked at; the best ones.
    static constexpr int buckets = 64;  ///< One bit of a machine word each.

    /// Longer words are cut to their least probable window. Word i reports `ids[i]`.
    ClassFilter(const std::vector<ClassWord> &words, const std::vector<int> &ids);
    ClassFilter() = default;

    /// The least probable part of a word that fits the window.
    static ClassWord bestWindow(const ClassWord &word);
    /// At most `most` words that together contain all the given ones: sound, less exact.
    static std::vector<ClassWord> merged(std::vector<ClassWord> words, size_t most);

    [[nodiscard]] bool isEmpty() const { return m_words.empty(); }
    [[nodiscard]] size_t wordCount() const { return m_words.size(); }

    /// Calls found(id) for words that occur in the text, more than once perhaps.
    template<typename Found>
    void scan(QByteArrayView text, const Found &found) const
    {
        const auto *const bytes = reinterpret_cast<const uchar *>(text.data());
        const qsizetype size = text.size();
        for (qsizetype at = 0; at < size; ++at) {
            quint64 open = m_tables[0][bytes[at]];
            if (size - at >= window) {
                open &= m_tables[1][bytes[at + 1]] & m_tables[2][bytes[at + 2]]
                        & m_tables[3][bytes[at + 3]];
                if (open == 0) {
                    continue;
                }
                open &= m_tables[4][bytes[at + 4]] & m_tables[5][bytes[at + 5]]
                        & m_tables[6][bytes[at + 6]] & m_tables[7][bytes[at + 7]];
            } else {
                for (int i = 1; i < window; ++i) {
                    const size_t index = at + i < size ? bytes[at + i] : endOfText;
                    open &= m_tables[static_cast<size_t>(i)][index];
                }
            }
            for (; open != 0; open &= open - 1) {
                compare(text.sliced(at), std::countr_zero(open), found);
            }
        }
    }

private:
    static constexpr size_t endOfText = 256;

    /// Laid out for the comparison: what most texts fail at stands first and in one piece.
    struct Word {
        ByteSet rarest;
        quint32 sets = 0;  ///< Where its sets begin in m_sets.
        int id = 0;
        quint8 place = 0;  ///< Of the rarest.
        quint8 length = 0;
    };

    void fillBuckets(const std::vector<ClassWord> &words, const std::vector<int> &ids);
    void fillTables();

    template<typename Found>
    void compare(QByteArrayView text, int bucket, const Found &found) const
    {
        const auto *const bytes = reinterpret_cast<const uchar *>(text.data());
        const int end = m_begins[static_cast<size_t>(bucket) + 1];
        for (int i = m_begins[static_cast<size_t>(bucket)]; i < end; ++i) {
            const Word &word = m_words[static_cast<size_t>(i)];
            if (word.length <= text.size() && word.rarest.contains(bytes[word.place])
                && fits(word, bytes)) {
                found(word.id);
            }
        }
    }
    bool fits(const Word &word, const uchar *bytes) const
    {
        for (size_t i = 0; i < word.length; ++i) {
            if (!m_sets[word.sets + i].contains(bytes[i])) {
                return false;
            }
        }
        return true;
    }

    std::array<std::array<quint64, 257>, window> m_tables{};
    std::vector<Word> m_words;  ///< By bucket.
    std::vector<ByteSet> m_sets;
    std::array<int, buckets + 1> m_begins{};
};

}  // namespace portcullis::spam
