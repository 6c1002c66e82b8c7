// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-smtp-filter: judges mail. See docs/developer/pmg-smtp-filter.md.
#include "appliance/base/Log.h"
#include "appliance/daemons/common/DaemonOptions.h"
#include "appliance/daemons/common/UnixSignals.h"
#include "appliance/daemons/pmg-smtp-filter/EngineRoom.h"
#include "appliance/filter/Connection.h"
#include "appliance/filter/Prefork.h"
#include "appliance/rules/PgRuleWatcher.h"
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

/// The connection string may hold a password: it goes on in the environment, not in arguments that
/// every user of the machine can list.
std::vector<QByteArray> companionCommand(const daemons::DaemonOptions &options)
{
    if (!options.dsn().isEmpty()) {
        qputenv("PMG_DSN", options.dsn().toUtf8());
    }
    std::vector<QByteArray> command{QFile::encodeName(QCoreApplication::applicationFilePath()),
                                    "--rule-watch"};
    if (options.paths().isPrivateRoot()) {
        command.push_back("--root");
        command.push_back(QFile::encodeName(options.paths().root()));
    }
    return command;
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
        companionCommand(options),
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
    options.parse(QCoreApplication::arguments());
    options.openLog("pmg-smtp-filter");
    return options.isSet(QStringLiteral("rule-watch")) ? portcullis::watchRules(options)
                                                       : portcullis::runMaster(options);
}
