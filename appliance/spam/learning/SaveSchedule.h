// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Clock.h"

#include <algorithm>

namespace portcullis::spam {

/// When something that takes time is done again: not before an interval has passed, and not so often
/// that it takes more than a twentieth of the time.
class SaveSchedule
{
public:
    explicit SaveSchedule(std::chrono::milliseconds interval)
        : m_interval(interval)
    {
    }
    [[nodiscard]] bool isDue(Clock::MonotonicTime now) const { return now >= m_next; }
    /// It was begun and ended now.
    void done(Clock::MonotonicTime begin, Clock::MonotonicTime end)
    {
        m_next = end + std::max<Clock::MonotonicTime::duration>(m_interval, (end - begin) * 20);
    }

private:
    std::chrono::milliseconds m_interval;
    Clock::MonotonicTime m_next{};
};

}  // namespace portcullis::spam
