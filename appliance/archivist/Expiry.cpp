// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archivist/Expiry.h"

#include "appliance/base/Log.h"

#include <QtCore/QTimeZone>

namespace portcullis::archivist {

namespace {

constexpr std::chrono::hours roundInterval{1};

}  // namespace

Expiry::Expiry(quarantine::QuarantineStore &quarantine,
               tracking::TrackingStore &tracking,
               RetentionSource retention,
               const Clock &clock)
    : m_quarantine(quarantine)
    , m_tracking(tracking)
    , m_retention(std::move(retention))
    , m_clock(clock)
{
}

Result<bool> Expiry::move()
{
    if (m_clock.monotonic() < m_nextRound) {
        return false;
    }
    const Retention retention = m_retention();
    const auto now = m_clock.wall();
    const QTimeZone zone = QTimeZone::systemTimeZone();
    const int mails = TRY(
        m_quarantine.purge(quarantine::purgeBounds(now, retention.quarantine, zone)));
    const qint64 events = TRY(
        m_tracking.purge(quarantine::purgeBoundary(now, retention.trackingDays, zone)));
    if (mails > 0 || events > 0) {
        log::write(log::Severity::Info, "archivist.expired", {},
                   {{"mails", QByteArray::number(mails)}, {"events", QByteArray::number(events)}});
        return true;
    }
    m_nextRound = m_clock.monotonic() + roundInterval;
    return false;
}

}  // namespace portcullis::archivist
