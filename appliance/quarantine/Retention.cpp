// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/Retention.h"

#include <QtCore/QDateTime>

#include <algorithm>

namespace portcullis::quarantine {

Clock::WallTime purgeBoundary(Clock::WallTime now, int days, const QTimeZone &zone)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    const QDate today = QDateTime::fromSecsSinceEpoch(seconds.count(), zone).date();
    const QDateTime start = today.addDays(-std::max(days, 1)).startOfDay(zone);
    return Clock::WallTime(std::chrono::seconds(start.toSecsSinceEpoch()));
}

PurgeBounds purgeBounds(Clock::WallTime now, const Lifetimes &lifetimes, const QTimeZone &zone)
{
    return {purgeBoundary(now, lifetimes.spamDays, zone),
            purgeBoundary(now, lifetimes.virusDays, zone)};
}

}  // namespace portcullis::quarantine
