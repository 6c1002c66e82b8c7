// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Administration.h"

namespace portcullis::store {

namespace {

constexpr char findDatabase[] = "SELECT 1 FROM pg_database WHERE datname = ?";

QString quotedIdentifier(const QString &name)
{
    QString quoted = cleanText(name);
    quoted.replace(QLatin1Char('"'), QLatin1String("\"\""));
    return QLatin1Char('"') + quoted + QLatin1Char('"');
}

/// CREATE and DROP DATABASE are given from another database; `postgres` is there on every server.
Result<std::unique_ptr<Database>> openMaintenance(const DatabaseSettings &settings)
{
    DatabaseSettings maintenance = settings;
    maintenance.name = QStringLiteral("postgres");
    return Database::open(maintenance);
}

}  // namespace

Result<bool> createDatabaseIfMissing(const DatabaseSettings &settings)
{
    // A role that may use our database need not be allowed into `postgres`: try the direct way first.
    const auto direct = Database::open(settings);
    if (direct) {
        return false;
    }
    if (direct.error().id != "store.no-database") {
        return direct.error();
    }
    const auto maintenance = TRY(openMaintenance(settings));
    const Status created = maintenance->runScript(
        QStringLiteral("CREATE DATABASE %1 ENCODING 'UTF8' TEMPLATE template0")
            .arg(quotedIdentifier(settings.name)));
    if (created) {
        return true;
    }
    // Another starter was quicker.
    const Rows rows = TRY(maintenance->query(findDatabase, {settings.name}));
    if (!rows.isEmpty()) {
        return false;
    }
    return created.error();
}

Status dropDatabase(const DatabaseSettings &settings)
{
    const auto maintenance = TRY(openMaintenance(settings));
    return maintenance->runScript(QStringLiteral("DROP DATABASE IF EXISTS %1 WITH (FORCE)")
                                      .arg(quotedIdentifier(settings.name)));
}

}  // namespace portcullis::store
