// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/Spelling.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace portcullis::spam {

namespace {

constexpr int mostWrong = 2;
constexpr qsizetype longestWord = 64;  // Longer ones are no slips.

/// Letters to insert, remove, replace or swap with their neighbour; more than `mostWrong` may be any number
/// above it.
int lettersWrong(const QByteArray &said, const QByteArray &meant)
{
    const auto width = static_cast<size_t>(meant.size()) + 1;
    std::vector<int> before(width);
    std::vector<int> last(width);
    std::vector<int> now(width);
    std::iota(last.begin(), last.end(), 0);
    for (qsizetype i = 1; i <= said.size(); ++i) {
        now[0] = static_cast<int>(i);
        for (size_t j = 1; j < width; ++j) {
            const auto at = static_cast<qsizetype>(j) - 1;
            const bool isSame = said[i - 1] == meant[at];
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1)});
            if (i > 1 && j > 1 && said[i - 1] == meant[at - 1] && said[i - 2] == meant[at]) {
                now[j] = std::min(now[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, now);
    }
    return last[width - 1];
}

}  // namespace

QByteArray nearestWord(const QByteArray &word, const QList<QByteArray> &known)
{
    if (word.size() > longestWord) {
        return {};
    }
    const int most = std::min(mostWrong, static_cast<int>(word.size()) / 3);
    QByteArray nearest;
    int least = most + 1;
    for (const QByteArray &candidate : known) {
        if (std::abs(candidate.size() - word.size()) >= least) {
            continue;
        }
        const int wrong = lettersWrong(word, candidate);
        if (wrong > 0 && wrong < least) {
            least = wrong;
            nearest = candidate;
        }
    }
    return nearest;
}

QByteArray spellingHint(const QByteArray &word, const QList<QByteArray> &known)
{
    const QByteArray nearest = nearestWord(word, known);
    return nearest.isEmpty() ? QByteArray() : "; did you mean '" + nearest + "'?";
}

}  // namespace portcullis::spam
