// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/UnboundResolver.h"
#include "appliance/delivery/DeliveryManager.h"
#include "appliance/spool/Spool.h"

#include <QtCore/QMutex>
#include <QtCore/QTemporaryDir>

#include <memory>
#include <vector>

namespace portcullis::test {

/// Keeps what the delivery tells, for the test's thread to look at.
class RecordingObserver final : public delivery::DeliveryObserver
{
public:
    void onDelivery(const delivery::DeliveryEvent &event) override;
    [[nodiscard]] std::vector<delivery::DeliveryEvent> events() const;
    [[nodiscard]] int count(delivery::DeliveryEvent::Kind kind) const;

private:
    mutable QMutex m_mutex;
    std::vector<delivery::DeliveryEvent> m_events;
};

/// A spool in a temporary folder and a delivery manager on it.
struct DeliveryBench {
    explicit DeliveryBench(const Clock &clock = SystemClock::instance());
    ~DeliveryBench();
    Q_DISABLE_COPY_MOVE(DeliveryBench)

    /// Sends everything to 127.0.0.1:`port`, or `domain` alone if given.
    void routeTo(quint16 port,
                 const QByteArray &domain = {},
                 config::Protocol protocol = config::Protocol::Smtp);
    void start();
    void stop() { manager.reset(); }

    QByteArray queue(const QByteArray &sender,
                     const std::vector<QByteArray> &recipients,
                     const QByteArray &text = "Subject: test\r\n\r\nHello\r\n",
                     const std::function<void(spool::Entry &)> &change = {});
    [[nodiscard]] qint64 waiting() const;  ///< Entries in Stage::Deliverable.
    [[nodiscard]] spool::Entry load(const QByteArray &id) const;

    const Clock &clock;
    QTemporaryDir folder;
    std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
    delivery::DeliverySettings settings;
    ResolverSettings resolver;
    RecordingObserver observer;
    std::unique_ptr<spool::Spool> spool;
    std::unique_ptr<delivery::DeliveryManager> manager;
};

}  // namespace portcullis::test
