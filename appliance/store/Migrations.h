// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/Database.h"

#include <QtCore/QStringList>

namespace portcullis::store {

/// Where the files resources/migrations/NNNN_name.sql lie inside the program.
inline constexpr char builtInMigrations[] = ":/portcullis/migrations";

/// Brings the schema up to date: each file in its own transaction, in order of its number, under an
/// advisory lock so that several starters wait for each other. Gives the names of the files applied
/// now. The hash of each applied file is kept.
/// Errors: `store.migration-changed` (a file that was applied has been edited), `store.schema-newer`
/// (the database knows files that this program does not: start the newer program),
/// `store.migration-name` (bad or repeated number), `store.migration-failed`; all permanent. And
/// those of Database.
Result<QStringList> migrate(Database &database,
                            const QString &folder = QString::fromLatin1(builtInMigrations));

/// Says without changing anything whether the schema is the one this program was made for. Error
/// `store.schema-missing` (permanent: run `pmgdb init` or `pmgdb update`), or as migrate().
Status checkSchema(Database &database,
                   const QString &folder = QString::fromLatin1(builtInMigrations));

}  // namespace portcullis::store
