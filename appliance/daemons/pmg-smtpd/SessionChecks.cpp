// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtpd/SessionChecks.h"

#include "appliance/base/Log.h"
#include "appliance/policy/greylist/PgGreylistStore.h"

namespace portcullis {

namespace {

/// A crash makes clients of so long wait for the greeting once more.
constexpr auto saveInterval = std::chrono::minutes(5);

}  // namespace

SessionChecks::SessionChecks(const Paths &paths,
                             std::shared_ptr<const policy::PolicySettings> settings,
                             std::shared_ptr<const delivery::DeliverySettings> deliverySettings,
                             std::shared_ptr<store::DatabasePool> database,
                             MakeResolver makeResolver)
    : m_clientFile(paths.spool() + QStringLiteral("/known-clients"))
    , m_makeResolver(std::move(makeResolver))
    , m_allowList(paths.rulesCache())
    , m_greylist(policy::greylist::postgresStore(std::move(database)),
                 policy::greylistSettings(*settings->config))
    , m_receivers(m_makeResolver, std::move(deliverySettings), SystemClock::instance())
    , m_services(SystemClock::instance(), std::move(settings), m_greylist, m_allowList, m_receivers)
{
    if (const Status status = m_services.clientMemory.load(m_clientFile); !status) {
        log::write(log::Severity::Warning, "smtpd.known-clients-lost", {},
                   {{"reason", status.error().detail.toUtf8()}});
    }
    connect(&m_saveTimer, &QTimer::timeout, this, &SessionChecks::saveClients);
    m_saveTimer.start(saveInterval);
    m_greylist.start();
    m_receivers.start();
}

SessionChecks::~SessionChecks() = default;

void SessionChecks::apply(std::shared_ptr<const policy::PolicySettings> settings,
                          std::shared_ptr<const delivery::DeliverySettings> deliverySettings)
{
    m_services.setSettings(std::move(settings));
    m_receivers.setSettings(std::move(deliverySettings));
}

void SessionChecks::stop()
{
    m_receivers.stop();
    m_greylist.stop();
    saveClients();
}

std::unique_ptr<policy::PolicyContext> SessionChecks::createContext()
{
    return std::make_unique<policy::GatewayPolicyContext>(m_services, m_makeResolver());
}

void SessionChecks::saveClients()
{
    if (!m_services.clientMemory.isChanged()) {
        return;
    }
    if (const Status status = m_services.clientMemory.save(m_clientFile); !status) {
        log::write(log::Severity::Warning, "smtpd.known-clients-not-saved", {},
                   {{"reason", status.error().detail.toUtf8()}});
    }
}

}  // namespace portcullis
