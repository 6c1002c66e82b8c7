// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/StsPolicy.h"

#include <QtCore/QObject>
#include <QtNetwork/QSslConfiguration>

#include <deque>
#include <functional>
#include <memory>

namespace portcullis::delivery {

/// Fetches MTA-STS policies over HTTPS (RFC 8461 §3.3): from `mta-sts.DOMAIN`, whose certificate must
/// be valid for that name; no redirects; text/plain; bounded in size, time and number at once.
///
/// Lives in the resolver's thread and never blocks it. A policy host that would be this machine is
/// not talked to, since its name is a stranger's.
class StsFetcher final : public QObject
{
    Q_OBJECT
public:
    /// Errors: `sts.fetch` (transient), `sts.certificate` (transient), `sts.policy` (permanent).
    using Callback = std::function<void(Result<StsPolicy>)>;

    explicit StsFetcher(Resolver &resolver, QObject *parent = nullptr);

    /// `done` runs once from the event loop, not at all after this object is gone.
    void fetch(const QByteArray &domain,
               std::shared_ptr<const DeliverySettings> settings,
               const QSslConfiguration &tls,
               Callback done);

private:
    struct Order {
        QByteArray domain;
        std::shared_ptr<const DeliverySettings> settings;
        QSslConfiguration tls;
        Callback done;
    };
    void startNext();

    Resolver &m_resolver;
    std::deque<Order> m_waiting;
    int m_running = 0;
};

}  // namespace portcullis::delivery
