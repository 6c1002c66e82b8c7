// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-smtpd: sessions, spool and delivery. See docs/developer/pmg-smtpd.md.
#include "appliance/base/Log.h"
#include "appliance/daemons/common/DaemonOptions.h"
#include "appliance/daemons/common/UnixSignals.h"
#include "appliance/daemons/pmg-smtpd/Gateway.h"

#include <QtCore/QCoreApplication>

#include <csignal>

namespace portcullis {

namespace {

void addOptions(QCommandLineParser &parser)
{
    parser.addOptions({
        {QStringLiteral("ext-port"),
         QStringLiteral("Port for mail from the internet (0: a free one)."),
         QStringLiteral("port")},
        {QStringLiteral("int-port"),
         QStringLiteral("Port for mail from our own servers (0: a free one)."),
         QStringLiteral("port")},
        {QStringLiteral("listen"), QStringLiteral("Listen on this address only; may be repeated."),
         QStringLiteral("address")},
        {QStringLiteral("dns"), QStringLiteral("Ask this DNS server; may be repeated."),
         QStringLiteral("address[:port]")},
    });
}

int fail(const QString &reason)
{
    log::write(log::Severity::Critical, "smtpd.start-failed", {}, {{"reason", reason.toUtf8()}});
    std::fputs(qPrintable(QStringLiteral("pmg-smtpd: ") + reason + QLatin1Char('\n')), stderr);
    return 1;
}

int run(const daemons::DaemonOptions &options)
{
    daemons::UnixSignals signalSource({SIGTERM, SIGINT, SIGHUP});
    const auto database = options.dsn().isEmpty() ? store::DatabaseSettings::locate(options.paths())
                                                  : store::DatabaseSettings::parse(options.dsn());
    if (!database) {
        return fail(database.error().toString());
    }
    Gateway gateway(options.paths(), options.overrides(), *database);
    if (const Status status = gateway.start(); !status) {
        return fail(status.error().toString());
    }
    QObject::connect(&signalSource, &daemons::UnixSignals::received, &gateway, [&](int number) {
        if (number != SIGHUP) {
            gateway.stop();
        } else if (const Status status = gateway.reload(); !status) {
            log::write(log::Severity::Error, "smtpd.reload-failed", {},
                       {{"reason", status.error().detail.toUtf8()}});
        }
    });
    QObject::connect(&gateway, &Gateway::stopped, QCoreApplication::instance(),
                     &QCoreApplication::quit);
    QObject::connect(&gateway, &Gateway::failed, [](const QString &reason) {
        log::write(log::Severity::Critical, "smtpd.storage-failed", {},
                   {{"reason", reason.toUtf8()}});
        QCoreApplication::exit(1);
    });
    QJsonObject ready = gateway.ports();
    ready.insert(QLatin1String("event"), QLatin1String("ready"));
    options.announceReady(ready);
    return QCoreApplication::exec();
}

}  // namespace

}  // namespace portcullis

int main(int argc, char *argv[])
{
    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("pmg-smtpd"));
    QCoreApplication::setApplicationVersion(QStringLiteral(PORTCULLIS_VERSION));
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c) cannot fail for SIGPIPE
    portcullis::daemons::DaemonOptions options(
        QStringLiteral("Takes mail, has it judged, keeps it safe and delivers it."));
    portcullis::addOptions(options.parser());
    options.parse(QCoreApplication::arguments());
    options.openLog("pmg-smtpd");
    return portcullis::run(options);
}
