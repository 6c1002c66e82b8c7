// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/RequiredText.h"

#include <QtCore/QByteArrayView>

#include <array>
#include <vector>

namespace portcullis::spam {

/// Finds words of byte classes ("[fF][o0ö]…") in a text: for rules against obfuscated words, of which no
/// literal text is known. Each word is known by two neighbouring octets of it, those that mail has least
/// often together: a table says for every pair of a text which words have it, and those are compared.
/// Immutable.
class ClassFilter
{
public:
    static constexpr int window = 8;  ///< Octets of a word that are looked at; the best ones.

    /// Longer words are cut to their least probable window. Word i reports `ids[i]`.
    ClassFilter(const std::vector<ClassWord> &words, const std::vector<int> &ids);
    ClassFilter() = default;

    /// The least probable part of a word that fits the window.
    static ClassWord bestWindow(const ClassWord &word);
    /// At most `most` words that together contain all the given ones: sound, less exact.
    static std::vector<ClassWord> merged(std::vector<ClassWord> words, size_t most);

    [[nodiscard]] bool isEmpty() const { return m_words.empty(); }
    [[nodiscard]] size_t wordCount() const { return m_words.size(); }

    /// Calls found(id, begin) for words that occur in the text, once for each place.
    template<typename Found>
    void scan(QByteArrayView text, const Found &found) const
    {
        const auto *const bytes = reinterpret_cast<const uchar *>(text.data());
        const qsizetype size = text.size();
        for (qsizetype at = 0; at < size; ++at) {
            const size_t next = at + 1 < size ? bytes[at + 1] : endOfText;
            const quint32 list = m_lists[m_rows[bytes[at]] + m_columns[next]];
            if (list != 0) {
                compare(text, at, list, found);
            }
        }
    }

private:
    static constexpr size_t endOfText = 256;

    struct Word {
        quint32 sets = 0;  ///< Where its sets begin in m_sets.
        int id = 0;
        quint8 place = 0;  ///< Of the pair.
        quint8 length = 0;
    };

    void addWord(const ClassWord &word, int id);
    void fillTables();
    [[nodiscard]] ByteSet setAt(const Word &word, size_t place) const;

    template<typename Found>
    void compare(QByteArrayView text, qsizetype at, quint32 list, const Found &found) const
    {
        const auto *const bytes = reinterpret_cast<const uchar *>(text.data());
        for (const quint32 *each = &m_members[list], *end = each + *(each - 1); each != end;
             ++each) {
            const Word &word = m_words[*each];
            const qsizetype begin = at - word.place;
            if (begin >= 0 && word.length <= text.size() - begin && fits(word, bytes + begin)) {
                found(word.id, begin);
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

    std::array<quint32, 256> m_rows{};  ///< Octets that all pairs treat alike share a row …
    std::array<quint32, endOfText + 1> m_columns{};  ///< … and a column.
    std::vector<quint32> m_lists;    ///< Of row and column: where the words with that pair begin.
    std::vector<quint32> m_members;  ///< Words of all lists, the length before each; 0 is none.
    std::vector<Word> m_words;
    std::vector<ByteSet> m_sets;
};

}  // namespace portcullis::spam
