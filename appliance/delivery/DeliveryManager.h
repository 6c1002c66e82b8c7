// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliveryObserver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/spool/Spool.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QtGlobal>

#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::delivery {

struct DeliveryStatistics {
    qint64 active = 0;            ///< Messages being worked on.
    qint64 connections = 0;       ///< Open or being opened.
    qint64 destinations = 0;      ///< Next hops known at the moment.
    qint64 deadDestinations = 0;  ///< Of these: waiting after a failure.
    qint64 delivered = 0;         ///< Recipients since start; likewise below.
    qint64 deferred = 0;
    qint64 bounced = 0;
    qint64 expired = 0;
};

/// Takes messages from the spool (Stage::Deliverable) to their next hops.
///
/// Runs in a thread of its own with an event loop; all functions are thread-safe. Each next hop has
/// its own queue, served in turn, so that one that is slow or down does not delay the others; after
/// a failure it is left alone for a growing time and then tried with one connection.
///
/// A recipient's outcome is committed to the spool together with the DSN it causes; a crash repeats
/// at most the transactions whose outcome had not been written (F2). A clock that jumps neither
/// stalls nor bounces the queue (F12): ages are LifetimeClock's, and after a jump everything that
/// waits is tried once, since its waiting time was by another clock.
class DeliveryManager
{
public:
    /// Makes the resolver in the delivery thread, where it is used.
    using MakeResolver = std::function<std::unique_ptr<Resolver>()>;

    /// `spool`, `observer` and `clock` must outlive the manager.
    DeliveryManager(spool::Spool &spool,
                    MakeResolver makeResolver,
                    std::shared_ptr<const DeliverySettings> settings,
                    DeliveryObserver &observer,
                    const Clock &clock);
    ~DeliveryManager();  ///< stop() with its default bound.
    Q_DISABLE_COPY_MOVE(DeliveryManager)

    void start();

    /// Begins nothing new, lets running transactions end until `bound`, cuts the rest (they stay
    /// queued) and waits for the last commit (F21). Blocks. Harmless when repeated.
    void stop(std::chrono::milliseconds bound = std::chrono::seconds(10));

    /// For whatever begins from now on.
    void setSettings(std::shared_ptr<const DeliverySettings> settings);

    /// @name Try at once, whatever the waiting times say.
    /// @{
    void flushAll();
    void flushDomain(const QByteArray &domain);
    void flushMessage(const QByteArray &queueId);
    /// @}

    [[nodiscard]] DeliveryStatistics statistics() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::delivery
