// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/PgBayesStore.h"

#include "appliance/store/SqlValue.h"

namespace portcullis::spam {

namespace {

using store::Database;
using store::Row;
using store::Rows;

constexpr int bayesPageRows = 20'000;  ///< Of a full read, as in its SQL: bounds a result's memory.

constexpr char addTokens[] = "INSERT INTO bayes_token AS t (cid, token, spam, ham, used_at)"
                             " SELECT ?::integer, c.token, c.spam, c.ham, c.used_at"
                             " FROM unnest(?::bigint[], ?::integer[], ?::integer[], ?::bigint[])"
                             "  AS c(token, spam, ham, used_at) ORDER BY c.token"
                             " ON CONFLICT (token, cid) DO UPDATE SET"
                             "  spam = least(t.spam::bigint + excluded.spam, 2000000000)::integer,"
                             "  ham = least(t.ham::bigint + excluded.ham, 2000000000)::integer,"
                             "  used_at = greatest(t.used_at, excluded.used_at)";
constexpr char addSeen[] =
    "INSERT INTO bayes_seen (cid, message_id, learnt_as, learnt_at)"
    " SELECT ?::integer, decode(c.id, 'hex'), c.learnt_as::\"char\", clock_timestamp()"
    " FROM unnest(?::text[], ?::text[]) AS c(id, learnt_as) ORDER BY c.id"
    " ON CONFLICT (message_id, cid) DO UPDATE SET learnt_as = excluded.learnt_as,"
    "  learnt_at = excluded.learnt_at";
constexpr char addTotal[] =
    "INSERT INTO bayes_total AS t (cid, spam, ham, generation) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (cid) DO UPDATE SET spam = t.spam + excluded.spam, ham = t.ham + excluded.ham,"
    "  generation = t.generation + excluded.generation";

constexpr char selectTotals[] =
    "SELECT coalesce(sum(spam), 0)::bigint, coalesce(sum(ham), 0)::bigint,"
    " coalesce(sum(generation), 0)::bigint FROM bayes_total";
constexpr char selectExpiry[] =
    "SELECT expired_at, expired_age, expired_removed FROM bayes_total WHERE cid = ?";
constexpr char selectExtent[] =
    "SELECT count(*), coalesce(min(used_at), 0), coalesce(max(used_at), 0) FROM"
    " (SELECT max(used_at) AS used_at FROM bayes_token GROUP BY token"
    "  HAVING sum(spam) > 0 OR sum(ham) > 0) AS tokens";
constexpr char selectSeen[] =
    "SELECT DISTINCT ON (message_id) encode(message_id, 'hex'), learnt_as::text FROM bayes_seen"
    " WHERE message_id IN (SELECT decode(id, 'hex') FROM unnest(?::text[]) AS id)"
    " ORDER BY message_id, learnt_at DESC, cid";
constexpr char selectCounts[] =
    "SELECT token, greatest(sum(spam), 0)::bigint, greatest(sum(ham), 0)::bigint, max(used_at)"
    " FROM bayes_token WHERE token = ANY (?::bigint[]) GROUP BY token"
    " HAVING sum(spam) > 0 OR sum(ham) > 0";
constexpr char selectTokenPage[] =
    "SELECT token, greatest(sum(spam), 0)::bigint, greatest(sum(ham), 0)::bigint, max(used_at)"
    " FROM bayes_token WHERE token > ? GROUP BY token ORDER BY token LIMIT 20000";
constexpr char selectSeenPage[] =
    "SELECT DISTINCT ON (message_id) encode(message_id, 'hex'), learnt_as::text FROM bayes_seen"
    " WHERE message_id > decode(?, 'hex') ORDER BY message_id, learnt_at DESC, cid LIMIT 20000";

constexpr char countUnused[] =
    "SELECT count(*) FROM (SELECT FROM bayes_token GROUP BY token"
    " HAVING max(used_at) < ? AND (sum(spam) > 0 OR sum(ham) > 0)) AS unused";
constexpr char removeUnused[] =
    "DELETE FROM bayes_token AS t WHERE cid = ?::integer AND used_at < ?::bigint"
    " AND NOT EXISTS (SELECT FROM bayes_token o WHERE o.token = t.token AND o.used_at >= "
    "?::bigint)";
constexpr char noteExpired[] =
    "INSERT INTO bayes_total (cid, expired_at, expired_age, expired_removed) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (cid) DO UPDATE SET expired_at = excluded.expired_at,"
    "  expired_age = excluded.expired_age, expired_removed = excluded.expired_removed";
constexpr char removeOldSeen[] =
    "DELETE FROM bayes_seen WHERE cid = ? AND learnt_at < to_timestamp(?::bigint)";
constexpr char clearTokens[] = "DELETE FROM bayes_token WHERE cid = ?";
constexpr char clearSeen[] = "DELETE FROM bayes_seen WHERE cid = ?";
constexpr char clearTotal[] =
    "UPDATE bayes_total SET spam = 0, ham = 0, generation = generation + 1, expired_at = 0,"
    " expired_age = 0, expired_removed = 0 WHERE cid = ?";

Error bayesUnavailable(const Error &error)
{
    return error.id.startsWith("store.") ? Error::transient("bayes.unavailable", error.toString())
                                         : error;
}

/// A literal of numbers for a parameter `?::bigint[]`.
template<typename Values, typename NumberOf>
QString numbersText(const Values &values, NumberOf numberOf)
{
    QString text(QLatin1Char('{'));
    for (const auto &value : values) {
        if (text.size() > 1) {
            text.append(QLatin1Char(','));
        }
        text.append(QString::number(numberOf(value)));
    }
    return text.append(QLatin1Char('}'));
}

QString hexText(const QByteArray &bytes)
{
    return QString::fromLatin1(bytes.toHex());
}

LearnAs learntAsOf(const QVariant &value)
{
    const QString text = value.toString();
    return text == QLatin1String("s")   ? LearnAs::Spam
           : text == QLatin1String("h") ? LearnAs::Ham
                                        : LearnAs::Forget;
}

TokenCounts countsOf(const Row &row)
{
    return {row[1].toLongLong(), row[2].toLongLong(), row[3].toLongLong()};
}

Status storeTokens(Database &database, int cid, const std::vector<BayesChange::Counts> &tokens)
{
    using Counts = BayesChange::Counts;
    if (!tokens.empty()) {
        TRY(database.execute(
            addTokens, {cid, numbersText(tokens, [](const Counts &c) { return qint64(c.token); }),
                        numbersText(tokens, [](const Counts &c) { return c.spam; }),
                        numbersText(tokens, [](const Counts &c) { return c.ham; }),
                        numbersText(tokens, [](const Counts &c) { return c.seconds; })}));
    }
    return ok();
}

Status storeSeen(Database &database, int cid, const std::vector<BayesChange::Seen> &seen)
{
    if (seen.empty()) {
        return ok();
    }
    QStringList ids;
    QStringList learntAs;
    for (const BayesChange::Seen &entry : seen) {
        ids.append(hexText(entry.id));
        learntAs.append(QString(QLatin1Char(char(entry.as))));
    }
    TRY(database.execute(addSeen, {cid, store::arrayText(ids), store::arrayText(learntAs)}));
    return ok();
}

Status storeChange(Database &database, int cid, const BayesChange &change)
{
    TRY(storeTokens(database, cid, change.tokens));
    TRY(storeSeen(database, cid, change.seen));
    const bool isMoreThanUse = change.messages != LearntMessages() || !change.seen.empty()
                               || std::any_of(change.tokens.begin(), change.tokens.end(),
                                              [](const BayesChange::Counts &counts) {
                                                  return counts.spam != 0 || counts.ham != 0;
                                              });
    if (isMoreThanUse) {
        TRY(database.execute(addTotal, {cid, change.messages.spam, change.messages.ham, 1}));
    }
    return ok();
}

}  // namespace

PgBayesStore::PgBayesStore(store::DatabasePool &pool)
    : m_pool(pool)
{
}

template<typename Work>
auto PgBayesStore::with(Work work) -> decltype(work(std::declval<Database &>(), 0))
{
    const auto local = m_pool.local();
    if (!local) {
        return bayesUnavailable(local.error());
    }
    const auto cid = (*local)->nodeId();
    if (!cid) {
        return bayesUnavailable(cid.error());
    }
    auto done = work(**local, *cid);
    if (!done) {
        return bayesUnavailable(done.error());
    }
    return done;
}

Result<qint64> PgBayesStore::generation()
{
    return with([](Database &database, int) -> Result<qint64> {
        const Rows rows = TRY(database.query(selectTotals));
        return rows.at(0).at(2).toLongLong();
    });
}

Result<LearntMessages> PgBayesStore::messages()
{
    return with([](Database &database, int) -> Result<LearntMessages> {
        const Rows rows = TRY(database.query(selectTotals));
        return LearntMessages{std::max<qint64>(0, rows.at(0).at(0).toLongLong()),
                              std::max<qint64>(0, rows.at(0).at(1).toLongLong())};
    });
}

Result<BayesStatus> PgBayesStore::status()
{
    return with([this](Database &database, int cid) -> Result<BayesStatus> {
        BayesStatus status;
        status.messages = TRY(messages());
        const Rows extent = TRY(database.query(selectExtent));
        status.tokens = extent.at(0).at(0).toLongLong();
        status.oldest = extent.at(0).at(1).toLongLong();
        status.newest = extent.at(0).at(2).toLongLong();
        const Rows expiry = TRY(database.query(selectExpiry, {cid}));
        if (!expiry.isEmpty()) {
            status.lastExpiry = expiry.at(0).at(0).toLongLong();
            status.lastExpiryAge = expiry.at(0).at(1).toLongLong();
            status.lastExpiryRemoved = expiry.at(0).at(2).toLongLong();
        }
        return status;
    });
}

Result<std::map<QByteArray, LearnAs>> PgBayesStore::seen(const std::vector<QByteArray> &ids)
{
    return with([&ids](Database &database, int) -> Result<std::map<QByteArray, LearnAs>> {
        QStringList texts;
        for (const QByteArray &id : ids) {
            texts.append(hexText(id));
        }
        std::map<QByteArray, LearnAs> found;
        const Rows rows = TRY(database.query(selectSeen, {store::arrayText(texts)}));
        for (const Row &row : rows) {
            const LearnAs as = learntAsOf(row[1]);
            if (as != LearnAs::Forget) {
                found.emplace(QByteArray::fromHex(row[0].toString().toLatin1()), as);
            }
        }
        return found;
    });
}

Result<std::map<Token, TokenCounts>> PgBayesStore::counts(const std::vector<Token> &tokens)
{
    return with([&tokens](Database &database, int) -> Result<std::map<Token, TokenCounts>> {
        std::map<Token, TokenCounts> found;
        const QString list = numbersText(tokens, [](Token token) { return qint64(token); });
        const Rows rows = TRY(database.query(selectCounts, {list}));
        for (const Row &row : rows) {
            found.emplace(Token(row[0].toLongLong()), countsOf(row));
        }
        return found;
    });
}

Status PgBayesStore::apply(const BayesChange &change)
{
    return with([&change](Database &database, int cid) -> Status {
        if (database.isInTransaction()) {
            return storeChange(database, cid, change);
        }
        return database.inTransaction([&] { return storeChange(database, cid, change); });
    });
}

Status PgBayesStore::eachToken(const TokenVisitor &visit)
{
    return with([&visit](Database &database, int) -> Status {
        for (qint64 after = -1;;) {
            const Rows rows = TRY(database.query(selectTokenPage, {after}));
            for (const Row &row : rows) {
                const TokenCounts counts = countsOf(row);
                if (counts.spam > 0 || counts.ham > 0) {
                    TRY(visit(Token(row[0].toLongLong()), counts));
                }
            }
            if (rows.size() < bayesPageRows) {
                return ok();
            }
            after = rows.last().at(0).toLongLong();
        }
    });
}

Status PgBayesStore::eachSeen(const SeenVisitor &visit)
{
    return with([&visit](Database &database, int) -> Status {
        for (QString after = QStringLiteral("");;) {
            const Rows rows = TRY(database.query(selectSeenPage, {after}));
            for (const Row &row : rows) {
                const LearnAs as = learntAsOf(row[1]);
                if (as != LearnAs::Forget) {
                    TRY(visit(QByteArray::fromHex(row[0].toString().toLatin1()), as));
                }
            }
            if (rows.size() < bayesPageRows) {
                return ok();
            }
            after = rows.last().at(0).toString();
        }
    });
}

Result<qint64> PgBayesStore::countUnusedSince(qint64 seconds)
{
    return with([seconds](Database &database, int) -> Result<qint64> {
        const Rows rows = TRY(database.query(countUnused, {seconds}));
        return rows.at(0).at(0).toLongLong();
    });
}

Result<qint64> PgBayesStore::removeUnusedSince(qint64 seconds)
{
    return with([seconds](Database &database, int cid) -> Result<qint64> {
        const qint64 removed = TRY(database.execute(removeUnused, {cid, seconds, seconds}));
        TRY(database.execute(addTotal, {cid, 0, 0, 1}));
        return removed;
    });
}

Status PgBayesStore::noteExpiry(const ExpiryNote &note)
{
    return with([&note](Database &database, int cid) -> Status {
        TRY(database.execute(noteExpired, {cid, note.at, note.age, note.removed}));
        return ok();
    });
}

Status PgBayesStore::removeSeenBefore(qint64 seconds)
{
    return with([seconds](Database &database, int cid) -> Status {
        TRY(database.execute(removeOldSeen, {cid, seconds}));
        return ok();
    });
}

Status PgBayesStore::clear()
{
    return inOneGo([this] {
        return with([](Database &database, int cid) -> Status {
            TRY(database.execute(clearTokens, {cid}));
            TRY(database.execute(clearSeen, {cid}));
            TRY(database.execute(clearTotal, {cid}));
            return ok();
        });
    });
}

Status PgBayesStore::inOneGo(const std::function<Status()> &work)
{
    return with([&work](Database &database, int) -> Status {
        return database.isInTransaction() ? work() : database.inTransaction(work);
    });
}

}  // namespace portcullis::spam
