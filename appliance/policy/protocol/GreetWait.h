// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>

namespace portcullis::policy {

struct GreetWaitLimits {
    /// mail/greet_wait. 0: everybody is greeted at once. Range 0 … 60 s (RFC 5321 §4.5.3.2.1 lets a
    /// client wait five minutes).
    std::chrono::milliseconds normal = std::chrono::seconds(6);
    std::chrono::milliseconds stressed = std::chrono::seconds(2);  ///< At most, under stress.
    int stressBegins = 70;  ///< Per cent of the sessions allowed that are open. Range 1 … 100.
    int stressEnds = 50;    ///< Lower, so that it does not flicker. Range 0 … stressBegins.
};

/// How long a client that is not known yet waits for the greeting: whoever talks meanwhile is no
/// mail server (the engine refuses it). Under stress the wait is shorter, as each waiting client
/// holds a session. Thread-safe.
class GreetWait
{
public:
    explicit GreetWait(GreetWaitLimits limits = {});

    /// A reload.
    void setNormal(std::chrono::milliseconds normal) { m_normal = normal.count(); }

    /// The wait for a session that begins now. `maxSessions` 0: no limit, no stress.
    [[nodiscard]] std::chrono::milliseconds forSession(int openSessions, int maxSessions);
    [[nodiscard]] bool isStressed() const { return m_isStressed.load(); }

private:
    const GreetWaitLimits m_limits;
    std::atomic<std::chrono::milliseconds::rep> m_normal;
    std::atomic<bool> m_isStressed{false};
};

}  // namespace portcullis::policy
