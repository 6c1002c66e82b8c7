// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QFile>

#include <libpq-fe.h>

#include <memory>

namespace portcullis::store {

namespace {

/// One libpq keyword with its value quoted for a connection string.
QString keyword(const QString &name, const QString &value)
{
    QString quoted = value;
    quoted.replace(QLatin1Char('\\'), QLatin1String("\\\\"));
    quoted.replace(QLatin1Char('\''), QLatin1String("\\'"));
    return name + QLatin1String("='") + quoted + QLatin1Char('\'');
}

Status assign(DatabaseSettings &settings, const QString &name, const QString &value)
{
    if (name == QLatin1String("host") || name == QLatin1String("hostaddr")) {
        settings.host = value;
    } else if (name == QLatin1String("port")) {
        bool isNumber = false;
        settings.port = value.toInt(&isNumber);
        if (!isNumber || settings.port < 1 || settings.port > 65535) {
            return Error::permanent(
                "store.dsn", QStringLiteral("port: not a number of 1 … 65535: %1").arg(value));
        }
    } else if (name == QLatin1String("dbname")) {
        settings.name = value;
    } else if (name == QLatin1String("user")) {
        settings.user = value;
    } else if (name == QLatin1String("password")) {
        settings.password = value;
    } else {
        settings.sslOptions += (settings.sslOptions.isEmpty() ? QString() : QStringLiteral(" "))
                               + keyword(name, value);
    }
    return ok();
}

}  // namespace

Result<DatabaseSettings> DatabaseSettings::parse(const QString &dsn)
{
    char *problem = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
        PQconninfoParse(dsn.toUtf8().constData(), &problem), &PQconninfoFree);
    const std::unique_ptr<char, decltype(&PQfreemem)> problemOwner(problem, &PQfreemem);
    if (!options) {
        return Error::permanent("store.dsn", problem != nullptr
                                                 ? QString::fromUtf8(problem).trimmed()
                                                 : QStringLiteral("cannot be read"));
    }
    DatabaseSettings settings;
    for (const PQconninfoOption *option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) {
            TRY(assign(settings, QString::fromLatin1(option->keyword),
                       QString::fromUtf8(option->val)));
        }
    }
    if (settings.name.isEmpty()) {
        return Error::permanent("store.dsn", QStringLiteral("dbname is missing"));
    }
    return settings;
}

Result<DatabaseSettings> DatabaseSettings::locate(const Paths &paths)
{
    const QString fromEnvironment = qEnvironmentVariable("PMG_DSN");
    if (!fromEnvironment.isEmpty()) {
        return parse(fromEnvironment);
    }
    QFile file(paths.etc() + QLatin1String("/database.dsn"));
    if (file.open(QIODevice::ReadOnly)) {
        return parse(QString::fromUtf8(file.readLine(4096)).trimmed());
    }
    DatabaseSettings settings;
    settings.name = QStringLiteral("pmg");
    settings.host = paths.isPrivateRoot() ? privateSocketFolder(paths)
                                          : QStringLiteral("/var/run/postgresql");
    return settings;
}

QString DatabaseSettings::privateSocketFolder(const Paths &paths)
{
    return paths.run() + QLatin1String("/pg");
}

QString DatabaseSettings::toString() const
{
    return QStringLiteral("host=%1 port=%2 dbname=%3 user=%4")
        .arg(host)
        .arg(port)
        .arg(name, user.isEmpty() ? QStringLiteral("(own)") : user);
}

QString DatabaseSettings::connectionString() const
{
    QStringList parts{
        keyword(QStringLiteral("dbname"), name),
        keyword(QStringLiteral("port"), QString::number(port)),
        keyword(QStringLiteral("connect_timeout"), QString::number(connectTimeout.count())),
        keyword(QStringLiteral("client_encoding"), QStringLiteral("UTF8")),
        // A peer that vanished without a word must not hold a thread: see tcp(7).
        QStringLiteral("keepalives_idle=10 keepalives_interval=5 keepalives_count=3"),
        QStringLiteral("tcp_user_timeout=15000"),
        keyword(QStringLiteral("options"),
                QStringLiteral("-c statement_timeout=%1 -c lock_timeout=%2 -c TimeZone=UTC "
                               "-c client_min_messages=warning")
                    .arg(statementTimeout.count())
                    .arg(lockTimeout.count()))};
    if (!host.isEmpty()) {
        parts << keyword(QStringLiteral("host"), host);
    }
    if (!user.isEmpty()) {
        parts << keyword(QStringLiteral("user"), user);
    }
    if (!password.isEmpty()) {
        parts << keyword(QStringLiteral("password"), password);
    }
    if (!sslOptions.isEmpty()) {
        parts << sslOptions;
    }
    return parts.join(QLatin1Char(' '));
}

}  // namespace portcullis::store
