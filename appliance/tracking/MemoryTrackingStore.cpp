// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/MemoryTrackingStore.h"

#include "appliance/tracking/MailFold.h"

#include <algorithm>
#include <tuple>

namespace portcullis::tracking {

namespace {

QString textOf(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes).replace(QChar(), QChar(QChar::ReplacementCharacter));
}

template<typename Value>
void assign(Value &field, const std::optional<Value> &value)
{
    field = value.value_or(field);
}

void assign(QString &field, const std::optional<QByteArray> &value)
{
    field = value ? textOf(*value) : field;
}

void apply(const MailChange &change, MailRow &row)
{
    const bool isNew = row.receivedAt == Clock::WallTime{};
    row.receivedAt = isNew ? change.receivedAt : std::min(row.receivedAt, change.receivedAt);
    row.updatedAt = std::max(row.updatedAt, change.updatedAt);
    row.direction = isNew || change.sender ? change.direction : row.direction;
    assign(row.sender, change.sender);
    assign(row.client, change.client);
    assign(row.size, change.size);
    assign(row.status, change.status);
    assign(row.delivery, change.delivery);
    assign(row.spamLevel, change.spamLevel);
    assign(row.virus, change.virus);
    assign(row.rule, change.rule);
    assign(row.reason, change.reason);
    assign(row.nextHop, change.nextHop);
    assign(row.reply, change.reply);
}

/// Newest first; among equals by name, so that pages do not overlap.
auto orderOf(const MailRow &row)
{
    return std::tuple(-row.receivedAt.time_since_epoch().count(), row.cid, row.queueId,
                      row.recipient);
}

bool isBehind(const MailRow &row, const MailCursor &cursor)
{
    return orderOf(row) > std::tuple(-cursor.receivedAt.time_since_epoch().count(), cursor.cid,
                                     cursor.queueId, cursor.recipient);
}

bool matches(const MailRow &row, const MailQuery &query)
{
    return row.receivedAt >= query.since && (!query.until || row.receivedAt < *query.until)
           && (query.queueId.isEmpty() || row.queueId == query.queueId)
           && row.sender.contains(query.sender, Qt::CaseInsensitive)
           && row.recipient.contains(query.recipient, Qt::CaseInsensitive)
           && !(query.hidesNullSender && row.sender.isEmpty())
           && !(query.hidesGreylisted && row.status == MailStatus::Greylisted)
           && (!query.after || isBehind(row, *query.after));
}

}  // namespace

Status MemoryTrackingStore::append(const std::vector<TrackingEvent> &events,
                                   const std::optional<JournalMark> &mark)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    for (const TrackingEvent &event : events) {
        m_events.push_back({1, std::ssize(m_events) + 1, event});
    }
    for (const auto &[key, change] : foldEvents(events)) {
        MailRow &row = m_rows[{textOf(key.first), textOf(key.second)}];
        row.queueId = textOf(key.first);
        row.recipient = textOf(key.second);
        apply(change, row);
    }
    if (mark) {
        m_marks[mark->identity] = *mark;
    }
    return ok();
}

Result<JournalMark> MemoryTrackingStore::progress(const JournalMark &segment)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    const auto found = m_marks.find(segment.identity);
    return found != m_marks.end() ? found->second
                                  : JournalMark{segment.segment, segment.identity, 0};
}

Status MemoryTrackingStore::forget(const JournalMark &segment)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    m_marks.erase(segment.identity);
    return ok();
}

Result<std::vector<MailRow>> MemoryTrackingStore::rows(const MailQuery &query)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    std::vector<MailRow> found;
    for (const auto &[key, row] : m_rows) {
        if (matches(row, query)) {
            found.push_back(row);
        }
    }
    std::sort(found.begin(), found.end(),
              [](const MailRow &a, const MailRow &b) { return orderOf(a) < orderOf(b); });
    found.resize(std::min(found.size(), static_cast<size_t>(query.limit)));
    return found;
}

Result<std::vector<StoredEvent>> MemoryTrackingStore::events(const QString &queueId)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    std::vector<StoredEvent> found;
    for (const StoredEvent &stored : m_events) {
        if (textOf(stored.event.queueId) == queueId) {
            found.push_back(stored);
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const StoredEvent &a, const StoredEvent &b) {
        return a.event.at < b.event.at;
    });
    return found;
}

Result<qint64> MemoryTrackingStore::purge(Clock::WallTime before, int limit)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    qint64 events = 0;
    std::erase_if(m_events, [&](const StoredEvent &stored) {
        return stored.event.at < before && events < limit && ++events > 0;
    });
    qint64 rows = 0;
    std::erase_if(m_rows, [&](const auto &item) {
        return item.second.receivedAt < before && rows < limit && ++rows > 0;
    });
    return events + rows;
}

void MemoryTrackingStore::failWith(std::optional<Error> error)
{
    const std::scoped_lock lock(m_mutex);
    m_failure = std::move(error);
}

qsizetype MemoryTrackingStore::eventCount() const
{
    const std::scoped_lock lock(m_mutex);
    return std::ssize(m_events);
}

}  // namespace portcullis::tracking
