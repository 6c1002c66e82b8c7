// SPDX-License-Identifier: GPL-2.0-or-later
// pmgpolicy: Postfix's policy service, see docs/operator/postfix-in-front.md.
#include "appliance/base/Log.h"
#include "appliance/daemons/common/DaemonOptions.h"
#include "appliance/daemons/common/UnixSignals.h"
#include "appliance/daemons/pmgpolicy/PolicyDaemon.h"

#include <QtCore/QCoreApplication>

#include <csignal>
#include <cstdio>

namespace portcullis {

namespace {

int fail(const QString &reason)
{
    log::write(log::Severity::Critical, "policy.start-failed", {}, {{"reason", reason.toUtf8()}});
    std::fputs(qPrintable(QStringLiteral("pmgpolicy: ") + reason + QLatin1Char('\n')), stderr);
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
    PolicyDaemon daemon(options.paths(), options.overrides(), *database);
    if (const Status status = daemon.start(); !status) {
        return fail(status.error().toString());
    }
    QObject::connect(&signalSource, &daemons::UnixSignals::received, &daemon, [&](int number) {
        if (number == SIGHUP) {
            daemon.reload();
        } else {
            QCoreApplication::quit();
        }
    });
    options.announceReady({{QLatin1String("event"), QLatin1String("ready")},
                           {QLatin1String("policy"), daemon.port()}});
    return QCoreApplication::exec();
}

}  // namespace

}  // namespace portcullis

int main(int argc, char *argv[])
{
    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("pmgpolicy"));
    QCoreApplication::setApplicationVersion(QStringLiteral(PORTCULLIS_VERSION));
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c) cannot fail for SIGPIPE
    portcullis::daemons::DaemonOptions options(
        QStringLiteral("Answers Postfix's policy questions: SMTP allow list, SPF, greylisting."));
    options.parser().addOption({QStringLiteral("dns"),
                                QStringLiteral("Ask this DNS server; may be repeated."),
                                QStringLiteral("address[:port]")});
    options.parse(QCoreApplication::arguments());
    options.openLog("pmgpolicy");
    return portcullis::run(options);
}
