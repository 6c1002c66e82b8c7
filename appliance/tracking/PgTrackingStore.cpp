// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/PgTrackingStore.h"

#include "appliance/store/SqlValue.h"
#include "appliance/tracking/MailFold.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>

#include <algorithm>
#include <functional>

namespace portcullis::tracking {

namespace {

using store::Database;
using store::Row;
using store::Rows;

constexpr char copyEvents[] =
    "COPY tracking_event (cid, at, kind, direction, queue_id, client, sender, recipients, size,"
    " next_hop, reply, tls, rule, reason, spam_level, virus, duration_ms, detail) FROM STDIN";

constexpr char upsertMails[] =
    "INSERT INTO tracking_mail AS t (cid, queue_id, recipient, received_at, updated_at, direction,"
    " sender, client, size, status, delivery, spam_level, virus, rule, reason, next_hop, reply)"
    " SELECT ?::integer, c.queue_id, c.recipient, c.received_at, c.updated_at, c.direction,"
    "  c.sender, c.client, c.size, c.status::\"char\", c.delivery::\"char\", c.spam_level, c.virus,"
    "  c.rule, c.reason, c.next_hop, c.reply"
    " FROM unnest(?::text[], ?::text[], ?::timestamptz[], ?::timestamptz[], ?::smallint[],"
    "  ?::text[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::integer[], ?::text[], ?::text[],"
    "  ?::text[], ?::text[], ?::text[]) AS c(queue_id, recipient, received_at, updated_at,"
    "  direction, sender, client, size, status, delivery, spam_level, virus, rule, reason,"
    "  next_hop, reply)"
    " ON CONFLICT (cid, queue_id, recipient) DO UPDATE SET"
    "  received_at = least(t.received_at, excluded.received_at),"
    "  updated_at = greatest(t.updated_at, excluded.updated_at),"
    "  direction = CASE WHEN excluded.sender IS NULL THEN t.direction ELSE excluded.direction END,"
    "  sender = coalesce(excluded.sender, t.sender),"
    "  client = coalesce(excluded.client, t.client),"
    "  size = coalesce(excluded.size, t.size),"
    "  status = coalesce(excluded.status, t.status),"
    "  delivery = coalesce(excluded.delivery, t.delivery),"
    "  spam_level = coalesce(excluded.spam_level, t.spam_level),"
    "  virus = coalesce(excluded.virus, t.virus),"
    "  rule = coalesce(excluded.rule, t.rule),"
    "  reason = coalesce(excluded.reason, t.reason),"
    "  next_hop = coalesce(excluded.next_hop, t.next_hop),"
    "  reply = coalesce(excluded.reply, t.reply)";

constexpr char upsertProgress[] =
    "INSERT INTO tracking_progress (identity, segment, position) VALUES (?, ?, ?)"
    " ON CONFLICT (identity) DO UPDATE SET position = excluded.position";
constexpr char selectProgress[] = "SELECT position FROM tracking_progress WHERE identity = ?";
constexpr char deleteProgress[] = "DELETE FROM tracking_progress WHERE identity = ?";

#define PORTCULLIS_MAIL_COLUMNS                                                                    \
    "SELECT cid, queue_id, recipient, (extract(epoch FROM received_at) * 1000000)::bigint,"        \
    " (extract(epoch FROM updated_at) * 1000000)::bigint, direction, coalesce(sender, ''),"        \
    " coalesce(client, ''), coalesce(size, 0), coalesce(status, 'P')::text,"                       \
    " coalesce(delivery, '-')::text, coalesce(spam_level, 0), coalesce(virus, ''),"                \
    " coalesce(rule, ''), coalesce(reason, ''), coalesce(next_hop, ''), coalesce(reply, '')"       \
    " FROM tracking_mail"

constexpr char selectMails[] = PORTCULLIS_MAIL_COLUMNS
    " WHERE received_at >= ?::timestamptz AND received_at < ?::timestamptz"
    " AND received_at <= ?::timestamptz"
    " AND (received_at < ?::timestamptz OR (cid, queue_id, recipient) > (?, ?, ?))"
    " AND (? = '' OR position(lower(?) IN lower(coalesce(sender, ''))) > 0)"
    " AND (? = '' OR position(lower(?) IN lower(recipient)) > 0)"
    " AND NOT (?::boolean AND sender = '')"
    " AND NOT (?::boolean AND coalesce(status, 'P') = 'G')"
    " ORDER BY received_at DESC, cid, queue_id, recipient LIMIT ?";
constexpr char selectMailsOfQueueId[] = PORTCULLIS_MAIL_COLUMNS
    " WHERE queue_id = ? ORDER BY received_at DESC, cid, queue_id, recipient LIMIT ?";
#undef PORTCULLIS_MAIL_COLUMNS

constexpr char selectEvents[] =
    "SELECT cid, rid, (extract(epoch FROM at) * 1000000)::bigint, kind, direction, queue_id,"
    " coalesce(client, ''), coalesce(sender, ''), array_to_json(recipients)::text,"
    " coalesce(size, 0), coalesce(next_hop, ''), coalesce(reply, ''), coalesce(tls, ''),"
    " coalesce(rule, ''), coalesce(reason, ''), coalesce(spam_level, 0), coalesce(virus, ''),"
    " coalesce(duration_ms, 0), coalesce(detail, '')"
    " FROM tracking_event WHERE queue_id = ? ORDER BY at, cid, rid LIMIT 10000";

constexpr char deleteOldEvents[] =
    "DELETE FROM tracking_event WHERE (cid, rid) IN"
    " (SELECT cid, rid FROM tracking_event WHERE at < ?::timestamptz LIMIT ?)";
constexpr char deleteOldMails[] =
    "DELETE FROM tracking_mail WHERE (cid, queue_id, recipient) IN"
    " (SELECT cid, queue_id, recipient FROM tracking_mail WHERE received_at < ?::timestamptz"
    "  ORDER BY received_at LIMIT ?)";

Error trackingError(const Error &error)
{
    if (store::isValueFault(error)) {
        return Error::permanent("tracking.unstorable", error.toString());
    }
    return Error::transient("tracking.unavailable", error.toString());
}

QVariant orNull(const QByteArray &bytes)
{
    return bytes.isEmpty() ? QVariant() : QVariant(store::cleanText(bytes));
}

QVariant orNull(const QString &text)
{
    return text.isEmpty() ? QVariant() : QVariant(text);
}

QVariant orNull(qint64 number)
{
    return number == 0 ? QVariant() : QVariant(number);
}

QString cleanArray(const std::vector<QByteArray> &elements)
{
    QStringList texts;
    for (const QByteArray &element : elements) {
        texts.append(store::cleanText(element));
    }
    return store::arrayText(texts);
}

Row eventRow(int cid, const TrackingEvent &event)
{
    return {cid,
            store::timestampText(event.at),
            static_cast<int>(event.kind),
            static_cast<int>(event.direction),
            store::cleanText(event.queueId),
            orNull(event.client),
            orNull(event.sender),
            event.recipients.empty() ? QVariant() : QVariant(cleanArray(event.recipients)),
            orNull(event.size),
            orNull(event.nextHop),
            orNull(event.reply),
            orNull(event.tls),
            orNull(event.rule),
            orNull(event.reason),
            orNull(event.spamLevel),
            orNull(event.virus),
            orNull(event.duration.count()),
            event.detail.isEmpty() ? QVariant() : QVariant(store::jsonText(event.detail))};
}

/// An element of an array parameter; a null QString stands for NULL.
QString element(const QByteArray &bytes)
{
    return store::cleanText(bytes);
}

QString element(const QString &text)
{
    return store::cleanText(text);
}

QString element(qint64 number)
{
    return QString::number(number);
}

QString element(Clock::WallTime time)
{
    return store::timestampText(time);
}

QString element(MailStatus status)
{
    return QString(QLatin1Char(static_cast<char>(status)));
}

QString element(DeliveryStatus status)
{
    return QString(QLatin1Char(static_cast<char>(status)));
}

template<typename Value>
QString element(const std::optional<Value> &value)
{
    return value ? element(*value) : QString();
}

/// One column of the changes, as an array.
template<typename Value>
QVariant column(const MailChanges &changes, Value MailChange::*member)
{
    QStringList elements;
    elements.reserve(static_cast<qsizetype>(changes.size()));
    for (const auto &[key, change] : changes) {
        elements.append(element(change.*member));
    }
    return store::arrayText(elements);
}

Status storeMails(Database &database, int cid, const MailChanges &changes)
{
    if (changes.empty()) {
        return ok();
    }
    QStringList queueIds;
    QStringList recipients;
    QStringList directions;
    for (const auto &[key, change] : changes) {
        queueIds.append(element(key.first));
        recipients.append(element(key.second));
        directions.append(element(static_cast<qint64>(change.direction)));
    }
    TRY(database.execute(
        upsertMails,
        {cid, store::arrayText(queueIds), store::arrayText(recipients),
         column(changes, &MailChange::receivedAt), column(changes, &MailChange::updatedAt),
         store::arrayText(directions), column(changes, &MailChange::sender),
         column(changes, &MailChange::client), column(changes, &MailChange::size),
         column(changes, &MailChange::status), column(changes, &MailChange::delivery),
         column(changes, &MailChange::spamLevel), column(changes, &MailChange::virus),
         column(changes, &MailChange::rule), column(changes, &MailChange::reason),
         column(changes, &MailChange::nextHop), column(changes, &MailChange::reply)}));
    return ok();
}

/// Keys that differ as bytes may be the same as text (invalid UTF-8), and one statement may not
/// touch a row twice.
std::vector<TrackingEvent> withTextKeys(const std::vector<TrackingEvent> &events)
{
    std::vector<TrackingEvent> cleaned = events;
    for (TrackingEvent &event : cleaned) {
        event.queueId = store::cleanText(event.queueId).toUtf8();
        for (QByteArray &recipient : event.recipients) {
            recipient = store::cleanText(recipient).toUtf8();
        }
    }
    return cleaned;
}

qint64 identityOf(const JournalMark &mark)
{
    return static_cast<qint64>(mark.identity);
}

MailRow mailRowOf(const Row &row)
{
    MailRow mail;
    mail.cid = row[0].toInt();
    mail.queueId = row[1].toString();
    mail.recipient = row[2].toString();
    mail.receivedAt = store::wallTimeOf(row[3]);
    mail.updatedAt = store::wallTimeOf(row[4]);
    mail.direction = row[5].toInt() == 0 ? mail::Direction::In : mail::Direction::Out;
    mail.sender = row[6].toString();
    mail.client = row[7].toString();
    mail.size = row[8].toLongLong();
    mail.status = static_cast<MailStatus>(row[9].toString().at(0).toLatin1());
    mail.delivery = static_cast<DeliveryStatus>(row[10].toString().at(0).toLatin1());
    mail.spamLevel = row[11].toInt();
    mail.virus = row[12].toString();
    mail.rule = row[13].toString();
    mail.reason = row[14].toString();
    mail.nextHop = row[15].toString();
    mail.reply = row[16].toString();
    return mail;
}

StoredEvent storedEventOf(const Row &row)
{
    StoredEvent stored;
    stored.cid = row[0].toInt();
    stored.rid = row[1].toLongLong();
    TrackingEvent &event = stored.event;
    event.at = store::wallTimeOf(row[2]);
    event.kind = eventKindOf(static_cast<quint8>(row[3].toInt())).value_or(EventKind::Refused);
    event.direction = row[4].toInt() == 0 ? mail::Direction::In : mail::Direction::Out;
    event.queueId = row[5].toString().toUtf8();
    event.client = row[6].toString().toUtf8();
    event.sender = row[7].toString().toUtf8();
    const QJsonArray recipients = QJsonDocument::fromJson(row[8].toString().toUtf8()).array();
    for (const QJsonValue &recipient : recipients) {
        event.recipients.push_back(recipient.toString().toUtf8());
    }
    event.size = row[9].toLongLong();
    event.nextHop = row[10].toString().toUtf8();
    event.reply = row[11].toString().toUtf8();
    event.tls = row[12].toString().toUtf8();
    event.rule = row[13].toString();
    event.reason = row[14].toString();
    event.spamLevel = row[15].toInt();
    event.virus = row[16].toString();
    event.duration = std::chrono::milliseconds(row[17].toLongLong());
    event.detail = QJsonDocument::fromJson(row[18].toString().toUtf8()).object();
    return stored;
}

QVariantList parametersOf(const MailQuery &query)
{
    const QString endOfTime = QStringLiteral("infinity");
    const QString until = query.until ? store::timestampText(*query.until) : endOfTime;
    const MailCursor cursor = query.after.value_or(MailCursor{});
    const QString last = query.after ? store::timestampText(cursor.receivedAt) : endOfTime;
    const int limit = std::clamp(query.limit, 1, 10000);
    return {store::timestampText(query.since),
            until,
            last,
            last,
            cursor.cid,
            cursor.queueId,
            cursor.recipient,
            query.sender,
            query.sender,
            query.recipient,
            query.recipient,
            query.hidesNullSender,
            query.hidesGreylisted,
            limit};
}

/// Runs `work` with this thread's connection; failures become errors of this store.
template<typename Value>
Result<Value> with(store::DatabasePool &pool, const std::function<Result<Value>(Database &)> &work)
{
    auto database = pool.local();
    if (!database) {
        return trackingError(database.error());
    }
    Result<Value> result = work(**database);
    return result ? std::move(result) : Result<Value>(trackingError(result.error()));
}

}  // namespace

PgTrackingStore::PgTrackingStore(store::DatabasePool &pool)
    : m_pool(pool)
{
}

Status PgTrackingStore::append(const std::vector<TrackingEvent> &events,
                               const std::optional<JournalMark> &mark)
{
    return with<void>(m_pool, [&](Database &database) -> Status {
        const int cid = TRY(database.nodeId());
        Rows rows;
        rows.reserve(std::ssize(events));
        for (const TrackingEvent &event : events) {
            rows.append(eventRow(cid, event));
        }
        const MailChanges changes = foldEvents(withTextKeys(events));
        return database.inTransaction([&]() -> Status {
            if (!rows.isEmpty()) {
                TRY(database.copyIn(copyEvents, rows));
            }
            TRY(storeMails(database, cid, changes));
            if (mark) {
                TRY(database.execute(
                    upsertProgress,
                    {identityOf(*mark), static_cast<qint64>(mark->segment), mark->offset}));
            }
            return ok();
        });
    });
}

Result<JournalMark> PgTrackingStore::progress(const JournalMark &segment)
{
    return with<JournalMark>(m_pool, [&](Database &database) -> Result<JournalMark> {
        const Rows rows = TRY(database.query(selectProgress, {identityOf(segment)}));
        const qint64 offset = rows.isEmpty() ? 0 : rows.first().first().toLongLong();
        return JournalMark{segment.segment, segment.identity, offset};
    });
}

Status PgTrackingStore::forget(const JournalMark &segment)
{
    return with<void>(m_pool, [&](Database &database) -> Status {
        TRY(database.execute(deleteProgress, {identityOf(segment)}));
        return ok();
    });
}

Result<std::vector<MailRow>> PgTrackingStore::rows(const MailQuery &query)
{
    return with<std::vector<MailRow>>(
        m_pool, [&](Database &database) -> Result<std::vector<MailRow>> {
            const int limit = std::clamp(query.limit, 1, 10000);
            const Rows rows = query.queueId.isEmpty()
                                  ? TRY(database.query(selectMails, parametersOf(query)))
                                  : TRY(
                                      database.query(selectMailsOfQueueId, {query.queueId, limit}));
            std::vector<MailRow> mails;
            mails.reserve(static_cast<size_t>(rows.size()));
            std::transform(rows.begin(), rows.end(), std::back_inserter(mails), mailRowOf);
            return mails;
        });
}

Result<std::vector<StoredEvent>> PgTrackingStore::events(const QString &queueId)
{
    return with<std::vector<StoredEvent>>(
        m_pool, [&](Database &database) -> Result<std::vector<StoredEvent>> {
            const Rows rows = TRY(database.query(selectEvents, {queueId}));
            std::vector<StoredEvent> events;
            events.reserve(static_cast<size_t>(rows.size()));
            std::transform(rows.begin(), rows.end(), std::back_inserter(events), storedEventOf);
            return events;
        });
}

Result<qint64> PgTrackingStore::purge(Clock::WallTime before, int limit)
{
    return with<qint64>(m_pool, [&](Database &database) -> Result<qint64> {
        const QString bound = store::timestampText(before);
        const qint64 events = TRY(database.execute(deleteOldEvents, {bound, limit}));
        return events + TRY(database.execute(deleteOldMails, {bound, limit}));
    });
}

}  // namespace portcullis::tracking
