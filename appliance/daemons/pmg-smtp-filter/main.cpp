// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-smtp-filter: judges mail. See docs/developer/pmg-smtp-filter.md.
#include "appliance/base/Log.h"
#include "appliance/base/ResolverService.h"
#include "appliance/base/UnboundResolver.h"
#include "appliance/config/ConfigWatcher.h"
#include "appliance/daemons/common/DaemonOptions.h"
#include "appliance/daemons/common/UnixSignals.h"
#include "appliance/daemons/pmg-smtp-filter/EngineRoom.h"
#include "appliance/daemons/pmg-smtp-filter/LearnProcess.h"
#include "appliance/filter/Connection.h"
#include "appliance/filter/Prefork.h"
#include "appliance/rules/PgRuleWatcher.h"
#include "appliance/spam/network/FingerprintService.h"
#include "appliance/verdict/Codec.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>

#include <csignal>
#include <cstring>

namespace portcullis {

namespace {

/// Answers one request on a connection. Whatever goes wrong is told to the session, which defers.
void serve(int descriptor,
           filter::WorkerSlot &slot,
           filter::Pipeline &pipeline,
           const QString &scratch)
{
    filter::Connection connection(descriptor, scratch);
    auto frame = connection.readFrame();
    if (!frame) {
        connection.refuse(frame.error());
        return;
    }
    auto request = verdict::decodeRequest(*std::move(frame));
    if (!request) {
        static_cast<void>(connection.writeFrame(verdict::encodeFailure(request.error())));
        return;
    }
    std::strncpy(slot.queueId, request->queueId.constData(), sizeof slot.queueId - 1);
    const auto response = pipeline.judge(*request);
    if (!response) {
        log::write(log::Severity::Error, "filter.no-verdict", request->queueId,
                   {{"id", response.error().id}, {"reason", response.error().detail.toUtf8()}});
        // What kept it from judging may be its own state, no memory for one: one message is enough.
        filter::Prefork::endThisWorker();
    }
    static_cast<void>(connection.writeFrame(response ? verdict::encodeResponse(*response)
                                                     : verdict::encodeFailure(response.error())));
}

Result<store::DatabaseSettings> databaseSettings(const daemons::DaemonOptions &options)
{
    return options.dsn().isEmpty() ? store::DatabaseSettings::locate(options.paths())
                                   : store::DatabaseSettings::parse(options.dsn());
}

int watchRules(const daemons::DaemonOptions &options)
{
    const auto settings = databaseSettings(options);
    if (!settings) {
        log::write(log::Severity::Critical, "filter.rule-watch-failed", {},
                   {{"reason", settings.error().detail.toUtf8()}});
        return 1;
    }
    daemons::UnixSignals signalSource({SIGTERM, SIGINT});
    QObject::connect(&signalSource, &daemons::UnixSignals::received, QCoreApplication::instance(),
                     &QCoreApplication::quit);
    rules::PgRuleWatcher watcher(*settings, options.paths().rulesCache());
    watcher.start();
    return QCoreApplication::exec();
}

int learn(const daemons::DaemonOptions &options)
{
    const auto settings = databaseSettings(options);
    if (!settings) {
        log::write(log::Severity::Critical, "learn.failed", {},
                   {{"id", settings.error().id}, {"reason", settings.error().detail.toUtf8()}});
        return 1;
    }
    daemons::UnixSignals signalSource({SIGTERM, SIGINT});
    QObject::connect(&signalSource, &daemons::UnixSignals::received, QCoreApplication::instance(),
                     &QCoreApplication::quit);
    return runLearnProcess(*settings, config::ConfigLoader(options.paths(), options.overrides()));
}

ResolverSettings resolverSettings(const config::Config &config)
{
    ResolverSettings settings;
    settings.servers = config.mail.dnsServers;
    settings.timeout = config.mail.dnsTimeout;
    settings.trustAnchorFile = config.mail.dnsTrustAnchor;
    // Hundreds of names a message, in all workers at once.
    settings.maxPending = 20'000;
    return settings;
}

int failResolver(const Error &error)
{
    log::write(log::Severity::Critical, "filter.resolver-failed", {},
               {{"id", error.id}, {"reason", error.detail.toUtf8()}});
    return 1;
}

/// Other servers for the resolver where the configuration names others. What it has cached goes.
void followConfig(config::ConfigWatcher &watcher, ResolverService &service)
{
    const auto inForce = std::make_shared<config::ConfigPtr>(watcher.current());
    QObject::connect(&watcher, &config::ConfigWatcher::changed, &service,
                     [&service, inForce](const config::ConfigPtr &config) {
                         const config::MailSettings &was = (*inForce)->mail;
                         const config::MailSettings &is = config->mail;
                         *inForce = config;
                         if (was.dnsServers == is.dnsServers && was.dnsTimeout == is.dnsTimeout
                             && was.dnsTrustAnchor == is.dnsTrustAnchor) {
                             return;
                         }
                         if (auto resolver = UnboundResolver::create(resolverSettings(*config))) {
                             service.setResolver(*std::move(resolver));
                         } else {
                             static_cast<void>(failResolver(resolver.error()));
                         }
                     });
}

/// DNS for the workers, which have neither network nor event loop.
int serveNames(const daemons::DaemonOptions &options)
{
    daemons::UnixSignals signalSource({SIGTERM, SIGINT});
    QObject::connect(&signalSource, &daemons::UnixSignals::received, QCoreApplication::instance(),
                     &QCoreApplication::quit);
    const config::ConfigLoader loader(options.paths(), options.overrides());
    const auto config = loader.load();
    if (!config) {
        return failResolver(config.error());
    }
    auto resolver = UnboundResolver::create(resolverSettings(**config));
    if (!resolver) {
        return failResolver(resolver.error());
    }
    ResolverService service(*std::move(resolver));
    if (const Status status = service.listen(options.paths().resolverSocket()); !status) {
        return failResolver(status.error());
    }
    config::ConfigWatcher watcher(loader, *config);
    followConfig(watcher, service);
    return QCoreApplication::exec();
}

/// Razor and Pyzor for the workers.
int serveFingerprints(const daemons::DaemonOptions &options)
{
    daemons::UnixSignals signalSource({SIGTERM, SIGINT});
    QObject::connect(&signalSource, &daemons::UnixSignals::received, QCoreApplication::instance(),
                     &QCoreApplication::quit);
    spam::FingerprintServiceSettings settings;
    settings.programs = spam::installedFingerprintPrograms(options.paths().lib());
    spam::FingerprintService service(std::move(settings));
    if (const Status status = service.listen(options.paths().fingerprintSocket()); !status) {
        log::write(log::Severity::Critical, "filter.fingerprints-failed", {},
                   {{"id", status.error().id}, {"reason", status.error().detail.toUtf8()}});
        return 1;
    }
    return QCoreApplication::exec();
}

/// The connection string may hold a password: it goes on in the environment, not in arguments that
/// every user of the machine can list.
std::vector<filter::Prefork::Companion> companions(const daemons::DaemonOptions &options,
                                                   const EngineRoom &room)
{
    if (!options.dsn().isEmpty()) {
        qputenv("PMG_DSN", options.dsn().toUtf8());
    }
    const QByteArray program = QFile::encodeName(QCoreApplication::applicationFilePath());
    std::vector<filter::Prefork::Companion> all{{"rule-watch", {program, "--rule-watch"}, {}}};
    all.push_back({"learn", {program, "--learn"}, [&room] { return room.learns(); }});
    all.push_back(
        {"fingerprints", {program, "--fingerprints"}, [&room] { return room.asksFingerprints(); }});
    all.push_back({"resolver", {program, "--resolver"}, {}});
    for (filter::Prefork::Companion &companion : all) {
        if (options.paths().isPrivateRoot()) {
            companion.command.push_back("--root");
            companion.command.push_back(QFile::encodeName(options.paths().root()));
        }
    }
    for (const QString &server : options.overrides().dnsServers) {
        all.back().command.push_back("--dns");
        all.back().command.push_back(server.toUtf8());
    }
    return all;
}

int runMaster(const daemons::DaemonOptions &options)
{
    EngineRoom room(config::ConfigLoader(options.paths(), options.overrides()));
    std::unique_ptr<filter::Pipeline> pipeline;
    const QString scratch = room.scratchFolder();
    const QString rulesCache = options.paths().rulesCache();
    filter::Prefork master({
        [&room] { return room.prepare(); },
        [&room] { return room.needsReload(); },
        [&](int descriptor, filter::WorkerSlot &slot) {
            serve(descriptor, slot, *pipeline, scratch);
        },
        [&] {
            pipeline = room.makePipeline();
            pipeline->warmUp();
        },
        [&room] { room.sweepScratch(); },
        [&] { return QFileInfo::exists(rulesCache); },
        [&] {
            options.announceReady({{QLatin1String("event"), QLatin1String("ready")}});
        },
        companions(options, room),
    });
    return master.run();
}

}  // namespace

}  // namespace portcullis

int main(int argc, char *argv[])
{
    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("pmg-smtp-filter"));
    QCoreApplication::setApplicationVersion(QStringLiteral(PORTCULLIS_VERSION));
    portcullis::daemons::DaemonOptions options(
        QStringLiteral("Judges mail for pmg-smtpd: virus scan, spam score, rules."));
    options.parser().addOption(
        {QStringLiteral("rule-watch"),
         QStringLiteral("Only keep the rules cache up to date (started by the program itself).")});
    options.parser().addOption(
        {QStringLiteral("learn"),
         QStringLiteral("Only learn what workers found out (started by the program itself).")});
    options.parser().addOption(
        {QStringLiteral("fingerprints"),
         QStringLiteral("Only ask Razor and Pyzor (started by the program itself).")});
    options.parser().addOption(
        {QStringLiteral("resolver"),
         QStringLiteral(
             "Only answer the workers' DNS questions (started by the program itself).")});
    options.parser().addOption({QStringLiteral("dns"),
                                QStringLiteral("Ask this DNS server; may be repeated."),
                                QStringLiteral("address[:port]")});
    options.parse(QCoreApplication::arguments());
    options.openLog("pmg-smtp-filter");
    if (options.isSet(QStringLiteral("rule-watch"))) {
        return portcullis::watchRules(options);
    }
    if (options.isSet(QStringLiteral("learn"))) {
        return portcullis::learn(options);
    }
    if (options.isSet(QStringLiteral("fingerprints"))) {
        return portcullis::serveFingerprints(options);
    }
    return options.isSet(QStringLiteral("resolver")) ? portcullis::serveNames(options)
                                                     : portcullis::runMaster(options);
}
