// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/PgReputationStore.h"

#include "appliance/store/SqlValue.h"

namespace portcullis::spam {

namespace {

using store::Database;
using store::Row;
using store::Rows;

constexpr int reputationPageRows = 20'000;  ///< As in the SQL.

constexpr char selectGeneration[] =
    "SELECT coalesce(sum(generation), 0)::bigint FROM reputation_total";
constexpr char bumpGeneration[] =
    "INSERT INTO reputation_total AS t (cid, generation) VALUES (?, 1)"
    " ON CONFLICT (cid) DO UPDATE SET generation = t.generation + 1";
constexpr char selectEntry[] =
    "SELECT sum(messages)::bigint, sum(score), max(used_at) FROM reputation_entry"
    " WHERE key = decode(?, 'hex') HAVING count(*) > 0";
constexpr char addEntries[] =
    "INSERT INTO reputation_entry AS t (cid, key, messages, score, used_at)"
    " SELECT ?::integer, decode(c.key, 'hex'), c.messages, c.score, c.used_at"
    " FROM unnest(?::text[], ?::integer[], ?::double precision[], ?::bigint[])"
    "  AS c(key, messages, score, used_at) ORDER BY c.key"
    " ON CONFLICT (key, cid) DO UPDATE SET"
    "  messages = least(t.messages::bigint + excluded.messages, 2000000000)::integer,"
    "  score = t.score + excluded.score, used_at = greatest(t.used_at, excluded.used_at)";
constexpr char selectPage[] =
    "SELECT encode(key, 'hex'), sum(messages)::bigint, sum(score), max(used_at)"
    " FROM reputation_entry WHERE key > decode(?, 'hex') GROUP BY key ORDER BY key LIMIT 20000";
constexpr char removePrefix[] =
    "DELETE FROM reputation_entry WHERE cid = ?::integer AND position(decode(?, 'hex') IN key) = 1";
constexpr char removeUnusedEntries[] = "DELETE FROM reputation_entry WHERE cid = ? AND used_at < ?";

Error reputationUnavailable(const Error &error)
{
    return error.id.startsWith("store.")
               ? Error::transient("reputation.unavailable", error.toString())
               : error;
}

Reputation reputationOf(const Row &row, int first)
{
    return {row[first].toLongLong(), row[first + 1].toDouble(), row[first + 2].toLongLong()};
}

template<typename TextOf>
QString changesColumn(const std::vector<ReputationChange> &changes, TextOf textOf)
{
    QStringList texts;
    for (const ReputationChange &change : changes) {
        texts.append(textOf(change));
    }
    return store::arrayText(texts);
}

Status storeChanges(Database &database, int cid, const std::vector<ReputationChange> &changes)
{
    using Change = ReputationChange;
    TRY(database.execute(
        addEntries,
        {cid,
         changesColumn(changes, [](const Change &c) { return QString::fromLatin1(c.key.toHex()); }),
         changesColumn(changes, [](const Change &c) { return QString::number(c.by.messages); }),
         changesColumn(changes,
                       [](const Change &c) { return QString::number(c.by.score, 'g', 17); }),
         changesColumn(changes, [](const Change &c) { return QString::number(c.by.seconds); })}));
    TRY(database.execute(bumpGeneration, {cid}));
    return ok();
}

}  // namespace

PgReputationStore::PgReputationStore(store::DatabasePool &pool)
    : m_pool(pool)
{
}

template<typename Work>
auto PgReputationStore::with(Work work) -> decltype(work(std::declval<Database &>(), 0))
{
    const auto local = m_pool.local();
    if (!local) {
        return reputationUnavailable(local.error());
    }
    const auto cid = (*local)->nodeId();
    if (!cid) {
        return reputationUnavailable(cid.error());
    }
    auto done = work(**local, *cid);
    if (!done) {
        return reputationUnavailable(done.error());
    }
    return done;
}

Result<qint64> PgReputationStore::generation()
{
    return with([](Database &database, int) -> Result<qint64> {
        const Rows rows = TRY(database.query(selectGeneration));
        return rows.at(0).at(0).toLongLong();
    });
}

Result<std::optional<Reputation>> PgReputationStore::find(const QByteArray &key)
{
    return with([&key](Database &database, int) -> Result<std::optional<Reputation>> {
        const Rows rows = TRY(database.query(selectEntry, {QString::fromLatin1(key.toHex())}));
        return rows.isEmpty() ? std::nullopt : std::optional(reputationOf(rows.at(0), 0));
    });
}

Status PgReputationStore::add(const std::vector<ReputationChange> &changes)
{
    return with([&changes](Database &database, int cid) -> Status {
        return database.inTransaction([&] { return storeChanges(database, cid, changes); });
    });
}

Status PgReputationStore::each(const Visitor &visit)
{
    return with([&visit](Database &database, int) -> Status {
        for (QString after = QStringLiteral("");;) {
            const Rows rows = TRY(database.query(selectPage, {after}));
            for (const Row &row : rows) {
                TRY(visit(QByteArray::fromHex(row[0].toString().toLatin1()), reputationOf(row, 1)));
            }
            if (rows.size() < reputationPageRows) {
                return ok();
            }
            after = rows.last().at(0).toString();
        }
    });
}

Result<qint64> PgReputationStore::remove(const QByteArray &prefix)
{
    return with([&prefix](Database &database, int cid) -> Result<qint64> {
        const qint64 removed = TRY(
            database.execute(removePrefix, {cid, QString::fromLatin1(prefix.toHex())}));
        TRY(database.execute(bumpGeneration, {cid}));
        return removed;
    });
}

Result<qint64> PgReputationStore::removeUnusedSince(qint64 seconds)
{
    return with([seconds](Database &database, int cid) -> Result<qint64> {
        const qint64 removed = TRY(database.execute(removeUnusedEntries, {cid, seconds}));
        if (removed > 0) {
            TRY(database.execute(bumpGeneration, {cid}));
        }
        return removed;
    });
}

}  // namespace portcullis::spam
