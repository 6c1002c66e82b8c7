// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <chrono>
#include <vector>

namespace portcullis::delivery {

/// How old a message really is, whatever happens to the wall clock.
///
/// Arrival times are wall time, and a wall clock may jump: a dead battery, a wrong time server, a
/// restored snapshot. A jump of years must not return a whole queue to its senders. So wall time is
/// compared with monotonic time at each tick(), and across restarts with a mark on disk; time that
/// did not pass is taken off the age of the messages that arrived before the jump.
///  - forwards: the jump is subtracted;
///  - backwards: nothing is added (messages live longer), an earlier jump forwards is undone;
///  - while the process was down: at most `trustedGap` counts, so that a message always gets
///    attempts after a long pause before it is given up.
class LifetimeClock
{
public:
    struct Limits {
        std::chrono::seconds noticed = std::chrono::minutes(5);  ///< Smaller steps are NTP's work.
        std::chrono::seconds trustedGap = std::chrono::hours(12);
        std::chrono::seconds markInterval = std::chrono::seconds(60);
        int jumps = 64;  ///< Remembered; the oldest two are joined beyond.
    };

    /// Reads the mark in `file`; empty or unreadable: no memory, no jump.
    LifetimeClock(const Clock &clock, QString file, Limits limits);
    LifetimeClock(const Clock &clock, QString file);

    /// To be called every minute or oftener. Returns the jump noticed since the last call, or zero.
    std::chrono::microseconds tick();

    /// Never negative.
    [[nodiscard]] std::chrono::microseconds ageOf(Clock::WallTime arrival) const;

private:
    struct Jump {
        Clock::WallTime before;  ///< Arrivals up to here are older by less than it seems.
        std::chrono::microseconds length{};
    };
    void addJump(Clock::WallTime before, std::chrono::microseconds length);
    void readMark();
    void writeMark();

    const Clock &m_clock;
    QString m_file;
    Limits m_limits;
    Clock::WallTime m_lastWall;
    Clock::MonotonicTime m_lastMonotonic;
    Clock::MonotonicTime m_lastMark;
    std::vector<Jump> m_jumps;
};

}  // namespace portcullis::delivery
