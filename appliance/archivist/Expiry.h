// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/quarantine/Retention.h"
#include "appliance/tracking/TrackingStore.h"

#include <functional>

namespace portcullis::archivist {

/// How long things are kept, as the configuration says at the moment of asking.
struct Retention {
    quarantine::Lifetimes quarantine;
    int trackingDays = 7;  ///< `admin/statlifetime`, ≥ 1.
};
using RetentionSource = std::function<Retention()>;

/// Removes what has outlived its lifetime, a batch a call. Used on one thread, which may block.
class Expiry
{
public:
    Expiry(quarantine::QuarantineStore &quarantine,
           tracking::TrackingStore &tracking,
           RetentionSource retention,
           const Clock &clock);

    /// Whether more waits right now; does nothing until an hour after the last round was complete.
    /// Errors: those of the stores.
    Result<bool> move();

private:
    quarantine::QuarantineStore &m_quarantine;
    tracking::TrackingStore &m_tracking;
    RetentionSource m_retention;
    const Clock &m_clock;
    Clock::MonotonicTime m_nextRound{};
};

}  // namespace portcullis::archivist
