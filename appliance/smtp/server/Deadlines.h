// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/ServerEngine.h"
#include "shared/base/Clock.h"

namespace portcullis::smtp {

/// Total deadlines and the minimum data rate of one session, in monotonic time.
///
/// A timeout per read would let a client hold a session for ever with an octet now and then, so
/// each phase has one deadline that octets do not move. Looks at the engine from outside.
class Deadlines
{
public:
    enum class Expired {
        No,
        Command,    ///< No command in time: 421 4.4.2.
        Data,       ///< Message not complete in time, or too slow: 421 4.4.2.
        Handshake,  ///< TLS not established: just close.
        Write,      ///< The client does not read: just close.
        Session     ///< The session is too old; it is between transactions: 421 4.4.2.
    };

    Deadlines(const SessionLimits &limits, Clock::MonotonicTime now);

    /// To be called after each batch of input and whenever the engine advanced.
    void observe(const ServerEngine &engine, bool hasUnwrittenOutput, Clock::MonotonicTime now);

    /// As of the last observe().
    [[nodiscard]] Expired check(const ServerEngine &engine, Clock::MonotonicTime now) const;

private:
    [[nodiscard]] bool isDataLate(const ServerEngine &engine, Clock::MonotonicTime now) const;

    const SessionLimits &m_limits;
    Clock::MonotonicTime m_sessionBegan;
    Clock::MonotonicTime m_phaseBegan;
    Clock::MonotonicTime m_dataBegan;
    Clock::MonotonicTime m_writeBegan;
    quint64 m_progress = 0;
    bool m_isReceiving = false;
    bool m_isWriting = false;
};

}  // namespace portcullis::smtp
