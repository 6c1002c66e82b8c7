// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/ClassFilter.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace portcullis::spam {

namespace {

/// Comparing every pair of more words than these takes too long at load.
constexpr size_t maxCompared = 16;

ClassWord unionOf(const ClassWord &a, const ClassWord &b)
{
    ClassWord both(std::min(a.size(), b.size()));
    for (size_t i = 0; i < both.size(); ++i) {
        both[i] = a[i];
        both[i] |= b[i];
    }
    return both;
}

void mergeNeighbours(std::vector<ClassWord> &words, size_t most)
{
    while (words.size() > most) {
        std::vector<ClassWord> fewer;
        for (size_t i = 0; i < words.size(); i += 2) {
            fewer.push_back(i + 1 < words.size() ? unionOf(words[i], words[i + 1]) : words[i]);
        }
        words = std::move(fewer);
    }
}

/// Octets (and the end of a text) by what sets say of them: those that no set tells apart are one class.
class ByteClasses
{
public:
    void distinguish(const ByteSet &set, bool hasEnd)
    {
        std::map<quint32, quint32> inside;  // Class → that of its members in the set.
        for (size_t octet = 0; octet < m_classes.size(); ++octet) {
            if (contains(set, hasEnd, octet)) {
                m_classes[octet] = inside.try_emplace(m_classes[octet], m_count++).first->second;
            }
        }
        renumber();
    }

    [[nodiscard]] size_t count() const { return m_count; }
    [[nodiscard]] quint32 at(size_t octet) const { return m_classes[octet]; }
    [[nodiscard]] std::set<quint32> of(const ByteSet &set, bool hasEnd) const
    {
        std::set<quint32> classes;
        for (size_t octet = 0; octet < m_classes.size(); ++octet) {
            if (contains(set, hasEnd, octet)) {
                classes.insert(m_classes[octet]);
            }
        }
        return classes;
    }

private:
    static bool contains(const ByteSet &set, bool hasEnd, size_t octet)
    {
        return octet < 256 ? set.contains(static_cast<uchar>(octet)) : hasEnd;
    }
    void renumber()
    {
        std::map<quint32, quint32> numbers;
        for (quint32 &each : m_classes) {
            each = numbers.try_emplace(each, static_cast<quint32>(numbers.size())).first->second;
        }
        m_count = static_cast<quint32>(numbers.size());
    }

    std::array<quint32, 257> m_classes{};
    quint32 m_count = 1;
};

}  // namespace

ClassWord ClassFilter::bestWindow(const ClassWord &word)
{
    if (word.size() <= window) {
        return word;
    }
    ClassWord best;
    double least = std::numeric_limits<double>::max();
    for (size_t at = 0; at + window <= word.size(); ++at) {
        const auto begin = word.begin() + static_cast<ptrdiff_t>(at);
        const ClassWord part(begin, begin + window);
        const double likelihood = likelihoodOf(part);
        if (likelihood < least) {
            least = likelihood;
            best = part;
        }
    }
    return best;
}

std::vector<ClassWord> ClassFilter::merged(std::vector<ClassWord> words, size_t most)
{
    for (ClassWord &word : words) {
        word = bestWindow(word);
    }
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    if (words.size() > maxCompared) {
        mergeNeighbours(words, maxCompared);
    }
    while (words.size() > most) {
        size_t first = 0;
        size_t second = 1;
        double least = std::numeric_limits<double>::max();
        for (size_t i = 0; i < words.size(); ++i) {
            for (size_t k = i + 1; k < words.size(); ++k) {
                const double growth = likelihoodOf(unionOf(words[i], words[k]))
                                      - likelihoodOf(words[i]) - likelihoodOf(words[k]);
                if (growth < least) {
                    least = growth;
                    first = i;
                    second = k;
                }
            }
        }
        words[first] = unionOf(words[first], words[second]);
        words.erase(words.begin() + static_cast<ptrdiff_t>(second));
    }
    return words;
}

ClassFilter::ClassFilter(const std::vector<ClassWord> &words, const std::vector<int> &ids)
{
    for (size_t i = 0; i < words.size(); ++i) {
        addWord(bestWindow(words[i]), ids[i]);
    }
    fillTables();
}

void ClassFilter::addWord(const ClassWord &word, int id)
{
    Word made;
    made.sets = static_cast<quint32>(m_sets.size());
    made.id = id;
    made.length = static_cast<quint8>(word.size());
    m_sets.insert(m_sets.end(), word.begin(), word.end());
    double least = std::numeric_limits<double>::max();
    for (size_t place = 0; place + 1 < word.size(); ++place) {
        const double likelihood = likelihoodOf(word[place]) * likelihoodOf(word[place + 1]);
        if (likelihood < least) {
            least = likelihood;
            made.place = static_cast<quint8>(place);
        }
    }
    m_words.push_back(made);
}

/// What may stand there; everything behind the end of a word of one octet.
ByteSet ClassFilter::setAt(const Word &word, size_t place) const
{
    return place < word.length ? m_sets[word.sets + place] : ByteSet::all();
}

void ClassFilter::fillTables()
{
    ByteClasses rows;
    ByteClasses columns;
    for (const Word &word : m_words) {
        rows.distinguish(setAt(word, word.place), false);
        columns.distinguish(setAt(word, word.place + 1U), word.length == 1);
    }
    std::vector<std::vector<quint32>> cells(rows.count() * columns.count());
    for (size_t i = 0; i < m_words.size(); ++i) {
        const Word &word = m_words[i];
        for (const quint32 column : columns.of(setAt(word, word.place + 1U), word.length == 1)) {
            for (const quint32 row : rows.of(setAt(word, word.place), false)) {
                cells[row * columns.count() + column].push_back(static_cast<quint32>(i));
            }
        }
    }
    for (size_t octet = 0; octet <= endOfText; ++octet) {
        if (octet < endOfText) {
            m_rows[octet] = rows.at(octet) * static_cast<quint32>(columns.count());
        }
        m_columns[octet] = columns.at(octet);
    }
    std::map<std::vector<quint32>, quint32> known{{{}, 0}};
    m_members = {0};
    m_lists.reserve(cells.size());
    for (const std::vector<quint32> &cell : cells) {
        const auto [place, isNew] = known.try_emplace(cell,
                                                      static_cast<quint32>(m_members.size()) + 1);
        if (isNew) {
            m_members.push_back(static_cast<quint32>(cell.size()));
            m_members.insert(m_members.end(), cell.begin(), cell.end());
        }
        m_lists.push_back(place->second);
    }
}

}  // namespace portcullis::spam
