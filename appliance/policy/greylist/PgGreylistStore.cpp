// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/PgGreylistStore.h"

#include "appliance/store/SqlValue.h"

namespace portcullis::policy::greylist {

namespace {

using store::Database;
using store::Row;
using store::Rows;

constexpr int pageRows = 10'000;   ///< Of a load, as in its SQL: bounds the memory of a result.
constexpr int purgeRows = 10'000;  ///< Of one purge: bounds its transaction.

// A row that had expired before the new one began starts over. A first pass sets the expiry: that of
// the null reverse-path ends at once, though it had waited for days.
constexpr char upsertTriplets[] =
    "INSERT INTO greylist_triplet AS t (cid, client, sender, recipient, first_at, expires_at,"
    " passed, deferrals, passes, modified_at)"
    " SELECT ?::integer, c.client, c.sender, c.recipient, c.first_at, c.expires_at, c.passed,"
    "  c.deferrals, c.passes, clock_timestamp()"
    " FROM unnest(?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::timestamptz[],"
    "  ?::boolean[], ?::bigint[], ?::bigint[]) AS c(client, sender, recipient, first_at,"
    "  expires_at, passed, deferrals, passes)"
    " ORDER BY c.client, c.sender, c.recipient"
    " ON CONFLICT (client, sender, recipient, cid) DO UPDATE SET"
    "  first_at = CASE WHEN t.expires_at <= excluded.first_at THEN excluded.first_at"
    "   ELSE least(t.first_at, excluded.first_at) END,"
    "  expires_at = CASE WHEN t.expires_at <= excluded.first_at"
    "    OR (excluded.passed AND NOT t.passed) THEN excluded.expires_at"
    "   WHEN t.passed AND NOT excluded.passed THEN t.expires_at"
    "   ELSE greatest(t.expires_at, excluded.expires_at) END,"
    "  passed = excluded.passed OR (t.passed AND t.expires_at > excluded.first_at),"
    "  deferrals = t.deferrals + excluded.deferrals,"
    "  passes = t.passes + excluded.passes,"
    "  modified_at = excluded.modified_at";

constexpr char addStatistic[] =
    "INSERT INTO greylist_statistic AS s (cid, hour, kind, count)"
    " VALUES (?, ?::timestamptz, ?::\"char\", ?)"
    " ON CONFLICT (cid, hour, kind) DO UPDATE SET count = s.count + excluded.count";

// Pages of 10,000 rows and those of the same time as the last, so that the time alone says where the
// next begins.
#define PORTCULLIS_TRIPLET_PAGE(CONDITION, SORTED_BY, ORDER)                                       \
    "SELECT client, sender, recipient, (extract(epoch FROM first_at) * 1000000)::bigint,"          \
    " (extract(epoch FROM expires_at) * 1000000)::bigint, passed, deferrals, passes,"              \
    " (extract(epoch FROM " SORTED_BY ") * 1000000)::bigint FROM greylist_triplet"                 \
    " WHERE " CONDITION " ORDER BY " ORDER " FETCH FIRST 10000 ROWS WITH TIES"

constexpr char selectAll[] = PORTCULLIS_TRIPLET_PAGE(
    "expires_at > ?::timestamptz AND expires_at < ?::timestamptz",
    "expires_at",
    "expires_at DESC");
constexpr char selectChanged[] = PORTCULLIS_TRIPLET_PAGE(
    "cid <> ?::integer AND expires_at > clock_timestamp() AND modified_at > ?::timestamptz",
    "modified_at",
    "modified_at");
#undef PORTCULLIS_TRIPLET_PAGE

// Without statistics of a table that has just been filled, each page would be a sort of all of it.
constexpr char analyze[] = "ANALYZE greylist_triplet";

constexpr char selectNow[] = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Counts what expired and never passed, on whichever node.
#define PORTCULLIS_COUNTED_DELETE(CONDITION)                                                       \
    "WITH gone AS (DELETE FROM greylist_triplet WHERE (client, sender, recipient, cid) IN"         \
    "  (SELECT client, sender, recipient, cid FROM greylist_triplet"                               \
    "   WHERE cid = ?::integer AND " CONDITION " ORDER BY expires_at LIMIT ?)"                     \
    "  RETURNING client, sender, recipient, cid, first_at, passed),"                               \
    " counted AS (INSERT INTO greylist_statistic AS s (cid, hour, kind, count)"                    \
    "  SELECT g.cid, date_trunc('hour', g.first_at), 'G', count(*) FROM gone g"                    \
    "  WHERE NOT g.passed AND NOT EXISTS (SELECT FROM greylist_triplet o"                          \
    "   WHERE o.client = g.client AND o.sender = g.sender AND o.recipient = g.recipient"           \
    "   AND o.cid <> g.cid AND o.passed) GROUP BY 1, 2"                                            \
    "  ON CONFLICT (cid, hour, kind) DO UPDATE SET count = s.count + excluded.count)"              \
    " SELECT count(*) FROM gone"

constexpr char deleteExpired[] = PORTCULLIS_COUNTED_DELETE("expires_at <= ?::timestamptz");
constexpr char deleteExcess[] = PORTCULLIS_COUNTED_DELETE(
    "NOT passed AND expires_at <="
    " (SELECT expires_at FROM greylist_triplet WHERE cid = ?::integer AND NOT passed"
    "  ORDER BY expires_at DESC OFFSET ? LIMIT 1)");
#undef PORTCULLIS_COUNTED_DELETE

constexpr char deleteOldStatistic[] =
    "DELETE FROM greylist_statistic WHERE cid = ? AND hour < ?::timestamptz";
constexpr char selectStatistic[] =
    "SELECT kind::text, (extract(epoch FROM hour) * 1000000)::bigint, count"
    " FROM greylist_statistic WHERE cid = ? AND hour >= ?::timestamptz ORDER BY hour, kind";

Error unavailable(const Error &error)
{
    return Error::transient("greylist.unavailable", error.toString());
}

StoredTriplet storedOf(const Row &row)
{
    StoredTriplet stored;
    stored.triplet = {row[0].toString().toUtf8(), row[1].toString().toUtf8(),
                      row[2].toString().toUtf8()};
    stored.first = store::wallTimeOf(row[3]);
    stored.expires = store::wallTimeOf(row[4]);
    stored.isPassed = row[5].toBool();
    stored.deferrals = row[6].toLongLong();
    stored.passes = row[7].toLongLong();
    return stored;
}

template<typename TextOf>
QVariant columnOf(const std::vector<StoredTriplet> &triplets, TextOf textOf)
{
    QStringList elements;
    elements.reserve(static_cast<qsizetype>(triplets.size()));
    for (const StoredTriplet &triplet : triplets) {
        elements.append(textOf(triplet));
    }
    return store::arrayText(elements);
}

Status writeTriplets(Database &database, int cid, const std::vector<StoredTriplet> &triplets)
{
    if (triplets.empty()) {
        return ok();
    }
    using Stored = StoredTriplet;
    const auto text = [](const QByteArray &bytes) { return store::cleanText(bytes); };
    TRY(database.execute(
        upsertTriplets,
        {cid, columnOf(triplets, [&](const Stored &s) { return text(s.triplet.network); }),
         columnOf(triplets, [&](const Stored &s) { return text(s.triplet.sender); }),
         columnOf(triplets, [&](const Stored &s) { return text(s.triplet.recipient); }),
         columnOf(triplets, [](const Stored &s) { return store::timestampText(s.first); }),
         columnOf(triplets, [](const Stored &s) { return store::timestampText(s.expires); }),
         columnOf(triplets,
                  [](const Stored &s) { return QString(QLatin1Char(s.isPassed ? 't' : 'f')); }),
         columnOf(triplets, [](const Stored &s) { return QString::number(s.deferrals); }),
         columnOf(triplets, [](const Stored &s) { return QString::number(s.passes); })}));
    return ok();
}

/// All rows, a page at a time, so that a million of them never lie in memory at once. `condition` is
/// the first parameter, `after` the second: the time from where the page goes on.
Status eachPage(Database &database,
                const char *sql,
                const QVariant &condition,
                QString after,
                const GreylistStore::Visitor &visit)
{
    while (true) {
        const Rows rows = TRY(database.query(sql, {condition, after}));
        for (const Row &row : rows) {
            if (!visit(storedOf(row))) {
                return ok();
            }
        }
        if (rows.size() < pageRows) {
            return ok();
        }
        after = store::timestampText(store::wallTimeOf(rows.last().at(8)));
    }
}

}  // namespace

PgGreylistStore::PgGreylistStore(store::DatabasePool &pool, GreylistLimits limits)
    : m_pool(pool)
    , m_limits(limits)
{
}

template<typename Work>
auto PgGreylistStore::with(Work work) -> decltype(work(std::declval<Database &>(), 0))
{
    const auto local = m_pool.local();
    if (!local) {
        return unavailable(local.error());
    }
    const auto cid = (*local)->nodeId();
    if (!cid) {
        return unavailable(cid.error());
    }
    auto done = work(**local, *cid);
    if (!done) {
        return unavailable(done.error());
    }
    return done;
}

Status PgGreylistStore::load(Clock::WallTime now, const Visitor &visit)
{
    return with([&](Database &database, int) -> Status {
        TRY(database.runScript(QString::fromLatin1(analyze)));
        return eachPage(database, selectAll, store::timestampText(now), QStringLiteral("infinity"),
                        visit);
    });
}

Status PgGreylistStore::loadChanges(Clock::WallTime since, const Visitor &visit)
{
    return with([&](Database &database, int cid) {
        return eachPage(database, selectChanged, cid, store::timestampText(since), visit);
    });
}

Result<Clock::WallTime> PgGreylistStore::now()
{
    return with([](Database &database, int) -> Result<Clock::WallTime> {
        const Rows rows = TRY(database.query(selectNow));
        return store::wallTimeOf(rows.at(0).at(0));
    });
}

Status PgGreylistStore::write(const std::vector<StoredTriplet> &triplets,
                              const std::vector<RejectCount> &rejects)
{
    return with([&](Database &database, int cid) {
        return database.inTransaction([&]() -> Status {
            TRY(writeTriplets(database, cid, triplets));
            for (const RejectCount &count : rejects) {
                TRY(database.execute(addStatistic,
                                     {cid, store::timestampText(count.hour),
                                      QString(QLatin1Char(static_cast<char>(count.kind))),
                                      count.count}));
            }
            return ok();
        });
    });
}

Result<bool> PgGreylistStore::purge(Clock::WallTime now)
{
    return with([&](Database &database, int cid) -> Result<bool> {
        const auto expired = TRY(
            database.query(deleteExpired, {cid, store::timestampText(now), purgeRows}));
        const auto excess = TRY(database.query(
            deleteExcess, {cid, cid, static_cast<qint64>(m_limits.triplets), purgeRows}));
        TRY(database.execute(deleteOldStatistic,
                             {cid, store::timestampText(now - m_limits.statisticLifetime)}));
        return expired.at(0).at(0).toInt() == purgeRows || excess.at(0).at(0).toInt() == purgeRows;
    });
}

Result<std::vector<RejectCount>> PgGreylistStore::rejects(Clock::WallTime from)
{
    return with([&](Database &database, int cid) -> Result<std::vector<RejectCount>> {
        std::vector<RejectCount> counts;
        TRY(database.each(
            selectStatistic, {cid, store::timestampText(from)}, [&counts](const Row &row) {
                counts.push_back({static_cast<RejectKind>(row[0].toString().at(0).toLatin1()),
                                  store::wallTimeOf(row[1]), row[2].toLongLong()});
                return true;
            }));
        return counts;
    });
}

Greylist::StoreFactory postgresStore(std::shared_ptr<store::DatabasePool> pool,
                                     GreylistLimits limits)
{
    return [pool = std::move(pool), limits] {
        return std::make_unique<PgGreylistStore>(*pool, limits);
    };
}

}  // namespace portcullis::policy::greylist
