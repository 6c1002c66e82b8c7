// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Migrations.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QRegularExpression>

#include <map>

// Q_INIT_RESOURCE must stand outside of namespaces.
static void initialiseMigrationResource()
{
    Q_INIT_RESOURCE(migrations);
}

namespace portcullis::store {

namespace {

constexpr char createBookkeeping[] =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT clock_timestamp())";
constexpr char hasBookkeeping[] = "SELECT to_regclass('schema_migration') IS NOT NULL";
constexpr char selectApplied[] = "SELECT number, name, sha256 FROM schema_migration";
constexpr char insertApplied[] =
    "INSERT INTO schema_migration (number, name, sha256) VALUES (?, ?, ?)";

/// Starters wait for each other at this lock; the number is ours, "PMGW" in ASCII.
constexpr char takeLock[] = "SELECT pg_advisory_lock(1347241815)";
constexpr char releaseLock[] = "SELECT pg_advisory_unlock(1347241815)";
/// A migration of a big table may take long; another starter may wait as long as that.
constexpr char extendLimits[] = "SET statement_timeout = '30min'; SET lock_timeout = '5min'";
constexpr char restoreLimits[] = "RESET statement_timeout; RESET lock_timeout";

struct MigrationFile {
    int number = 0;
    QString name;
    QByteArray sql;
    QString sha256;
};
using MigrationFiles = std::map<int, MigrationFile>;

struct AppliedFile {
    QString name;
    QString sha256;
};
using AppliedFiles = std::map<int, AppliedFile>;

Result<MigrationFiles> readMigrations(const QString &folder)
{
    initialiseMigrationResource();
    static const QRegularExpression form(QStringLiteral("^([0-9]{4})_[a-z0-9_]+\\.sql$"));
    MigrationFiles files;
    const QStringList names = QDir(folder).entryList({QStringLiteral("*.sql")}, QDir::Files);
    for (const QString &name : names) {
        const auto match = form.match(name);
        const int number = match.captured(1).toInt();
        if (!match.hasMatch() || files.contains(number)) {
            return Error::permanent("store.migration-name",
                                    QStringLiteral("%1: bad or repeated number").arg(name));
        }
        QFile file(folder + QLatin1Char('/') + name);
        if (!file.open(QIODevice::ReadOnly)) {
            return Error::permanent("store.migration-name",
                                    QStringLiteral("%1: %2").arg(name, file.errorString()));
        }
        const QByteArray sql = file.readAll();
        files[number] = {
            number, name, sql,
            QString::fromLatin1(QCryptographicHash::hash(sql, QCryptographicHash::Sha256).toHex())};
    }
    if (files.empty()) {
        return Error::permanent("store.migration-name",
                                QStringLiteral("no migrations in %1").arg(folder));
    }
    return files;
}

Result<AppliedFiles> readApplied(Database &database)
{
    AppliedFiles applied;
    const Rows exists = TRY(database.query(hasBookkeeping));
    if (!exists.first().first().toBool()) {
        return applied;
    }
    const Rows rows = TRY(database.query(selectApplied));
    for (const Row &row : rows) {
        applied[row[0].toInt()] = {row[1].toString(), row[2].toString()};
    }
    return applied;
}

/// What was applied must be what we have: neither edited since nor unknown to us.
Status compare(const MigrationFiles &files, const AppliedFiles &applied)
{
    for (const auto &[number, row] : applied) {
        const auto file = files.find(number);
        if (file == files.end()) {
            return Error::permanent(
                "store.schema-newer",
                QStringLiteral("the database has migration %1, which this program does not know; "
                               "it belongs to a newer release")
                    .arg(row.name));
        }
        if (file->second.sha256 != row.sha256) {
            return Error::permanent(
                "store.migration-changed",
                QStringLiteral("migration %1 was applied as another file than the one we have; "
                               "applied files must never be edited")
                    .arg(row.name));
        }
    }
    return ok();
}

Status apply(Database &database, const MigrationFile &file)
{
    const Status applied = database.inTransaction([&]() -> Status {
        TRY(database.runScript(QString::fromUtf8(file.sql)));
        TRY(database.execute(insertApplied, {file.number, file.name, file.sha256}));
        return ok();
    });
    if (!applied && !applied.error().isTransient()) {
        return Error::permanent("store.migration-failed",
                                file.name + QLatin1String(": ") + applied.error().detail);
    }
    return applied;
}

Result<QStringList> applyMissing(Database &database, const MigrationFiles &files)
{
    TRY(database.runScript(QString::fromLatin1(createBookkeeping)));
    const AppliedFiles applied = TRY(readApplied(database));
    TRY(compare(files, applied));
    QStringList names;
    for (const auto &[number, file] : files) {
        if (!applied.contains(number)) {
            TRY(apply(database, file));
            names << file.name;
        }
    }
    return names;
}

}  // namespace

Result<QStringList> migrate(Database &database, const QString &folder)
{
    const MigrationFiles files = TRY(readMigrations(folder));
    TRY(database.runScript(QString::fromLatin1(extendLimits)));
    TRY(database.query(takeLock));
    const auto names = applyMissing(database, files);
    // If these fail the connection is gone, and the lock with it.
    const auto unlocked = database.query(releaseLock);
    const Status restored = database.runScript(QString::fromLatin1(restoreLimits));
    if (names && !unlocked) {
        return unlocked.error();
    }
    if (names && !restored) {
        return restored.error();
    }
    return names;
}

Status checkSchema(Database &database, const QString &folder)
{
    const MigrationFiles files = TRY(readMigrations(folder));
    const AppliedFiles applied = TRY(readApplied(database));
    TRY(compare(files, applied));
    for (const auto &[number, file] : files) {
        if (!applied.contains(number)) {
            return Error::permanent("store.schema-missing",
                                    QStringLiteral("migration %1 has not been applied; run "
                                                   "'pmgdb update' (or 'pmgdb init')")
                                        .arg(file.name));
        }
    }
    return ok();
}

}  // namespace portcullis::store
