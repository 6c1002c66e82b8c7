// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <chrono>

namespace portcullis::store {

/// Where PostgreSQL is and how long we wait for it. A value; copy freely.
struct DatabaseSettings {
    QString host;        ///< A host name, or the folder of the unix socket (starts with '/').
    int port = 5432;     ///< Range 1 … 65535; with a socket folder it is part of the file name.
    QString name;        ///< Database.
    QString user;        ///< Role; empty: the name of the process's user.
    QString password;    ///< Never logged.
    QString sslOptions;  ///< Further libpq keywords ("sslmode=verify-full sslrootcert=…").

    /// Limits: no caller ever waits without end for the database (F6: slow, locked, away).
    std::chrono::seconds connectTimeout{5};             ///< Range 1 s … 60 s.
    std::chrono::milliseconds statementTimeout{30000};  ///< Range 100 ms … 1 h.
    std::chrono::milliseconds lockTimeout{5000};  ///< Waiting for a row or table; 100 ms … 5 min.

    /// Reads a libpq connection string, `host=… port=… dbname=… user=…` or `postgresql://…`.
    /// Error `store.dsn` (permanent) naming what is wrong, without the password.
    static Result<DatabaseSettings> parse(const QString &dsn);

    /// The database of this appliance: environment PMG_DSN, else the first line of
    /// `etc/database.dsn`, else database `pmg` at privateSocketFolder() (private root) or at the
    /// machine's own server (/var/run/postgresql).
    static Result<DatabaseSettings> locate(const Paths &paths);

    /// Where the private PostgreSQL of a root folder has its socket: run/pg.
    static QString privateSocketFolder(const Paths &paths);

    /// For logs: host, port, database, user; never the password.
    [[nodiscard]] QString toString() const;

    /// For libpq, with password and limits. Sessions speak UTF-8 and UTC.
    [[nodiscard]] QString connectionString() const;
};

}  // namespace portcullis::store
