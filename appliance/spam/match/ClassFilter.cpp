// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/ClassFilter.h"

#include <algorithm>
#include <limits>

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

/// Words that are alike share a bucket: what a bucket lets through is the union of its words, and all of
/// them are compared then. The most probable words choose first.
void ClassFilter::fillBuckets()
{
    struct Bucket {
        ClassWord sets;
        std::vector<Word> words;
        double cost = 0;
    };
    std::vector<Bucket> open(buckets);
    std::sort(m_words.begin(), m_words.end(), [](const Word &a, const Word &b) {
        const double likelihoodA = likelihoodOf(a.sets);
        const double likelihoodB = likelihoodOf(b.sets);
        return likelihoodA != likelihoodB ? likelihoodA > likelihoodB : a.sets < b.sets;
    });
    for (Word &word : m_words) {
        Bucket *best = nullptr;
        double least = std::numeric_limits<double>::max();
        for (Bucket &bucket : open) {
            const ClassWord joined = bucket.words.empty() ? word.sets
                                                          : unionOf(bucket.sets, word.sets);
            const double cost = likelihoodOf(joined) * static_cast<double>(bucket.words.size() + 1);
            if (cost - bucket.cost < least) {
                least = cost - bucket.cost;
                best = &bucket;
            }
        }
        best->sets = best->words.empty() ? word.sets : unionOf(best->sets, word.sets);
        best->words.push_back(std::move(word));
        best->cost = likelihoodOf(best->sets) * static_cast<double>(best->words.size());
    }
    m_words.clear();
    for (size_t bucket = 0; bucket < open.size(); ++bucket) {
        m_begins[bucket] = static_cast<int>(m_words.size());
        std::move(open[bucket].words.begin(), open[bucket].words.end(),
                  std::back_inserter(m_words));
    }
    m_begins[buckets] = static_cast<int>(m_words.size());
}

ClassFilter::ClassFilter(const std::vector<ClassWord> &words, const std::vector<int> &ids)
{
    for (size_t i = 0; i < words.size(); ++i) {
        m_words.push_back({bestWindow(words[i]), ids[i]});
    }
    fillBuckets();
    for (int bucket = 0; bucket < buckets; ++bucket) {
        const quint64 bit = quint64(1) << static_cast<unsigned>(bucket);
        for (int i = m_begins[static_cast<size_t>(bucket)];
             i < m_begins[static_cast<size_t>(bucket) + 1]; ++i) {
            const ClassWord &sets = m_words[static_cast<size_t>(i)].sets;
            for (size_t place = 0; place < window; ++place) {
                for (size_t byte = 0; byte < 256; ++byte) {
                    if (place >= sets.size() || sets[place].contains(static_cast<uchar>(byte))) {
                        m_tables[place][byte] |= bit;
                    }
                }
                if (place >= sets.size()) {
                    m_tables[place][endOfText] |= bit;
                }
            }
        }
    }
}

}  // namespace portcullis::spam
