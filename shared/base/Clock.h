// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>

namespace portcullis {

/// Where time comes from. Durations that matter for mail (retries, lifetimes within one process,
/// deadlines) use monotonic(); what is stored or shown uses wall().
///
/// Implementations are thread-safe, except ManualClock.
class Clock
{
public:
    using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
    using MonotonicTime = std::chrono::steady_clock::time_point;

    virtual ~Clock() = default;

    [[nodiscard]] virtual WallTime wall() const = 0;  ///< UTC.
    [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock
{
public:
    [[nodiscard]] WallTime wall() const override;
    [[nodiscard]] MonotonicTime monotonic() const override;

    static SystemClock &instance();
};

/// A clock for tests: stands still until told to advance. Both times advance together.
class ManualClock final : public Clock
{
public:
    explicit ManualClock(WallTime start = WallTime(std::chrono::seconds(1'600'000'000)));

    [[nodiscard]] WallTime wall() const override { return m_wall; }
    [[nodiscard]] MonotonicTime monotonic() const override { return m_monotonic; }

    void advance(std::chrono::microseconds by);
    void setWall(WallTime time)
    {
        m_wall = time;
    }  ///< A clock jump: monotonic time is not touched.

private:
    WallTime m_wall;
    MonotonicTime m_monotonic;
};

}  // namespace portcullis
