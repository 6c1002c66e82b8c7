// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/base/Clock.h"

namespace portcullis {

Clock::WallTime SystemClock::wall() const
{
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
}

Clock::MonotonicTime SystemClock::monotonic() const
{
    return std::chrono::steady_clock::now();
}

SystemClock &SystemClock::instance()
{
    static SystemClock clock;
    return clock;
}

ManualClock::ManualClock(WallTime start)
    : m_wall(start)
    , m_monotonic(std::chrono::hours(1))
{
}

void ManualClock::advance(std::chrono::microseconds by)
{
    m_wall += by;
    m_monotonic += by;
}

}  // namespace portcullis
