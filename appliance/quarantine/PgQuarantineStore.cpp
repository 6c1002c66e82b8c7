// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/PgQuarantineStore.h"

#include "appliance/quarantine/StoredBody.h"
#include "appliance/store/SqlValue.h"

#include <QtCore/QJsonDocument>
#include <QtCore/QRandomGenerator>

#include <algorithm>
#include <functional>

namespace portcullis::quarantine {

namespace {

using store::Database;
using store::Row;
using store::Rows;

constexpr char insertMail[] =
    "INSERT INTO quarantine_mail (cid, spool_key, queue_id, kind, direction, received_at, sender,"
    " subject, from_header, message_id, bytes, stored, encoding, spam_level, virus, rule, evidence)"
    " VALUES (?, ?, ?, ?::text::\"char\", ?, ?::timestamptz, ?, ?, ?, ?, ?, ?, 'zstd', ?, ?, ?, ?)"
    " ON CONFLICT (cid, spool_key) DO NOTHING RETURNING rid";
constexpr char copyReceivers[] =
    "COPY quarantine_receiver (cid, rid, ticket, recipient, mailbox, received_at) FROM STDIN";
constexpr char copyBodies[] = "COPY quarantine_body (cid, rid, seq, body) FROM STDIN";

#define PORTCULLIS_ENTRY_COLUMNS                                                                   \
    "SELECT m.cid, m.rid, r.ticket, m.queue_id, m.kind::text, m.direction,"                        \
    " (extract(epoch FROM m.received_at) * 1000000)::bigint, m.sender, r.recipient, r.mailbox,"    \
    " m.subject, m.from_header, m.message_id, m.bytes, m.spam_level, m.virus, m.rule,"             \
    " coalesce(status.value, 'N'), coalesce(seen.value, 'f')"
#define PORTCULLIS_ENTRY_TABLES                                                                    \
    " FROM quarantine_receiver r"                                                                  \
    " JOIN quarantine_mail m ON m.cid = r.cid AND m.rid = r.rid"                                   \
    " LEFT JOIN quarantine_state status ON status.mail_cid = r.cid AND status.mail_rid = r.rid"    \
    "  AND status.ticket = r.ticket AND status.aspect = 'status'"                                  \
    " LEFT JOIN quarantine_state seen ON seen.mail_cid = r.cid AND seen.mail_rid = r.rid"          \
    "  AND seen.ticket = r.ticket AND seen.aspect = 'seen'"

#define PORTCULLIS_ENTRY_FILTER                                                                    \
    " r.received_at >= ?::timestamptz AND r.received_at < ?::timestamptz"                          \
    " AND r.received_at <= ?::timestamptz"                                                         \
    " AND (r.received_at < ?::timestamptz OR (r.cid, r.rid, r.ticket) > (?, ?, ?))"                \
    " AND (? = '' OR m.kind = ?::text::\"char\")"                                                  \
    " AND (? = '' OR coalesce(status.value, 'N') = ?)"                                             \
    " AND (? = '' OR position(lower(?) IN lower(m.subject || E'\\n' || m.sender || E'\\n'"         \
    "  || m.from_header || E'\\n' || r.recipient)) > 0)"                                           \
    " ORDER BY r.received_at DESC, r.cid, r.rid, r.ticket LIMIT ?"

constexpr char selectEntries[] = PORTCULLIS_ENTRY_COLUMNS PORTCULLIS_ENTRY_TABLES
    " WHERE" PORTCULLIS_ENTRY_FILTER;
constexpr char selectEntriesOfMailbox[] = PORTCULLIS_ENTRY_COLUMNS PORTCULLIS_ENTRY_TABLES
    " WHERE r.mailbox = ? AND" PORTCULLIS_ENTRY_FILTER;
constexpr char selectEntry[] = PORTCULLIS_ENTRY_COLUMNS
    ", m.evidence" PORTCULLIS_ENTRY_TABLES " WHERE r.cid = ? AND r.rid = ? AND r.ticket = ?";
#undef PORTCULLIS_ENTRY_COLUMNS
#undef PORTCULLIS_ENTRY_TABLES
#undef PORTCULLIS_ENTRY_FILTER

constexpr char selectReceiver[] = "SELECT m.bytes FROM quarantine_receiver r"
                                  " JOIN quarantine_mail m ON m.cid = r.cid AND m.rid = r.rid"
                                  " WHERE r.cid = ? AND r.rid = ? AND r.ticket = ?";
constexpr char selectBody[] =
    "SELECT body FROM quarantine_body WHERE cid = ? AND rid = ? ORDER BY seq";
constexpr char insertEvent[] =
    "INSERT INTO quarantine_event (cid, mail_cid, mail_rid, ticket, aspect, value, who)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)";

constexpr char selectOldMails[] = "SELECT cid, rid FROM quarantine_mail"
                                  " WHERE (kind IN ('S', 'A') AND received_at < ?::timestamptz)"
                                  " OR (kind IN ('V', 'F') AND received_at < ?::timestamptz)"
                                  " ORDER BY received_at LIMIT ?";
constexpr char deleteState[] = "DELETE FROM quarantine_state WHERE mail_cid = ? AND mail_rid = ?";
constexpr char deleteEvents[] = "DELETE FROM quarantine_event WHERE mail_cid = ? AND mail_rid = ?";
constexpr char deleteBody[] = "DELETE FROM quarantine_body WHERE cid = ? AND rid = ?";
constexpr char deleteReceivers[] = "DELETE FROM quarantine_receiver WHERE cid = ? AND rid = ?";
constexpr char deleteMail[] = "DELETE FROM quarantine_mail WHERE cid = ? AND rid = ?";

constexpr char selectMailCounts[] =
    "SELECT kind::text, count(*), coalesce(sum(bytes), 0)::bigint, coalesce(sum(stored), 0)::bigint"
    " FROM quarantine_mail GROUP BY kind";
constexpr char selectEntryCounts[] =
    "SELECT m.kind::text, count(*), count(*) FILTER (WHERE coalesce(s.value, 'N') = 'N')"
    " FROM quarantine_receiver r JOIN quarantine_mail m ON m.cid = r.cid AND m.rid = r.rid"
    " LEFT JOIN quarantine_state s ON s.mail_cid = r.cid AND s.mail_rid = r.rid"
    "  AND s.ticket = r.ticket AND s.aspect = 'status'"
    " GROUP BY m.kind";

Error quarantineError(const Error &error)
{
    if (error.id.startsWith("quarantine.")) {
        return error;
    }
    if (store::isValueFault(error)) {
        return Error::permanent("quarantine.unstorable", error.toString());
    }
    return Error::transient("quarantine.unavailable", error.toString());
}

Error noSuchEntry(const EntryId &id)
{
    return Error::permanent("quarantine.no-entry",
                            QStringLiteral("there is no quarantine entry %1").arg(id.toString()));
}

/// Runs `work` with this thread's connection; failures become errors of this store.
template<typename Value>
Result<Value> with(store::DatabasePool &pool, const std::function<Result<Value>(Database &)> &work)
{
    auto database = pool.local();
    if (!database) {
        return quarantineError(database.error());
    }
    Result<Value> result = work(**database);
    return result ? std::move(result) : Result<Value>(quarantineError(result.error()));
}

qint64 randomTicket()
{
    return static_cast<qint64>(QRandomGenerator::system()->generate64() >> 2);
}

Result<std::optional<qint64>> insertHeader(Database &database,
                                           int cid,
                                           const NewEntry &mail,
                                           qint64 storedBytes)
{
    const QVariantList parameters{cid,
                                  store::cleanText(mail.key),
                                  store::cleanText(mail.queueId),
                                  QString(QLatin1Char(static_cast<char>(mail.kind))),
                                  static_cast<int>(mail.direction),
                                  store::timestampText(mail.receivedAt),
                                  store::cleanText(mail.sender),
                                  mail.subject,
                                  mail.fromHeader,
                                  store::cleanText(messageIdOf(mail.content.view())),
                                  mail.content.size(),
                                  storedBytes,
                                  mail.spamLevel,
                                  mail.virus,
                                  mail.rule,
                                  store::jsonText(mail.evidence)};
    const Rows rows = TRY(database.query(insertMail, parameters));
    if (rows.isEmpty()) {
        return std::optional<qint64>();
    }
    return std::optional(rows.first().first().toLongLong());
}

Status insertOne(Database &database, int cid, const NewEntry &mail)
{
    const std::vector<QByteArray> chunks = TRY(packBody(mail.content.view()));
    qint64 storedBytes = 0;
    for (const QByteArray &chunk : chunks) {
        storedBytes += chunk.size();
    }
    const auto rid = TRY(insertHeader(database, cid, mail, storedBytes));
    if (!rid) {
        return ok();
    }
    Rows receivers;
    for (const QByteArray &recipient : mail.recipients) {
        const QString text = store::cleanText(recipient);
        receivers.append(Row{cid, *rid, randomTicket(), text, text.toLower(),
                             store::timestampText(mail.receivedAt)});
    }
    TRY(database.copyIn(copyReceivers, receivers));
    int seq = 0;
    for (const QByteArray &chunk : chunks) {
        TRY(database.copyIn(copyBodies, {Row{cid, *rid, seq++, chunk}}));
    }
    return ok();
}

Entry entryOfRow(const Row &row)
{
    Entry entry;
    entry.id = {row[0].toInt(), row[1].toLongLong(), row[2].toLongLong()};
    entry.queueId = row[3].toString();
    const auto kind = quarantineKindOf(row[4].toString().toLatin1());
    entry.kind = kind ? *kind : QuarantineKind::FilterFailure;
    entry.direction = row[5].toInt() == 0 ? mail::Direction::In : mail::Direction::Out;
    entry.receivedAt = store::wallTimeOf(row[6]);
    entry.sender = row[7].toString();
    entry.recipient = row[8].toString();
    entry.mailbox = row[9].toString();
    entry.subject = row[10].toString();
    entry.fromHeader = row[11].toString();
    entry.messageId = row[12].toString();
    entry.size = row[13].toLongLong();
    entry.spamLevel = row[14].toInt();
    entry.virus = row[15].toString();
    entry.rule = row[16].toString();
    entry.status = static_cast<EntryStatus>(row[17].toString().at(0).toLatin1());
    entry.isSeen = row[18].toString() == QLatin1String("t");
    return entry;
}

QVariantList parametersOf(const EntryQuery &query)
{
    const QString endOfTime = QStringLiteral("infinity");
    const EntryCursor cursor = query.after.value_or(EntryCursor{});
    const QString last = query.after ? store::timestampText(cursor.receivedAt) : endOfTime;
    const QString kind = query.kind ? QString(QLatin1Char(static_cast<char>(*query.kind)))
                                    : QString();
    const QString status = query.status ? QString(QLatin1Char(static_cast<char>(*query.status)))
                                        : QString();
    return {query.since ? store::timestampText(*query.since) : QStringLiteral("-infinity"),
            query.until ? store::timestampText(*query.until) : endOfTime,
            last,
            last,
            cursor.id.cid,
            cursor.id.rid,
            cursor.id.ticket,
            kind,
            kind,
            status,
            status,
            query.search,
            query.search,
            std::clamp(query.limit, 1, 10000)};
}

struct StatusEvent {
    QString aspect;
    QString value;
};

StatusEvent statusEventOf(EntryMark mark)
{
    switch (mark) {
    case EntryMark::Delivered:
        return {QStringLiteral("status"), QStringLiteral("D")};
    case EntryMark::Deleted:
        return {QStringLiteral("status"), QStringLiteral("X")};
    case EntryMark::Restored:
        return {QStringLiteral("status"), QStringLiteral("N")};
    case EntryMark::Seen:
        return {QStringLiteral("seen"), QStringLiteral("t")};
    case EntryMark::Unseen:
        return {QStringLiteral("seen"), QStringLiteral("f")};
    }
    return {};
}

Status requireEntry(Database &database, const EntryId &id)
{
    if (TRY(database.query(selectReceiver, {id.cid, id.rid, id.ticket})).isEmpty()) {
        return noSuchEntry(id);
    }
    return ok();
}

}  // namespace

PgQuarantineStore::PgQuarantineStore(store::DatabasePool &pool)
    : m_pool(pool)
{
}

Status PgQuarantineStore::insert(const std::vector<NewEntry> &entries)
{
    return with<void>(m_pool, [&](Database &database) -> Status {
        const int cid = TRY(database.nodeId());
        return database.inTransaction([&]() -> Status {
            for (const NewEntry &mail : entries) {
                TRY(insertOne(database, cid, mail));
            }
            return ok();
        });
    });
}

Result<std::vector<Entry>> PgQuarantineStore::list(const EntryQuery &query)
{
    return with<std::vector<Entry>>(m_pool, [&](Database &database) -> Result<std::vector<Entry>> {
        QVariantList parameters = parametersOf(query);
        const char *sql = selectEntries;
        if (!query.mailbox.isEmpty()) {
            parameters.prepend(query.mailbox.toLower());
            sql = selectEntriesOfMailbox;
        }
        const Rows rows = TRY(database.query(sql, parameters));
        std::vector<Entry> entries;
        entries.reserve(static_cast<size_t>(rows.size()));
        std::transform(rows.begin(), rows.end(), std::back_inserter(entries), entryOfRow);
        return entries;
    });
}

Result<Entry> PgQuarantineStore::entry(const EntryId &id)
{
    return with<Entry>(m_pool, [&](Database &database) -> Result<Entry> {
        const Rows rows = TRY(database.query(selectEntry, {id.cid, id.rid, id.ticket}));
        if (rows.isEmpty()) {
            return noSuchEntry(id);
        }
        Entry entry = entryOfRow(rows.first());
        entry.evidence = QJsonDocument::fromJson(rows.first()[19].toString().toUtf8()).object();
        return entry;
    });
}

Result<QByteArray> PgQuarantineStore::content(const EntryId &id)
{
    return with<QByteArray>(m_pool, [&](Database &database) -> Result<QByteArray> {
        const Rows rows = TRY(database.query(selectReceiver, {id.cid, id.rid, id.ticket}));
        if (rows.isEmpty()) {
            return noSuchEntry(id);
        }
        QByteArray packed;
        TRY(database.each(selectBody, {id.cid, id.rid}, [&](const Row &row) {
            packed.append(row.first().toByteArray());
            return true;
        }));
        return unpackBody(packed, rows.first().first().toLongLong());
    });
}

Status PgQuarantineStore::mark(const std::vector<EntryId> &ids, EntryMark mark, const QString &who)
{
    return with<void>(m_pool, [&](Database &database) -> Status {
        const int cid = TRY(database.nodeId());
        const StatusEvent event = statusEventOf(mark);
        return database.inTransaction([&]() -> Status {
            for (const EntryId &id : ids) {
                TRY(requireEntry(database, id));
                TRY(database.execute(
                    insertEvent, {cid, id.cid, id.rid, id.ticket, event.aspect, event.value, who}));
            }
            return ok();
        });
    });
}

Result<int> PgQuarantineStore::purge(const PurgeBounds &bounds, int limit)
{
    return with<int>(m_pool, [&](Database &database) -> Result<int> {
        const Rows mails = TRY(
            database.query(selectOldMails, {store::timestampText(bounds.spam),
                                            store::timestampText(bounds.virus), limit}));
        const Status purged = database.inTransaction([&]() -> Status {
            for (const Row &mail : mails) {
                for (const char *statement :
                     {deleteState, deleteEvents, deleteBody, deleteReceivers, deleteMail}) {
                    TRY(database.execute(statement, mail));
                }
            }
            return ok();
        });
        TRY(purged);
        return static_cast<int>(mails.size());
    });
}

Result<std::vector<KindCount>> PgQuarantineStore::counts()
{
    return with<std::vector<KindCount>>(
        m_pool, [&](Database &database) -> Result<std::vector<KindCount>> {
            const Rows mails = TRY(database.query(selectMailCounts));
            const Rows entries = TRY(database.query(selectEntryCounts));
            std::vector<KindCount> counts;
            for (const QuarantineKind kind :
                 {QuarantineKind::Spam, QuarantineKind::Virus, QuarantineKind::Attachment,
                  QuarantineKind::FilterFailure}) {
                KindCount count;
                count.kind = kind;
                const QString letter(QLatin1Char(static_cast<char>(kind)));
                for (const Row &row : mails) {
                    if (row[0].toString() == letter) {
                        count.mails = row[1].toLongLong();
                        count.bytes = row[2].toLongLong();
                        count.storedBytes = row[3].toLongLong();
                    }
                }
                for (const Row &row : entries) {
                    if (row[0].toString() == letter) {
                        count.entries = row[1].toLongLong();
                        count.newEntries = row[2].toLongLong();
                    }
                }
                counts.push_back(count);
            }
            return counts;
        });
}

}  // namespace portcullis::quarantine
