// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmgpolicy/PolicyDaemon.h"

#include "appliance/base/Log.h"
#include "appliance/daemons/common/ResolverOptions.h"
#include "appliance/policy/greylist/PgGreylistStore.h"
#include "appliance/policy/session/PolicyServices.h"
#include "appliance/store/Database.h"

namespace portcullis {

namespace {

policy::spf::SpfSettings spfSettings(const config::Config &config)
{
    policy::spf::SpfSettings settings;
    settings.receiver = config.fqdn;
    settings.limits.timeout = config.mail.spfTimeout;
    return settings;
}

}  // namespace

PolicyDaemon::PolicyDaemon(Paths paths,
                           config::Overrides overrides,
                           store::DatabaseSettings database)
    : m_paths(std::move(paths))
    , m_loader(m_paths, std::move(overrides))
    , m_database(std::move(database))
{
}

PolicyDaemon::~PolicyDaemon()
{
    m_server.reset();
    if (m_greylist) {
        m_greylist->stop();
    }
}

Status PolicyDaemon::start()
{
    const config::ConfigPtr config = TRY(m_loader.load());
    m_resolver = TRY(UnboundResolver::create(daemons::resolverSettings(*config)));
    m_greylist = std::make_unique<policy::greylist::Greylist>(
        policy::greylist::postgresStore(std::make_shared<store::DatabasePool>(m_database)),
        policy::greylistSettings(*config));
    m_greylist->start();
    m_spf = std::make_unique<policy::spf::SpfClient>(*m_resolver, spfSettings(*config));
    m_allowList = std::make_unique<daemons::RulesAllowList>(m_paths.rulesCache());
    m_policy = std::make_unique<policy::EnvelopePolicy>(*m_resolver, *m_spf, *m_greylist,
                                                        *m_allowList, SystemClock::instance());
    m_judge = std::make_unique<Judge>(*m_policy, config);
    m_server = std::make_unique<PolicyServer>(
        [this](const policy::DelegationRequest &request, QObject *context,
               const PolicyServer::Answer &done) { m_judge->decide(request, context, done); });
    TRY(m_server->listen(config->mail.policyPort));
    m_watcher = std::make_unique<config::ConfigWatcher>(m_loader, config);
    connect(m_watcher.get(), &config::ConfigWatcher::changed, this, &PolicyDaemon::applyConfig);
    return ok();
}

void PolicyDaemon::applyConfig(const config::ConfigPtr &config)
{
    m_judge->setConfig(config);
    m_greylist->setSettings(policy::greylistSettings(*config));
    m_spf->setTimeout(config->mail.spfTimeout);
    log::write(log::Severity::Info, "policy.config-applied", {}, {{"digest", config->digest}});
}

}  // namespace portcullis
