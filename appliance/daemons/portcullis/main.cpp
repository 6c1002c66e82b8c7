// SPDX-License-Identifier: GPL-2.0-or-later
// portcullis: starts, supervises and ends all programs of the gateway. See portcullis(8).
#include "appliance/daemons/common/UnixSignals.h"
#include "appliance/daemons/portcullis/Arguments.h"
#include "appliance/daemons/portcullis/Supervisor.h"

#include <QtCore/QCoreApplication>

#include <csignal>
#include <cstdio>

namespace portcullis::daemons {

namespace {

int run(const Arguments &arguments)
{
    std::signal(SIGPIPE, SIG_IGN);
    const UnixSignals signalSource({SIGTERM, SIGINT, SIGHUP});
    Supervisor supervisor(arguments);
    QObject::connect(&signalSource, &UnixSignals::received, &supervisor, &Supervisor::onSignal);
    if (const Status started = supervisor.start(); !started) {
        std::fputs(
            qPrintable(QStringLiteral("portcullis: ") + started.error().detail + QLatin1Char('\n')),
            stderr);
        return 1;
    }
    return QCoreApplication::exec();
}

int dispatch(const QStringList &words)
{
    const auto arguments = Arguments::parse(words);
    if (!arguments) {
        std::fputs(qPrintable(QStringLiteral("portcullis: ") + arguments.error().detail
                              + QStringLiteral("\n\n") + Arguments::help()),
                   stderr);
        return 2;
    }
    switch (arguments->command) {
    case Arguments::Command::Run:
        return run(*arguments);
    case Arguments::Command::Stop:
        return stopInstance(Paths(arguments->root));
    case Arguments::Command::Status:
        return printStatus(Paths(arguments->root));
    case Arguments::Command::Version:
        std::puts("portcullis " PORTCULLIS_VERSION);
        return 0;
    case Arguments::Command::Help:
        break;
    }
    std::fputs(qPrintable(Arguments::help()), stdout);
    return 0;
}

}  // namespace

}  // namespace portcullis::daemons

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::daemons::dispatch(QCoreApplication::arguments().mid(1));
}
