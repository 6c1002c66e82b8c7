// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/DatabaseSettings.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QThreadStorage>
#include <QtCore/QVariant>
#include <QtSql/QSqlDatabase>

#include <functional>
#include <memory>

class QSqlError;
class QSqlQuery;

namespace portcullis::store {

/// Rows as QPSQL gives them; note that bigint arrives unsigned when not negative, so read numbers
/// with toLongLong(), and that jsonb, inet and arrays arrive as QString.
using Row = QVariantList;
using Rows = QList<Row>;

/// One connection to PostgreSQL, used only on the thread that opened it.
///
/// Every call blocks (bounded by the settings' limits), so never use one on an SMTP event loop.
/// A lost connection is reopened by the next call; prepared statements are made again by themselves.
/// Errors: `store.unavailable`, `store.connection-lost`, `store.timeout`, `store.locked`,
/// `store.conflict` (serialisation, deadlock), `store.disk-full` are transient;
/// `store.duplicate`, `store.constraint`, `store.schema` (table or column missing), `store.denied`,
/// `store.query` are permanent. `detail` holds the server's message and SQLSTATE, never values.
class Database
{
public:
    /// Connects. Errors as above.
    static Result<std::unique_ptr<Database>> open(const DatabaseSettings &settings);
    ~Database();
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    /// Runs one statement with `?` placeholders and gives its rows. `sql` is a named constant of the
    /// caller; it is prepared on first use and kept. Only QVariant() is NULL: null strings and byte
    /// arrays are empty ones. Strings are made safe for binding (see
    /// cleanText()); QByteArray binds as bytea; QJsonObject is not a parameter type, use jsonText().
    /// A statement that certainly did not run (57P01 outside a transaction) is tried once more.
    Result<Rows> query(const char *sql, const QVariantList &parameters = {});

    /// As query(), for statements without rows: the number of rows changed.
    Result<qint64> execute(const char *sql, const QVariantList &parameters = {});

    /// As query(), row by row without keeping them; `visit` returns false to end.
    Status each(const char *sql,
                const QVariantList &parameters,
                const std::function<bool(const Row &)> &visit);

    /// Several statements without parameters, as a migration file holds them.
    Status runScript(const QString &sql);

    /// `COPY … FROM STDIN` (text format): the fastest way in, for writer threads. Rows are encoded
    /// here. All or nothing, within the running transaction if there is one.
    Result<qint64> copyIn(const char *copyStatement, const Rows &rows);

    /// Runs `work` in one transaction: committed if it succeeds, rolled back if it fails or throws.
    /// A failed commit is an error as any other; then nothing was stored, or (`store.connection-lost`)
    /// it is unknown, so that work must be safe to repeat.
    Status inTransaction(const std::function<Status()> &work);

    /// This node's number in the cluster, 1 on a single node; read once per connection.
    Result<int> nodeId();

    [[nodiscard]] const DatabaseSettings &settings() const { return m_settings; }
    [[nodiscard]] bool isInTransaction() const { return m_isInTransaction; }

private:
    explicit Database(DatabaseSettings settings);
    struct Statements;

    Status connect();
    void disconnect();
    Status ensureConnected();
    Result<QSqlQuery *> run(const char *sql, const QVariantList &parameters);
    Result<QSqlQuery *> runOnce(const char *sql, const QVariantList &parameters);
    Result<QSqlQuery *> prepared(const char *sql);
    Error failure(const QSqlError &error);
    Error failure(const QByteArray &sqlState, const QString &message);

    DatabaseSettings m_settings;
    QString m_connectionName;
    std::unique_ptr<Statements> m_statements;
    int m_nodeId = 0;
    bool m_isInTransaction = false;
    bool m_isBroken = true;
};

/// Hands each thread its own Database. Thread-safe; outlives the threads that use it.
class DatabasePool
{
public:
    explicit DatabasePool(DatabaseSettings settings);
    ~DatabasePool();  ///< Closes the calling thread's connection; the others are closed by then.
    DatabasePool(const DatabasePool &) = delete;
    DatabasePool &operator=(const DatabasePool &) = delete;

    /// The calling thread's connection, opened on first use and closed when the thread ends.
    Result<Database *> local();

    [[nodiscard]] const DatabaseSettings &settings() const { return m_settings; }

private:
    DatabaseSettings m_settings;
    QThreadStorage<Database *> m_connections;  ///< Owns them.
};

/// Text that PostgreSQL takes: NUL and lone surrogates become U+FFFD. query() does this to QStrings.
QString cleanText(const QString &text);

/// Bytes of a mail as text: invalid UTF-8 and NUL become U+FFFD.
QString cleanText(QByteArrayView bytes);

/// A JSON object as parameter for a json or jsonb column (`?::jsonb`), with cleaned strings.
QString jsonText(const QJsonObject &object);

}  // namespace portcullis::store
