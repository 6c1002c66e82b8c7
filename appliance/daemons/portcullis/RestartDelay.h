// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <chrono>

namespace portcullis::daemons {

/// Bounds of waiting before a dead child is started again.
struct RestartLimits {
    std::chrono::milliseconds first = std::chrono::milliseconds(500);
    std::chrono::milliseconds longest = std::chrono::seconds(60);
    std::chrono::milliseconds stableAfter = std::chrono::minutes(2);  ///< Then it starts over.
};

/// How long to wait before the next start: doubles with every early death.
class RestartDelay
{
public:
    explicit RestartDelay(RestartLimits limits = {})
        : m_limits(limits)
        , m_next(limits.first)
    {
    }

    /// A child died that had lived for `lifetime`.
    std::chrono::milliseconds afterDeath(std::chrono::milliseconds lifetime)
    {
        if (lifetime >= m_limits.stableAfter) {
            m_next = m_limits.first;
        }
        const auto delay = m_next;
        m_next = std::min(m_next * 2, m_limits.longest);
        return delay;
    }

private:
    RestartLimits m_limits;
    std::chrono::milliseconds m_next;
};

}  // namespace portcullis::daemons
