// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"
#include "shared/base/Clock.h"

#include <QtCore/QTimeZone>

namespace portcullis::quarantine {

/// How long mail is kept.
struct Lifetimes {
    int spamDays = 7;   ///< `spamquar/lifetime`, ≥ 1.
    int virusDays = 7;  ///< `virusquar/lifetime`, ≥ 1.
};

/// The instant that divides mail to keep from mail to purge: the start of the local day that lies
/// `days` calendar days before today. A day of 23 or 25 hours counts as one day; where a day has
/// no midnight (clocks put forward at 0:00) it starts with its first instant.
Clock::WallTime purgeBoundary(Clock::WallTime now, int days, const QTimeZone &zone);

PurgeBounds purgeBounds(Clock::WallTime now, const Lifetimes &lifetimes, const QTimeZone &zone);

}  // namespace portcullis::quarantine
