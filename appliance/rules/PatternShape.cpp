// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/PatternShape.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>

namespace portcullis::rules {

namespace {

/// Of one pattern; each is matched once when it is saved.
constexpr size_t maxSubjects = 60;

using Pair = std::pair<int, int>;
using Reach = std::set<Pair>;

/// A character of the set that reads well in a subject; any if there is no such.
char sampleOf(const CharacterSet &set)
{
    for (const char c : QByteArrayView("a0 .-_/x@A,")) {
        if (set[static_cast<size_t>(static_cast<uchar>(c))]) {
            return c;
        }
    }
    for (size_t c = 1; c < 128; ++c) {
        if (set[c]) {
            return static_cast<char>(c);
        }
    }
    return 'a';
}

/// All pairs that can be reached from (start, start), step by step over the same characters.
Reach pairsFrom(int start,
                const std::function<void(Pair, const std::function<void(Pair)> &)> &steps)
{
    Reach seen{{start, start}};
    std::deque<Pair> open{{start, start}};
    while (!open.empty()) {
        const Pair at = open.front();
        open.pop_front();
        steps(at, [&](Pair next) {
            if (seen.insert(next).second) {
                open.push_back(next);
            }
        });
    }
    return seen;
}

}  // namespace

/// Strongly connected positions (those that can be reached from each other), by two searches each:
/// shapes are small.
std::vector<std::vector<int>> PatternShape::loops() const
{
    const size_t count = m_positions.size();
    std::vector<std::vector<int>> backwards(count);
    for (size_t from = 0; from < count; ++from) {
        for (const Edge &edge : m_follow[from]) {
            backwards[static_cast<size_t>(edge.to)].push_back(static_cast<int>(from));
        }
    }
    const auto reach = [count](int start, const auto &nextOf) {
        std::vector<bool> seen(count, false);
        std::vector<int> open{start};
        while (!open.empty()) {
            const int at = open.back();
            open.pop_back();
            nextOf(at, [&](int next) {
                if (!seen[static_cast<size_t>(next)]) {
                    seen[static_cast<size_t>(next)] = true;
                    open.push_back(next);
                }
            });
        }
        return seen;
    };
    std::vector<bool> done(count, false);
    std::vector<std::vector<int>> found;
    for (size_t start = 0; start < count; ++start) {
        if (done[start]) {
            continue;
        }
        const auto after = reach(static_cast<int>(start), [this](int at, const auto &visit) {
            for (const Edge &edge : m_follow[static_cast<size_t>(at)]) {
                visit(edge.to);
            }
        });
        if (!after[start]) {
            continue;
        }
        const auto before = reach(static_cast<int>(start), [&backwards](int at, const auto &visit) {
            for (const int previous : backwards[static_cast<size_t>(at)]) {
                visit(previous);
            }
        });
        std::vector<int> loop;
        for (size_t at = 0; at < count; ++at) {
            if (after[at] && before[at]) {
                loop.push_back(static_cast<int>(at));
                done[at] = true;
            }
        }
        found.push_back(std::move(loop));
    }
    return found;
}

int PatternShape::exponentialOffset() const
{
    for (const std::vector<int> &loop : loops()) {
        const int offset = exponentialOffsetIn(loop);
        if (offset >= 0) {
            return offset;
        }
    }
    return -1;
}

int PatternShape::exponentialOffsetIn(const std::vector<int> &loop) const
{
    std::vector<bool> isInLoop(m_positions.size(), false);
    for (const int position : loop) {
        isInLoop[static_cast<size_t>(position)] = true;
    }
    std::vector<std::vector<int>> next(m_positions.size());
    std::vector<std::vector<int>> previous(m_positions.size());
    for (const int from : loop) {
        for (const Edge &edge : m_follow[static_cast<size_t>(from)]) {
            if (!isInLoop[static_cast<size_t>(edge.to)]) {
                continue;
            }
            if (edge.isAmbiguous) {
                return m_positions[static_cast<size_t>(edge.to)].offset;
            }
            next[static_cast<size_t>(from)].push_back(edge.to);
            previous[static_cast<size_t>(edge.to)].push_back(from);
        }
    }
    const auto overlap = [this](int a, int b) {
        return (m_positions[static_cast<size_t>(a)].characters
                & m_positions[static_cast<size_t>(b)].characters)
            .any();
    };
    const auto stepper = [&overlap](const std::vector<std::vector<int>> &ways) {
        return [&ways, &overlap](Pair at, const std::function<void(Pair)> &visit) {
            for (const int a : ways[static_cast<size_t>(at.first)]) {
                for (const int b : ways[static_cast<size_t>(at.second)]) {
                    if (overlap(a, b)) {
                        visit({a, b});
                    }
                }
            }
        };
    };
    const Reach after = pairsFrom(loop.front(), stepper(next));
    const Reach before = pairsFrom(loop.front(), stepper(previous));
    for (const Pair &pair : after) {
        if (pair.first != pair.second && before.contains(pair)) {
            return m_positions[static_cast<size_t>(std::min(pair.first, pair.second))].offset;
        }
    }
    return -1;
}

/// The shortest way from one of `from` to `to`, both included; empty if there is none.
std::vector<int> PatternShape::path(const std::vector<int> &from, int to) const
{
    std::vector<int> cameFrom(m_positions.size(), -2);
    std::deque<int> open;
    for (const int start : from) {
        cameFrom[static_cast<size_t>(start)] = -1;
        open.push_back(start);
    }
    const auto isReached = [&]() { return cameFrom[static_cast<size_t>(to)] != -2; };
    while (!open.empty() && !isReached()) {
        const int at = open.front();
        open.pop_front();
        for (const Edge &edge : m_follow[static_cast<size_t>(at)]) {
            if (cameFrom[static_cast<size_t>(edge.to)] == -2) {
                cameFrom[static_cast<size_t>(edge.to)] = at;
                open.push_back(edge.to);
            }
        }
    }
    std::vector<int> way;
    for (int at = isReached() ? to : -1; at >= 0; at = cameFrom[static_cast<size_t>(at)]) {
        way.push_back(at);
    }
    std::reverse(way.begin(), way.end());
    return way;
}

/// What has to follow after `from` for a match, without its last position; empty if nothing has to.
std::vector<int> PatternShape::wayOut(int from) const
{
    std::vector<int> starts;
    for (const Edge &edge : m_follow[static_cast<size_t>(from)]) {
        starts.push_back(edge.to);
    }
    for (const int last : m_last) {
        std::vector<int> way = path(starts, last);
        if (!way.empty()) {
            way.pop_back();
            return way;
        }
    }
    return {};
}

std::vector<QByteArray> PatternShape::hostileSubjects(qsizetype length) const
{
    const auto textOf = [this](const std::vector<int> &way) {
        QByteArray text;
        for (const int position : way) {
            text += sampleOf(m_positions[static_cast<size_t>(position)].characters);
        }
        return text;
    };
    std::vector<QByteArray> subjects;
    QByteArray everyLoop;
    for (const std::vector<int> &loop : loops()) {
        std::vector<int> starts;
        for (const Edge &edge : m_follow[static_cast<size_t>(loop.front())]) {
            starts.push_back(edge.to);
        }
        const QByteArray round = textOf(path(starts, loop.front()));
        const QByteArray lead = textOf(path(m_first, loop.front()));
        const qsizetype times = std::max<qsizetype>(1,
                                                    length / std::max<qsizetype>(1, round.size()));
        subjects.push_back(lead + round.repeated(times) + '\x01');
        subjects.push_back(lead + round.repeated(times) + textOf(wayOut(loop.front())) + '\x01');
        subjects.push_back(lead + round.repeated(times));
        everyLoop += lead + round.repeated(std::max<qsizetype>(1, times / 4));
        if (subjects.size() >= maxSubjects) {
            break;
        }
    }
    if (!everyLoop.isEmpty()) {
        subjects.push_back(everyLoop.left(length * 2) + '\x01');
    }
    return subjects;
}

}  // namespace portcullis::rules
