// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/Deadlines.h"

namespace portcullis::smtp {

Deadlines::Deadlines(const SessionLimits &limits, Clock::MonotonicTime now)
    : m_limits(limits)
    , m_sessionBegan(now)
    , m_phaseBegan(now)
    , m_dataBegan(now)
    , m_writeBegan(now)
{
}

void Deadlines::observe(const ServerEngine &engine,
                        bool hasUnwrittenOutput,
                        Clock::MonotonicTime now)
{
    if (engine.progress() != m_progress) {
        m_progress = engine.progress();
        m_phaseBegan = now;
    }
    if (engine.isReceivingContent() && !m_isReceiving) {
        m_dataBegan = now;
    }
    m_isReceiving = engine.isReceivingContent();
    if (hasUnwrittenOutput && !m_isWriting) {
        m_writeBegan = now;
    }
    m_isWriting = hasUnwrittenOutput;
}

bool Deadlines::isDataLate(const ServerEngine &engine, Clock::MonotonicTime now) const
{
    const auto spent = now - m_dataBegan;
    if (spent > m_limits.data) {
        return true;
    }
    if (m_limits.dataRate <= 0) {
        return false;
    }
    const auto earned = std::chrono::seconds(engine.dataOctets() / m_limits.dataRate);
    return spent > m_limits.dataGrace + earned;
}

Deadlines::Expired Deadlines::check(const ServerEngine &engine, Clock::MonotonicTime now) const
{
    using Phase = ServerEngine::Phase;
    if (m_isWriting && now - m_writeBegan > m_limits.write) {
        return Expired::Write;
    }
    switch (engine.phase()) {
    case Phase::Waiting:
        break;
    case Phase::Command:
        if (engine.isReceivingContent() && isDataLate(engine, now)) {
            return Expired::Data;  // between two chunks
        }
        if (now - m_phaseBegan > m_limits.command) {
            return Expired::Command;
        }
        if (!engine.isReceivingContent() && now - m_sessionBegan > m_limits.session) {
            return Expired::Session;
        }
        break;
    case Phase::Data:
        // A refused chunk is skipped outside any message; the phase itself is then the measure.
        if (engine.isReceivingContent() ? isDataLate(engine, now)
                                        : now - m_phaseBegan > m_limits.data) {
            return Expired::Data;
        }
        break;
    case Phase::Handshake:
        if (now - m_phaseBegan > m_limits.handshake) {
            return Expired::Handshake;
        }
        break;
    case Phase::Closing:
        break;
    }
    return Expired::No;
}

}  // namespace portcullis::smtp
