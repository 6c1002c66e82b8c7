// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/common/DaemonOptions.h"

#include "appliance/base/Log.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QJsonDocument>

#include <unistd.h>

#include <cstdio>

namespace portcullis::daemons {

namespace {

constexpr int usageExitCode = 2;

}  // namespace

DaemonOptions::DaemonOptions(const QString &description)
{
    m_parser.setApplicationDescription(description);
    m_parser.addOptions({
        {QStringLiteral("root"),
         QStringLiteral("Keep all files below <dir> (default: the installed layout, or PMG_ROOT)."),
         QStringLiteral("dir")},
        {QStringLiteral("dsn"), QStringLiteral("PostgreSQL connection, as libpq's conninfo."),
         QStringLiteral("conninfo")},
        {QStringLiteral("ready-fd"),
         QStringLiteral("Write one line of JSON to this descriptor when ready."),
         QStringLiteral("number")},
    });
}

void DaemonOptions::fail(const QString &problem) const
{
    std::fputs(qPrintable(QCoreApplication::applicationName() + QStringLiteral(": ") + problem
                          + QStringLiteral("\n\n") + m_parser.helpText()),
               stderr);
    std::exit(usageExitCode);  // NOLINT(concurrency-mt-unsafe) before any thread was started
}

void DaemonOptions::parse(const QStringList &arguments)
{
    const QCommandLineOption help = m_parser.addHelpOption();
    const QCommandLineOption version = m_parser.addVersionOption();
    if (!m_parser.parse(arguments)) {
        fail(m_parser.errorText());
    }
    if (m_parser.isSet(help)) {
        m_parser.showHelp();
    }
    if (m_parser.isSet(version)) {
        m_parser.showVersion();
    }
    if (!m_parser.positionalArguments().isEmpty()) {
        fail(
            QStringLiteral("unexpected argument '%1'").arg(m_parser.positionalArguments().first()));
    }
}

Paths DaemonOptions::paths() const
{
    return Paths::fromOption(m_parser.value(QStringLiteral("root")));
}

QString DaemonOptions::dsn() const
{
    return m_parser.value(QStringLiteral("dsn"));
}

std::optional<quint16> DaemonOptions::portOption(const QString &name) const
{
    if (!m_parser.optionNames().contains(name)) {
        return std::nullopt;
    }
    bool isNumber = false;
    const quint16 port = m_parser.value(name).toUShort(&isNumber);
    if (!isNumber) {
        fail(QStringLiteral("--%1 needs a port, 0 … 65535, not '%2'")
                 .arg(name, m_parser.value(name)));
    }
    return port;
}

config::Overrides DaemonOptions::overrides() const
{
    config::Overrides overrides;
    overrides.extPort = portOption(QStringLiteral("ext-port"));
    overrides.intPort = portOption(QStringLiteral("int-port"));
    const QStringList given = m_parser.optionNames();
    if (given.contains(QStringLiteral("listen"))) {
        for (const QString &text : m_parser.values(QStringLiteral("listen"))) {
            const QHostAddress address(text);
            if (address.isNull()) {
                fail(QStringLiteral("--listen needs an address, not '%1'").arg(text));
            }
            overrides.listen.push_back(address);
        }
    }
    if (given.contains(QStringLiteral("dns"))) {
        const QStringList servers = m_parser.values(QStringLiteral("dns"));
        overrides.dnsServers.assign(servers.begin(), servers.end());
    }
    overrides.databaseDsn = dsn().toUtf8();
    return overrides;
}

void DaemonOptions::announceReady(const QJsonObject &line) const
{
    if (!m_parser.isSet(QStringLiteral("ready-fd"))) {
        return;
    }
    const int descriptor = m_parser.value(QStringLiteral("ready-fd")).toInt();
    const QByteArray text = QJsonDocument(line).toJson(QJsonDocument::Compact) + '\n';
    [[maybe_unused]] const ssize_t written = ::write(descriptor, text.constData(),
                                                     static_cast<size_t>(text.size()));
    ::close(descriptor);
}

void DaemonOptions::openLog(const QByteArray &program) const
{
    const Paths where = paths();
    log::Target target;
    target.program = program;
    if (where.isPrivateRoot()) {
        target.filePath = QFile::encodeName(where.log() + QStringLiteral("/mail.log"));
    }
    log::setTarget(target);
}

}  // namespace portcullis::daemons
