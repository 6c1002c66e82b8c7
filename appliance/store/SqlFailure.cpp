// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/SqlFailure.h"

#include <array>

namespace portcullis::store {

namespace {

struct SqlStateRow {
    const char *prefix;  ///< The longest prefix that fits decides; rows are ordered for that.
    const char *id;
    Persistence persistence;
};

constexpr std::array sqlStates{
    SqlStateRow{"08", "store.connection-lost", Persistence::Transient},
    SqlStateRow{"57P01", "store.connection-lost", Persistence::Transient},
    SqlStateRow{"57P02", "store.connection-lost", Persistence::Transient},
    SqlStateRow{"57P03", "store.unavailable", Persistence::Transient},
    SqlStateRow{"57014", "store.timeout", Persistence::Transient},
    SqlStateRow{"55P03", "store.locked", Persistence::Transient},
    SqlStateRow{"40", "store.conflict", Persistence::Transient},
    SqlStateRow{"53100", "store.disk-full", Persistence::Transient},
    SqlStateRow{"53", "store.unavailable", Persistence::Transient},
    SqlStateRow{"58", "store.unavailable", Persistence::Transient},
    SqlStateRow{"23505", "store.duplicate", Persistence::Permanent},
    SqlStateRow{"23", "store.constraint", Persistence::Permanent},
    SqlStateRow{"42P01", "store.schema", Persistence::Permanent},
    SqlStateRow{"42703", "store.schema", Persistence::Permanent},
    SqlStateRow{"42883", "store.schema", Persistence::Permanent},
    SqlStateRow{"3F", "store.schema", Persistence::Permanent},
    SqlStateRow{"3D", "store.no-database", Persistence::Permanent},
    SqlStateRow{"42501", "store.denied", Persistence::Permanent},
    SqlStateRow{"28", "store.denied", Persistence::Permanent},
    SqlStateRow{"25006", "store.read-only", Persistence::Permanent},
};

/// The primary message only: DETAIL and CONTEXT lines quote values, which may be mail.
QString firstLine(const QString &message)
{
    QString line = message.section(QLatin1Char('\n'), 0, 0).trimmed();
    line.truncate(300);
    return line;
}

}  // namespace

Error errorForSqlState(const QByteArray &sqlState, const QString &message)
{
    const QString detail = QStringLiteral("%1 (SQLSTATE %2)")
                               .arg(firstLine(message), QString::fromLatin1(sqlState));
    for (const SqlStateRow &row : sqlStates) {
        if (sqlState.startsWith(row.prefix)) {
            return {row.id, row.persistence, detail};
        }
    }
    return Error::permanent("store.query", detail);
}

Error errorForFailedConnect(const QString &message)
{
    const QString detail = firstLine(message);
    if (message.contains(QLatin1String("database \""))
        && message.contains(QLatin1String("does not exist"))) {
        return Error::permanent("store.no-database", detail);
    }
    if (message.contains(QLatin1String("authentication failed"))
        || message.contains(QLatin1String("no pg_hba.conf entry"))) {
        return Error::permanent("store.denied", detail);
    }
    return Error::transient("store.unavailable", detail);
}

}  // namespace portcullis::store
