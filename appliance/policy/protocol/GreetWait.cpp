// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/GreetWait.h"

#include <algorithm>

namespace portcullis::policy {

GreetWait::GreetWait(GreetWaitLimits limits)
    : m_limits(limits)
    , m_normal(limits.normal.count())
{
}

std::chrono::milliseconds GreetWait::forSession(int openSessions, int maxSessions)
{
    if (maxSessions > 0) {
        const auto share = int64_t(openSessions) * 100 / maxSessions;
        if (share >= m_limits.stressBegins) {
            m_isStressed = true;
        } else if (share < m_limits.stressEnds) {
            m_isStressed = false;
        }
    } else {
        m_isStressed = false;
    }
    const std::chrono::milliseconds normal(m_normal.load());
    return m_isStressed ? std::min(normal, m_limits.stressed) : normal;
}

}  // namespace portcullis::policy
