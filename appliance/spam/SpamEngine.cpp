// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/SpamEngine.h"

#include <algorithm>
#include <numeric>

namespace portcullis::spam {

double SpamFinding::score() const
{
    return std::accumulate(hits.begin(), hits.end(), 0.0,
                           [](double sum, const SpamHit &hit) { return sum + hit.score; });
}

int SpamFinding::level() const
{
    constexpr double highest = 1'000'000;
    return static_cast<int>(std::clamp(score(), 0.0, highest));
}

}  // namespace portcullis::spam
