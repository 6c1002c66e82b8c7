// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/UnboundResolver.h"
#include "appliance/config/ConfigWatcher.h"
#include "appliance/daemons/common/RulesAllowList.h"
#include "appliance/daemons/pmgpolicy/Judge.h"
#include "appliance/daemons/pmgpolicy/PolicyServer.h"
#include "appliance/policy/session/EnvelopePolicy.h"
#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QObject>

#include <memory>

namespace portcullis {

/// Everything that pmgpolicy is made of, constructed and connected here and only here. The database
/// is greylisting's only, and is not needed for the start.
class PolicyDaemon final : public QObject
{
public:
    PolicyDaemon(Paths paths, config::Overrides overrides, store::DatabaseSettings database);
    ~PolicyDaemon() override;

    Status start();
    void reload() { m_watcher->reload(); }  ///< What is wrong with the files is logged.
    [[nodiscard]] quint16 port() const { return m_server->port(); }

private:
    void applyConfig(const config::ConfigPtr &config);

    Paths m_paths;
    config::ConfigLoader m_loader;
    store::DatabaseSettings m_database;
    std::unique_ptr<config::ConfigWatcher> m_watcher;
    std::unique_ptr<UnboundResolver> m_resolver;
    std::unique_ptr<policy::greylist::Greylist> m_greylist;
    std::unique_ptr<policy::spf::SpfClient> m_spf;
    std::unique_ptr<daemons::RulesAllowList> m_allowList;
    std::unique_ptr<policy::EnvelopePolicy> m_policy;
    std::unique_ptr<Judge> m_judge;
    std::unique_ptr<PolicyServer> m_server;
};

}  // namespace portcullis
