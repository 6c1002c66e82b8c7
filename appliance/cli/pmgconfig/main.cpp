// SPDX-License-Identifier: GPL-2.0-or-later
// pmgconfig: changes of the configuration that take more than an editor; see pmgconfig(8).
#include "appliance/cli/pmgconfig/Dkim.h"
#include "appliance/cli/support/Terminal.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>

namespace portcullis::cli::configure {

namespace {

const char helpText[] =
    "Usage: pmgconfig [--root DIR] COMMAND [OPTIONS]\n"
    "\n"
    "  dkim_set_selector --selector NAME [--keysize BITS] [--force]\n"
    "                     make a key for signing outgoing mail (2048 bits) and use it from now\n"
    "                     on; a key that is there is kept unless --force is given\n"
    "  dkim_record [--selector NAME]\n"
    "                     the DNS record to publish for the key\n"
    "  dkim_domains list  the domains that mail is signed for\n"
    "  dkim_domains add DOMAIN [--comment TEXT]\n"
    "  dkim_domains remove DOMAIN\n"
    "\n"
    "Exit code: 0 done, 1 failed, 2 wrong usage.\n";

int usage(const QString &problem)
{
    return usageError("pmgconfig", problem);
}

int finish(const Status &done)
{
    return done ? Success : fail(done.error());
}

int finish(const Result<QString> &told)
{
    if (!told) {
        return fail(told.error());
    }
    print(*told);
    return Success;
}

int runSetSelector(const QCommandLineParser &parser, const Paths &paths)
{
    SelectorRequest request;
    request.selector = parser.value(QStringLiteral("selector")).toUtf8();
    request.force = parser.isSet(QStringLiteral("force"));
    if (request.selector.isEmpty() || parser.positionalArguments().size() != 1) {
        return usage(QStringLiteral("dkim_set_selector needs --selector NAME"));
    }
    if (parser.isSet(QStringLiteral("keysize"))) {
        bool isNumber = false;
        request.bits = parser.value(QStringLiteral("keysize")).toInt(&isNumber);
        if (!isNumber) {
            return usage(QStringLiteral("--keysize: a number of bits"));
        }
    }
    return finish(setSelector(paths, request));
}

int runRecord(const QCommandLineParser &parser, const Paths &paths)
{
    const auto record = dnsRecord(paths, parser.value(QStringLiteral("selector")).toUtf8());
    if (!record) {
        return fail(record.error());
    }
    printBytes(*record);
    return Success;
}

int runDomains(const QCommandLineParser &parser, const Paths &paths)
{
    const QStringList words = parser.positionalArguments();
    const QByteArray domain = words.value(2).toUtf8();
    if (words.value(1) == QLatin1String("list") && words.size() == 2) {
        return finish(listDomains(paths));
    }
    if (words.value(1) == QLatin1String("add") && words.size() == 3) {
        return finish(addDomain(paths, domain, parser.value(QStringLiteral("comment"))));
    }
    if (words.value(1) == QLatin1String("remove") && words.size() == 3) {
        return finish(removeDomain(paths, domain));
    }
    return usage(QStringLiteral("dkim_domains list | add DOMAIN | remove DOMAIN"));
}

int main(const QStringList &commandLine)
{
    QCommandLineParser parser;
    for (const char *name : {"root", "selector", "keysize", "comment"}) {
        const QString option = QLatin1String(name);
        parser.addOption({option, QString(), option});
    }
    parser.addOptions({{QStringLiteral("force"), QString()},
                       {{QStringLiteral("h"), QStringLiteral("help")}, QString()}});
    if (!parser.parse(commandLine)) {
        return usage(parser.errorText());
    }
    if (parser.isSet(QStringLiteral("help"))) {
        print(QString::fromLatin1(helpText));
        return Success;
    }
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    const QString command = parser.positionalArguments().value(0);
    if (command == QLatin1String("dkim_set_selector")) {
        return runSetSelector(parser, paths);
    }
    if (command == QLatin1String("dkim_record")) {
        return runRecord(parser, paths);
    }
    if (command == QLatin1String("dkim_domains")) {
        return runDomains(parser, paths);
    }
    return usage(command.isEmpty() ? QStringLiteral("no command")
                                   : QStringLiteral("unknown command '%1'").arg(command));
}

}  // namespace

}  // namespace portcullis::cli::configure

int main(int argc, char *argv[])
{
    const QCoreApplication application(argc, argv);
    return portcullis::cli::configure::main(QCoreApplication::arguments());
}
