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
void ClassFilter::fillBuckets(const std::vector<ClassWord> &words, const std::vector<int> &ids)
{
    struct Member {
        ClassWord sets;
        int id = 0;
        double likelihood = 0;
    };
    struct Bucket {
        ClassWord sets;
        std::vector<Member> members;
        double cost = 0;
    };
    std::vector<Member> all;
    for (size_t i = 0; i < words.size(); ++i) {
        ClassWord sets = bestWindow(words[i]);
        const double likelihood = likelihoodOf(sets);
        all.push_back({std::move(sets), ids[i], likelihood});
    }
    std::sort(all.begin(), all.end(), [](const Member &a, const Member &b) {
        return a.likelihood != b.likelihood ? a.likelihood > b.likelihood : a.sets < b.sets;
    });
    std::vector<Bucket> open(buckets);
    for (Member &member : all) {
        Bucket *best = nullptr;
        double least = std::numeric_limits<double>::max();
        for (Bucket &bucket : open) {
            const double united = bucket.members.empty()
                                      ? member.likelihood
                                      : likelihoodOf(unionOf(bucket.sets, member.sets));
            const double cost = united * static_cast<double>(bucket.members.size() + 1);
            if (cost - bucket.cost < least) {
                least = cost - bucket.cost;
                best = &bucket;
            }
        }
        best->sets = best->members.empty() ? member.sets : unionOf(best->sets, member.sets);
        best->cost += least;
        best->members.push_back(std::move(member));
    }
    for (size_t bucket = 0; bucket < open.size(); ++bucket) {
        m_begins[bucket] = static_cast<int>(m_words.size());
        for (const Member &member : open[bucket].members) {
            Word word;
            word.sets = static_cast<quint32>(m_sets.size());
            word.id = member.id;
            word.length = static_cast<quint8>(member.sets.size());
            const auto rarest = std::min_element(
                member.sets.begin(), member.sets.end(),
                [](const auto &a, const auto &b) { return likelihoodOf(a) < likelihoodOf(b); });
            word.rarest = *rarest;
            word.place = static_cast<quint8>(rarest - member.sets.begin());
            m_sets.insert(m_sets.end(), member.sets.begin(), member.sets.end());
            m_words.push_back(word);
        }
    }
    m_begins[buckets] = static_cast<int>(m_words.size());
}

void ClassFilter::fillTables()
{
    for (int bucket = 0; bucket < buckets; ++bucket) {
        const quint64 bit = quint64(1) << static_cast<unsigned>(bucket);
        for (int i = m_begins[static_cast<size_t>(bucket)];
             i < m_begins[static_cast<size_t>(bucket) + 1]; ++i) {
            const Word &word = m_words[static_cast<size_t>(i)];
            for (size_t place = 0; place < window; ++place) {
                const bool isBeyond = place >= word.length;
                for (size_t byte = 0; byte < 256; ++byte) {
                    if (isBeyond || m_sets[word.sets + place].contains(static_cast<uchar>(byte))) {
                        m_tables[place][byte] |= bit;
                    }
                }
                if (isBeyond) {
                    m_tables[place][endOfText] |= bit;
                }
            }
        }
    }
}

ClassFilter::ClassFilter(const std::vector<ClassWord> &words, const std::vector<int> &ids)
{
    fillBuckets(words, ids);
    fillTables();
}

}  // namespace portcullis::spam
