// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archive/protocol/Wire.h"

#include <chrono>

namespace portcullis::archive {

/// What is left to spend on one request. The first limit that is reached stays the verdict, and every
/// further request is refused, so that all loops end.
class Budget
{
public:
    Budget(const wire::Limits &limits, std::uint64_t packedBytes)
        : m_limits(limits)
        , m_packedBytes(packedBytes)
        , m_deadline(std::chrono::steady_clock::now()
                     + std::chrono::milliseconds(limits.milliseconds))
    {
    }

    [[nodiscard]] const wire::Limits &limits() const { return m_limits; }
    [[nodiscard]] wire::Limit exceeded() const { return m_exceeded; }
    [[nodiscard]] bool isSpent() const { return m_exceeded != wire::Limit::None; }

    /// Counts one entry of a listing; false if it is one too many.
    bool takeEntry() { return ++m_entries <= m_limits.entries || refuse(wire::Limit::Entries); }

    /// Counts unpacked bytes; false once they are too many, too many for what came in, or too late.
    bool takeBytes(std::uint64_t count)
    {
        m_bytes += count;
        if (m_bytes > m_limits.totalBytes) {
            return refuse(wire::Limit::Bytes);
        }
        if (m_bytes > m_limits.ratioGrace && m_bytes / m_limits.ratio > m_packedBytes) {
            return refuse(wire::Limit::Ratio);
        }
        return takeTime();
    }

    bool takeTime()
    {
        return !isSpent()
               && (std::chrono::steady_clock::now() < m_deadline || refuse(wire::Limit::Time));
    }

    bool refuse(wire::Limit limit)
    {
        if (!isSpent()) {
            m_exceeded = limit;
        }
        return false;
    }

private:
    wire::Limits m_limits;
    std::uint64_t m_packedBytes;
    std::chrono::steady_clock::time_point m_deadline;
    std::uint64_t m_entries = 0;
    std::uint64_t m_bytes = 0;
    wire::Limit m_exceeded = wire::Limit::None;
};

}  // namespace portcullis::archive
