// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/daemons/common/RulesAllowList.h"
#include "appliance/delivery/ReceiverVerifier.h"
#include "appliance/policy/session/GatewayPolicy.h"
#include "appliance/store/Database.h"

#include <QtCore/QTimer>

#include <memory>

namespace portcullis {

/// Everything that the checks before DATA share in one process: greylisting, the SMTP allow list,
/// receiver verification, what is known of clients and lists. Main thread, but for createContext().
class SessionChecks final : public QObject
{
    Q_OBJECT
public:
    using MakeResolver = std::function<std::unique_ptr<Resolver>()>;

    /// Starts what works in the background. `makeResolver` is called on each thread that needs one.
    SessionChecks(const Paths &paths,
                  std::shared_ptr<const policy::PolicySettings> settings,
                  std::shared_ptr<const delivery::DeliverySettings> deliverySettings,
                  std::shared_ptr<store::DatabasePool> database,
                  MakeResolver makeResolver);
    ~SessionChecks() override;

    void apply(std::shared_ptr<const policy::PolicySettings> settings,
               std::shared_ptr<const delivery::DeliverySettings> deliverySettings);
    void stop();  ///< After the last session: writes what is to be remembered.

    /// The checks of one server thread, made on it.
    std::unique_ptr<policy::PolicyContext> createContext();

private:
    void saveClients();

    QString m_clientFile;
    MakeResolver m_makeResolver;
    daemons::RulesAllowList m_allowList;
    policy::greylist::Greylist m_greylist;
    delivery::ReceiverVerifier m_receivers;
    policy::PolicyServices m_services;
    QTimer m_saveTimer;
};

}  // namespace portcullis
