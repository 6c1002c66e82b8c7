// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Database.h"

#include "appliance/store/QueryWatchdog.h"
#include "appliance/store/SqlFailure.h"

#include <QtCore/QDateTime>
#include <QtCore/QHash>
#include <QtSql/QSqlDriver>
#include <QtSql/QSqlError>
#include <QtSql/QSqlQuery>
#include <QtSql/QSqlRecord>

#include <libpq-fe.h>

#include <atomic>

namespace portcullis::store {

namespace {

/// Statements are constants of our stores, so a few hundred at most; more means a caller builds SQL.
constexpr qsizetype maxPreparedStatements = 500;
/// What a server may take beyond its own statement timeout before we stop believing in it.
constexpr std::chrono::milliseconds serverGrace{5000};

constexpr char selectNodeId[] = "SELECT cid FROM node_self";

QSqlDatabase handle(const QString &connectionName)
{
    return QSqlDatabase::database(connectionName, false);
}

/// Valid while the connection is open.
PGconn *nativeHandle(const QString &connectionName)
{
    const QVariant native = handle(connectionName).driver()->handle();
    return native.isValid() ? *static_cast<PGconn *const *>(native.constData()) : nullptr;
}

bool isConnectionBad(const QString &connectionName)
{
    PGconn *connection = nativeHandle(connectionName);
    return connection == nullptr || PQstatus(connection) == CONNECTION_BAD;
}

/// QPSQL binds values as literals inside the statement's text: a NUL would cut the statement short.
QVariant boundValue(const QVariant &value)
{
    if (value.userType() == QMetaType::QString) {
        return cleanText(value.toString());
    }
    if (value.userType() == QMetaType::QByteArray && value.toByteArray().isNull()) {
        return QByteArray("");
    }
    return value;
}

void appendEscaped(QByteArray &line, const QByteArray &text)
{
    for (const char c : text) {
        switch (c) {
        case '\\':
            line += "\\\\";
            break;
        case '\t':
            line += "\\t";
            break;
        case '\n':
            line += "\\n";
            break;
        case '\r':
            line += "\\r";
            break;
        default:
            line += c;
        }
    }
}

/// One value in the text format of COPY.
void appendCopyValue(QByteArray &line, const QVariant &value)
{
    if (!value.isValid()) {
        line += "\\N";
        return;
    }
    switch (value.userType()) {
    case QMetaType::QByteArray:
        line += "\\\\x" + value.toByteArray().toHex();
        return;
    case QMetaType::Bool:
        line += value.toBool() ? "t" : "f";
        return;
    case QMetaType::QDateTime:
        line += value.toDateTime().toUTC().toString(Qt::ISODateWithMs).toLatin1();
        return;
    default:
        appendEscaped(line, cleanText(value.toString()).toUtf8());
    }
}

QByteArray copyText(const Rows &rows)
{
    QByteArray text;
    for (const Row &row : rows) {
        for (qsizetype i = 0; i < row.size(); ++i) {
            if (i > 0) {
                text += '\t';
            }
            appendCopyValue(text, row[i]);
        }
        text += '\n';
    }
    return text;
}

struct ClearResult {
    void operator()(PGresult *result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ClearResult>;

/// Ends a COPY and gives the first failure's result, or the last result.
PgResult finishCopy(PGconn *connection)
{
    PgResult outcome;
    for (PgResult next(PQgetResult(connection)); next; next.reset(PQgetResult(connection))) {
        if (!outcome || PQresultStatus(outcome.get()) == PGRES_COMMAND_OK) {
            outcome = std::move(next);
        }
    }
    return outcome;
}

}  // namespace

struct Database::Statements {
    QHash<QByteArray, std::shared_ptr<QSqlQuery>> prepared;
};

Database::Database(DatabaseSettings settings)
    : m_settings(std::move(settings))
    , m_statements(std::make_unique<Statements>())
{
    static std::atomic<unsigned> counter{0};
    m_connectionName = QStringLiteral("portcullis-%1").arg(++counter);
}

Database::~Database()
{
    disconnect();
}

Result<std::unique_ptr<Database>> Database::open(const DatabaseSettings &settings)
{
    std::unique_ptr<Database> database(new Database(settings));
    TRY(database->connect());
    return database;
}

Status Database::connect()
{
    QSqlDatabase database = QSqlDatabase::addDatabase(QStringLiteral("QPSQL"), m_connectionName);
    if (!database.isValid() || !database.driver()->hasFeature(QSqlDriver::Transactions)) {
        return Error::permanent("store.driver", QStringLiteral("Qt's QPSQL driver is missing"));
    }
    // The driver appends these to the connection string it builds; libpq takes the last of a keyword.
    database.setConnectOptions(m_settings.connectionString());
    if (!database.open()) {
        return errorForFailedConnect(database.lastError().databaseText());
    }
    m_isBroken = false;
    m_nodeId = 0;
    return ok();
}

void Database::disconnect()
{
    // The server frees the statements with the connection. Without the driver they do not try it
    // themselves, which would fail with a warning each on a connection that is closed or dead.
    QSqlDatabase::removeDatabase(m_connectionName);
    m_statements->prepared.clear();
    m_isInTransaction = false;
    m_isBroken = true;
}

Status Database::ensureConnected()
{
    if (!m_isBroken) {
        return ok();
    }
    if (m_isInTransaction) {
        return Error::transient("store.connection-lost",
                                QStringLiteral("the connection was lost within a transaction"));
    }
    disconnect();
    return connect();
}

Error Database::failure(const QByteArray &sqlState, const QString &message)
{
    const Error error = errorForSqlState(sqlState, message);
    if (error.id == "store.connection-lost" || isConnectionBad(m_connectionName)) {
        m_isBroken = true;
        return Error::transient("store.connection-lost", error.detail);
    }
    return error;
}

Error Database::failure(const QSqlError &error)
{
    return failure(error.nativeErrorCode().toLatin1(), error.databaseText());
}

Result<QSqlQuery *> Database::prepared(const char *sql)
{
    const auto known = m_statements->prepared.constFind(QByteArray::fromRawData(sql, qstrlen(sql)));
    if (known != m_statements->prepared.constEnd()) {
        return known->get();
    }
    if (m_statements->prepared.size() >= maxPreparedStatements) {
        m_statements->prepared.clear();
    }
    auto query = std::make_shared<QSqlQuery>(handle(m_connectionName));
    if (!query->prepare(QString::fromUtf8(sql))) {
        return failure(query->lastError());
    }
    QSqlQuery *statement = query.get();
    m_statements->prepared.insert(QByteArray(sql), query);
    return statement;
}

Result<QSqlQuery *> Database::runOnce(const char *sql, const QVariantList &parameters)
{
    TRY(ensureConnected());
    const QueryWatchdog::Guard guard(PQsocket(nativeHandle(m_connectionName)),
                                     m_settings.statementTimeout + serverGrace);
    QSqlQuery *statement = TRY(prepared(sql));
    for (qsizetype i = 0; i < parameters.size(); ++i) {
        statement->bindValue(static_cast<int>(i), boundValue(parameters[i]));
    }
    if (!statement->exec()) {
        const Error error = failure(statement->lastError());
        if (!m_isBroken && !m_isInTransaction) {
            m_statements->prepared.remove(QByteArray(sql));
        }
        return error;
    }
    return statement;
}

Result<QSqlQuery *> Database::run(const char *sql, const QVariantList &parameters)
{
    auto first = runOnce(sql, parameters);
    if (first || m_isInTransaction) {
        return first;
    }
    // 57P01: the server ended our session before it looked at the statement, or rolled it back.
    // 0A000 "cached plan must not change result type": a migration ran since it was prepared.
    const QString &detail = first.error().detail;
    const bool didNotRun = detail.endsWith(QLatin1String("57P01)"))
                           || detail.contains(QLatin1String("cached plan must not change"));
    return didNotRun ? runOnce(sql, parameters) : std::move(first);
}

Result<Rows> Database::query(const char *sql, const QVariantList &parameters)
{
    Rows rows;
    TRY(each(sql, parameters, [&rows](const Row &row) {
        rows.append(row);
        return true;
    }));
    return rows;
}

Result<qint64> Database::execute(const char *sql, const QVariantList &parameters)
{
    QSqlQuery *statement = TRY(run(sql, parameters));
    const qint64 changed = statement->numRowsAffected();
    statement->finish();
    return changed;
}

Status Database::each(const char *sql,
                      const QVariantList &parameters,
                      const std::function<bool(const Row &)> &visit)
{
    QSqlQuery *statement = TRY(run(sql, parameters));
    const int columns = statement->record().count();
    bool isWanted = true;
    while (isWanted && statement->next()) {
        Row row;
        row.reserve(columns);
        for (int i = 0; i < columns; ++i) {
            row.append(statement->value(i));
        }
        isWanted = visit(row);
    }
    statement->finish();
    return ok();
}

Status Database::runScript(const QString &sql)
{
    TRY(ensureConnected());
    QSqlQuery query(handle(m_connectionName));
    // Without parameters the driver sends the text as one simple query, which may hold several.
    if (!query.exec(sql)) {
        return failure(query.lastError());
    }
    return ok();
}

Result<qint64> Database::copyIn(const char *copyStatement, const Rows &rows)
{
    TRY(ensureConnected());
    PGconn *connection = nativeHandle(m_connectionName);
    const QueryWatchdog::Guard guard(PQsocket(connection),
                                     m_settings.statementTimeout + serverGrace);
    const PgResult started(PQexec(connection, copyStatement));
    if (PQresultStatus(started.get()) != PGRES_COPY_IN) {
        return failure(PQresultErrorField(started.get(), PG_DIAG_SQLSTATE),
                       QString::fromUtf8(PQresultErrorMessage(started.get())));
    }
    const QByteArray text = copyText(rows);
    if (PQputCopyData(connection, text.constData(), static_cast<int>(text.size())) != 1
        || PQputCopyEnd(connection, nullptr) != 1) {
        return failure({}, QString::fromUtf8(PQerrorMessage(connection)));
    }
    const PgResult outcome = finishCopy(connection);
    if (PQresultStatus(outcome.get()) != PGRES_COMMAND_OK) {
        return failure(PQresultErrorField(outcome.get(), PG_DIAG_SQLSTATE),
                       QString::fromUtf8(PQresultErrorMessage(outcome.get())));
    }
    return QByteArray(PQcmdTuples(outcome.get())).toLongLong();
}

Status Database::inTransaction(const std::function<Status()> &work)
{
    Q_ASSERT(!m_isInTransaction);
    if (!runScript(QStringLiteral("BEGIN"))) {
        TRY(runScript(QStringLiteral("BEGIN")));  // Nothing was lost: try on a fresh connection.
    }
    m_isInTransaction = true;
    Status done = ok();
    try {
        done = work();
    } catch (...) {
        m_isInTransaction = false;
        m_isBroken = true;  // The next call reconnects, which rolls back.
        throw;
    }
    if (done && !m_isBroken) {
        done = runScript(QStringLiteral("COMMIT"));
        m_isInTransaction = false;
        return done;
    }
    m_isInTransaction = false;
    if (!m_isBroken && !runScript(QStringLiteral("ROLLBACK"))) {
        m_isBroken = true;
    }
    return done ? Error::transient("store.connection-lost",
                                   QStringLiteral("lost within a transaction"))
                : std::move(done);
}

Result<int> Database::nodeId()
{
    if (m_nodeId == 0 || m_isBroken) {
        const Rows rows = TRY(query(selectNodeId));
        if (rows.isEmpty()) {
            return Error::permanent("store.schema", QStringLiteral("node_self is empty"));
        }
        m_nodeId = rows.first().first().toInt();
    }
    return m_nodeId;
}

DatabasePool::DatabasePool(DatabaseSettings settings)
    : m_settings(std::move(settings))
{
}

DatabasePool::~DatabasePool()
{
    if (m_connections.hasLocalData()) {
        m_connections.setLocalData(nullptr);
    }
}

Result<Database *> DatabasePool::local()
{
    if (!m_connections.hasLocalData()) {
        m_connections.setLocalData(TRY(Database::open(m_settings)).release());
    }
    return m_connections.localData();
}

}  // namespace portcullis::store
