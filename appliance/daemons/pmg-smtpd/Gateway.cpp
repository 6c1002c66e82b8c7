// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtpd/Gateway.h"

#include "appliance/base/Log.h"
#include "appliance/base/UnboundResolver.h"
#include "appliance/daemons/common/ResolverOptions.h"
#include "appliance/mta/ServerMapping.h"
#include "appliance/store/Database.h"

#include <QtCore/QDir>

namespace portcullis {

namespace {

Status makeFolder(const QString &path)
{
    return QDir().mkpath(path) ? ok()
                               : Status(Error::transient(
                                   "smtpd.folder", path + QStringLiteral(": cannot be made")));
}

archivist::Retention retentionOf(const config::Config &config)
{
    return {{static_cast<int>(config.spamQuarantine.lifetime.count()),
             static_cast<int>(config.virusQuarantine.lifetime.count())},
            static_cast<int>(config.admin.statLifetime.count())};
}

delivery::DeliverySettings deliverySettings(const config::ConfigPtr &config, const Paths &paths)
{
    auto settings = delivery::DeliverySettings::from(config);
    settings.clockFile = paths.spool() + QStringLiteral("/lifetime-clock");
    settings.stsFile = paths.spool() + QStringLiteral("/mta-sts-policies");
    settings.receiverFile = paths.spool() + QStringLiteral("/known-receivers");
    settings.postmaster = config->admin.email;
    settings.ownPorts = {config->mail.extPort, config->mail.intPort};
    return settings;
}

/// Nobody should relay unfiltered mail without knowing it.
void warnIfUnfiltered(const config::Config &config)
{
    if (!config.mail.contentFilter) {
        log::write(log::Severity::Warning, "smtpd.content-filter-off", {},
                   {{"consequence", "all mail is relayed without being scanned or judged"}});
    }
}

}  // namespace

Gateway::Gateway(Paths paths, config::Overrides overrides, store::DatabaseSettings database)
    : m_paths(std::move(paths))
    , m_loader(m_paths, std::move(overrides))
    , m_database(std::make_shared<store::DatabasePool>(std::move(database)))
{
}

Gateway::~Gateway() = default;

Status Gateway::start()
{
    const config::ConfigPtr config = TRY(m_loader.load());
    m_config = std::make_unique<mta::CurrentConfig>(config);
    warnIfUnfiltered(*config);
    TRY(UnboundResolver::create(daemons::resolverSettings(*config)));
    TRY(openStorage());
    startDelivery();
    TRY(startChecks());
    TRY(startServer());
    TRY(startControl());
    m_watcher = std::make_unique<config::ConfigWatcher>(m_loader, config);
    connect(m_watcher.get(), &config::ConfigWatcher::changed, this, &Gateway::applyConfig);
    return ok();
}

Status Gateway::openStorage()
{
    TRY(makeFolder(m_paths.scratch()));
    const config::ConfigPtr config = m_config->get();
    spool::SpoolSettings settings;
    settings.folder = m_paths.queue();
    settings.minFreeBytes = config->mail.minFreeSpace;
    m_spool = TRY(spool::Spool::open(settings, SystemClock::instance()));
    m_spool->onFailure(this, [this](const Error &error) { Q_EMIT failed(error.detail); });
    m_journal = TRY(tracking::EventJournal::open(m_paths.events()));
    m_clientLimits = std::make_unique<policy::ClientLimits>(SystemClock::instance(),
                                                            mta::clientLimitSettings(*config));
    m_archivist = std::make_unique<archivist::StoreWriter>(
        *m_spool, *m_journal, m_paths.events(), archivist::postgresStores(m_database),
        [this] { return retentionOf(*m_config->get()); });
    m_archivist->start();
    m_services.emplace(mta::Services{m_paths, SystemClock::instance(), *m_config, *m_spool,
                                     *m_journal, *m_clientLimits, [this] { m_archivist->wake(); }});
    return ok();
}

std::unique_ptr<Resolver> Gateway::makeResolver() const
{
    auto resolver = UnboundResolver::create(daemons::resolverSettings(*m_config->get()));
    if (!resolver) {
        // start() has made one with these settings: only a file that vanished meanwhile is left.
        qFatal("no resolver: %s", qPrintable(resolver.error().toString()));
    }
    return *std::move(resolver);
}

void Gateway::startDelivery()
{
    m_observer = std::make_unique<TrackingObserver>(*m_journal);
    m_delivery = std::make_unique<delivery::DeliveryManager>(
        *m_spool, [this] { return makeResolver(); },
        std::make_shared<const delivery::DeliverySettings>(
            deliverySettings(m_config->get(), m_paths)),
        *m_observer, SystemClock::instance());
    m_delivery->start();
    m_scheduler = std::make_unique<mta::FilterScheduler>(*m_services);
    m_scheduler->start();
}

Status Gateway::startChecks()
{
    const config::ConfigPtr config = m_config->get();
    if (config->mail.behindPostfix) {
        return ok();
    }
    auto settings = TRY(policy::PolicySettings::from(config));
    m_checks = std::make_unique<SessionChecks>(
        m_paths, std::move(settings),
        std::make_shared<const delivery::DeliverySettings>(deliverySettings(config, m_paths)),
        m_database, [this] { return makeResolver(); });
    return ok();
}

Result<std::shared_ptr<const smtp::TlsIdentity>> Gateway::loadIdentity(
    const config::Config &config) const
{
    if (!config.mail.tls) {
        return std::shared_ptr<const smtp::TlsIdentity>();
    }
    return smtp::TlsIdentity::loadOrCreate(m_paths.etc() + QStringLiteral("/pmg-tls.pem"),
                                           config.fqdn);
}

Status Gateway::startServer()
{
    const config::ConfigPtr config = m_config->get();
    auto identity = TRY(loadIdentity(*config));
    m_server = TRY(
        smtp::Server::start(mta::serverSettings(*config, std::move(identity)),
                            std::make_shared<SessionFactory>(*m_services, m_checks.get())));
    connect(m_server.get(), &smtp::Server::stopped, this, &Gateway::onServerStopped);
    return ok();
}

Status Gateway::startControl()
{
    spool::ControlLimits limits;
    limits.requestBytes = std::max(limits.requestBytes, 2 * m_config->get()->mail.maxSize);
    m_control = std::make_unique<spool::ControlServer>(limits);
    m_queueCommands = std::make_unique<spool::QueueCommands>(
        *m_spool, [this](const spool::FlushRequest &request) {
            if (!request.id.isEmpty()) {
                m_delivery->flushMessage(request.id);
            } else if (!request.domain.isEmpty()) {
                m_delivery->flushDomain(request.domain);
            } else {
                m_delivery->flushAll();
            }
        });
    m_queueCommands->registerWith(*m_control);
    mta::registerControlCommands(
        *m_control, {*m_services, *m_server, *m_delivery, [this] { return reload(); }});
    return m_control->listen(m_paths.controlSocket());
}

/// Ports are bound at the start. Were only the way of the delivery to change, mail from outside
/// would go to a Postfix that is not there, or past the one that is.
config::ConfigPtr Gateway::asBound(const config::ConfigPtr &config) const
{
    const bool isBehindPostfix = m_config->get()->mail.behindPostfix;
    if (config->mail.behindPostfix == isBehindPostfix) {
        return config;
    }
    log::write(log::Severity::Warning, "smtpd.restart-needed", {},
               {{"key", "mail/behind_postfix"}, {"consequence", "without effect until a restart"}});
    auto bound = std::make_shared<config::Config>(*config);
    bound->mail.behindPostfix = isBehindPostfix;
    return bound;
}

void Gateway::applyConfig(const config::ConfigPtr &read)
{
    const config::ConfigPtr config = asBound(read);
    auto identity = loadIdentity(*config);
    const auto checks = policy::PolicySettings::from(config);
    if (!identity || !checks) {
        const Error &error = identity ? checks.error() : identity.error();
        log::write(log::Severity::Error, "smtpd.config-refused", {},
                   {{"id", error.id},
                    {"reason", error.detail.toUtf8()},
                    {"consequence", "the configuration in force stays"}});
        return;
    }
    m_config->set(config);
    warnIfUnfiltered(*config);
    m_clientLimits->setSettings(mta::clientLimitSettings(*config));
    const auto delivery = std::make_shared<const delivery::DeliverySettings>(
        deliverySettings(config, m_paths));
    m_delivery->setSettings(delivery);
    if (m_checks) {
        m_checks->apply(*checks, delivery);
    }
    m_server->apply(mta::serverSettings(*config, *std::move(identity)));
    log::write(log::Severity::Info, "smtpd.config-applied", {}, {{"digest", config->digest}});
}

Status Gateway::reload()
{
    applyConfig(TRY(m_loader.load()));
    return ok();
}

void Gateway::stop()
{
    m_control.reset();
    if (m_server) {
        m_server->requestStop();
    } else {
        onServerStopped();
    }
}

void Gateway::onServerStopped()
{
    m_scheduler.reset();
    if (m_checks) {
        m_checks->stop();
    }
    m_delivery->stop();
    m_archivist->stop();
    m_archivist->wait();
    Q_EMIT stopped();
}

QJsonObject Gateway::ports() const
{
    const auto port = [this](const char *listener) {
        const quint16 bound = m_server->port(listener);
        return bound == 0 ? QJsonValue(QJsonValue::Null) : QJsonValue(bound);
    };
    QJsonObject ports{{QLatin1String("smtp_ext"), port(mta::externalListener)},
                      {QLatin1String("smtp_int"), port(mta::internalListener)}};
    if (m_config->get()->mail.behindPostfix) {
        ports.insert(QLatin1String("filter_in"), port(mta::filterInListener));
        ports.insert(QLatin1String("filter_out"), port(mta::filterOutListener));
    }
    return ports;
}

}  // namespace portcullis
