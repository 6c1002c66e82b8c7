// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Arguments.h"

#include "appliance/base/Paths.h"
#include "shared/schema/Schema.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QFileInfo>
#include <QtNetwork/QHostAddress>

namespace portcullis::daemons {

namespace {

Error usage(const QString &problem)
{
    return Error::permanent("usage", problem);
}

void addOptions(QCommandLineParser &parser)
{
    const auto option = [&parser](const char *name, const char *value) {
        parser.addOption({QString::fromLatin1(name), QString(), QString::fromLatin1(value)});
    };
    option("root", "DIR");
    option("ext-port", "N");
    option("int-port", "N");
    option("api-port", "N");
    option("listen", "ADDR");
    option("dns", "ADDR");
    option("dsn", "DSN");
    parser.addOption({{QStringLiteral("h"), QStringLiteral("help")}, QString()});
    parser.addOption({{QStringLiteral("v"), QStringLiteral("version")}, QString()});
}

Result<std::optional<quint16>> portOf(const QCommandLineParser &parser, const QString &name)
{
    if (!parser.isSet(name)) {
        return std::optional<quint16>();
    }
    bool isNumber = false;
    const quint16 port = parser.value(name).toUShort(&isNumber);
    if (!isNumber) {
        return usage(
            QStringLiteral("--%1: '%2' is not a port, 0 to 65535").arg(name, parser.value(name)));
    }
    return std::optional(port);
}

Status checkLists(const Arguments &arguments)
{
    for (const QString &address : arguments.listen) {
        if (!schema::isIpAddress(address.toUtf8())) {
            return usage(QStringLiteral("--listen: '%1' is not an IP address").arg(address));
        }
    }
    const schema::KeySpec *servers = schema::findSection("mail")->find("dns_servers");
    for (const QString &server : arguments.dns) {
        if (!schema::parseValue(*servers, server.toUtf8())) {
            return usage(QStringLiteral("--dns: '%1' is neither ADDR nor ADDR:PORT").arg(server));
        }
    }
    return ok();
}

Result<Arguments::Command> commandOf(const QStringList &words)
{
    if (words.isEmpty()) {
        return usage(QStringLiteral("a command is missing: run, stop or status"));
    }
    if (words.size() > 1) {
        return usage(QStringLiteral("unexpected argument '%1'").arg(words.at(1)));
    }
    if (words.first() == QLatin1String("run")) {
        return Arguments::Command::Run;
    }
    if (words.first() == QLatin1String("stop")) {
        return Arguments::Command::Stop;
    }
    if (words.first() == QLatin1String("status")) {
        return Arguments::Command::Status;
    }
    return usage(
        QStringLiteral("unknown command '%1'; known are run, stop and status").arg(words.first()));
}

}  // namespace

Result<Arguments> Arguments::parse(const QStringList &words)
{
    QCommandLineParser parser;
    addOptions(parser);
    if (!parser.parse(QStringList{QStringLiteral("portcullis")} + words)) {
        return usage(parser.errorText());
    }
    Arguments arguments;
    if (parser.isSet(QStringLiteral("help"))) {
        return arguments;
    }
    if (parser.isSet(QStringLiteral("version"))) {
        arguments.command = Command::Version;
        return arguments;
    }
    arguments.command = TRY(commandOf(parser.positionalArguments()));
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    if (!paths.isPrivateRoot()) {
        return usage(QStringLiteral("--root DIR is missing (or PMG_ROOT in the environment)"));
    }
    arguments.root = paths.root();
    arguments.extPort = TRY(portOf(parser, QStringLiteral("ext-port")));
    arguments.intPort = TRY(portOf(parser, QStringLiteral("int-port")));
    arguments.apiPort = TRY(portOf(parser, QStringLiteral("api-port")));
    arguments.listen = parser.values(QStringLiteral("listen"));
    arguments.dns = parser.values(QStringLiteral("dns"));
    arguments.dsn = parser.value(QStringLiteral("dsn"));
    TRY(checkLists(arguments));
    return arguments;
}

QString Arguments::help()
{
    return QStringLiteral(
        "Usage: portcullis run    --root DIR [options]   start the gateway in the foreground\n"
        "       portcullis stop   --root DIR             end the gateway of DIR and wait for it\n"
        "       portcullis status --root DIR             say whether and how it runs\n"
        "\n"
        "DIR holds everything: configuration (DIR/etc/pmg), queue, database and logs. It is "
        "created\n"
        "on first use. When all is up, `run` prints one line of JSON with the ports.\n"
        "\n"
        "Options of run:\n"
        "  --root DIR            private folder (default: environment PMG_ROOT)\n"
        "  --ext-port N          port for mail from outside; 0 = a free one (default: pmg.conf, "
        "25)\n"
        "  --int-port N          port for mail from inside; 0 = a free one (default: pmg.conf, "
        "26)\n"
        "  --api-port N          port of the REST API\n"
        "  --listen ADDR         address to listen on; may be repeated (default: all)\n"
        "  --dns ADDR[:PORT]     name server to ask; may be repeated (default: /etc/resolv.conf)\n"
        "  --dsn DSN             PostgreSQL to use, as a libpq connection string (default: a "
        "private\n"
        "                        one inside DIR, unless DIR/etc/pmg/database.dsn names another)\n"
        "  -h, --help            this text\n"
        "  -v, --version         the version\n"
        "\n"
        "Exit codes: 0 ended in order, 1 could not start, 2 wrong arguments, 3 (status) not "
        "running.\n");
}

}  // namespace portcullis::daemons
