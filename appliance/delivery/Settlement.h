// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliveryObserver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Job.h"
#include "appliance/spool/Transaction.h"

#include <chrono>
#include <functional>
#include <vector>

namespace portcullis::delivery {

/// What the end of an attempt means for the spool and for the observer.
struct Settlement {
    spool::Transaction transaction;
    std::vector<DeliveryEvent> events;
    bool isLeaving = false;  ///< No recipient waits any more; the entry is removed.
};

/// What a settlement depends on besides the message.
struct SettlementContext {
    const DeliverySettings &settings;
    Clock::WallTime now;
    std::chrono::microseconds age;             ///< By LifetimeClock.
    double random = 0.5;                       ///< For the jitter.
    std::chrono::milliseconds shortestWait{};  ///< The destination is known to be down so long.
    std::function<QByteArray()> nextQueueId;
};

/// Turns the outcomes of an attempt into one transaction: progress or removal, the next attempt,
/// and the DSNs that the outcomes cause. Recipients without an outcome were not tried and stay as
/// they are. `message` must have its content if needsContent() says so.
///
/// A deferral becomes a failure once the message is older than its lifetime.
Settlement settle(const ActiveMessage &message, const SettlementContext &context);

/// The event for a recipient that has an outcome; the DSN it may cause is left out.
DeliveryEvent describe(const ActiveMessage &message,
                       size_t recipient,
                       DeliveryEvent::Kind kind,
                       std::chrono::microseconds age);

/// Whether settle() is going to make a DSN, which quotes the message.
bool needsContent(const ActiveMessage &message, const SettlementContext &context);

}  // namespace portcullis::delivery
