// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/quarantine/MemoryQuarantineStore.h"

#include <algorithm>
#include <tuple>

namespace portcullis::quarantine {

namespace {

QString textOf(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes).replace(QChar(), QChar(QChar::ReplacementCharacter));
}

Error noEntry(const EntryId &id)
{
    return Error::permanent("quarantine.no-entry",
                            QStringLiteral("there is no quarantine entry %1").arg(id.toString()));
}

/// Newest first, then by id.
auto orderOf(Clock::WallTime receivedAt, const EntryId &id)
{
    return std::tuple(-receivedAt.time_since_epoch().count(), id);
}

bool matches(const Entry &entry, const EntryQuery &query)
{
    const auto contains = [&](const QString &text) {
        return text.contains(query.search, Qt::CaseInsensitive);
    };
    return (!query.kind || entry.kind == *query.kind)
           && (query.mailbox.isEmpty() || entry.mailbox == query.mailbox.toLower())
           && (!query.since || entry.receivedAt >= *query.since)
           && (!query.until || entry.receivedAt < *query.until)
           && (!query.status || entry.status == *query.status)
           && (contains(entry.subject) || contains(entry.sender) || contains(entry.fromHeader)
               || contains(entry.recipient))
           && (!query.after
               || orderOf(entry.receivedAt, entry.id)
                      > orderOf(query.after->receivedAt, query.after->id));
}

Entry entryOf(const NewEntry &mail, const QByteArray &recipient)
{
    Entry entry;
    entry.queueId = textOf(mail.queueId);
    entry.kind = mail.kind;
    entry.direction = mail.direction;
    entry.receivedAt = mail.receivedAt;
    entry.sender = textOf(mail.sender);
    entry.recipient = textOf(recipient);
    entry.mailbox = entry.recipient.toLower();
    entry.subject = mail.subject;
    entry.fromHeader = mail.fromHeader;
    entry.messageId = textOf(messageIdOf(mail.content.view()));
    entry.size = mail.content.size();
    entry.spamLevel = mail.spamLevel;
    entry.virus = mail.virus;
    entry.rule = mail.rule;
    entry.evidence = mail.evidence;
    return entry;
}

void apply(EntryMark mark, Entry &entry)
{
    switch (mark) {
    case EntryMark::Delivered:
        entry.status = EntryStatus::Delivered;
        return;
    case EntryMark::Deleted:
        entry.status = EntryStatus::Deleted;
        return;
    case EntryMark::Restored:
        entry.status = EntryStatus::New;
        return;
    case EntryMark::Seen:
        entry.isSeen = true;
        return;
    case EntryMark::Unseen:
        entry.isSeen = false;
        return;
    }
}

}  // namespace

Status MemoryQuarantineStore::insert(const std::vector<NewEntry> &entries)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    for (const NewEntry &mail : entries) {
        const bool isKnown = std::any_of(m_mails.begin(), m_mails.end(), [&](const auto &item) {
            return item.second.key == mail.key;
        });
        if (isKnown) {
            continue;
        }
        const qint64 rid = ++m_lastRid;
        Mail &stored = m_mails[rid];
        stored.key = mail.key;
        stored.content = mail.content.toByteArray();
        for (const QByteArray &recipient : mail.recipients) {
            Entry entry = entryOf(mail, recipient);
            entry.id = {1, rid, std::ssize(stored.entries) + 1};
            stored.entries.push_back(std::move(entry));
        }
    }
    return ok();
}

Result<std::vector<Entry>> MemoryQuarantineStore::list(const EntryQuery &query)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    std::vector<Entry> found;
    for (const auto &[rid, mail] : m_mails) {
        std::copy_if(mail.entries.begin(), mail.entries.end(), std::back_inserter(found),
                     [&](const Entry &entry) { return matches(entry, query); });
    }
    std::sort(found.begin(), found.end(), [](const Entry &a, const Entry &b) {
        return orderOf(a.receivedAt, a.id) < orderOf(b.receivedAt, b.id);
    });
    found.resize(std::min(found.size(), static_cast<size_t>(std::clamp(query.limit, 1, 10000))));
    for (Entry &entry : found) {
        entry.evidence = {};
    }
    return found;
}

Result<Entry *> MemoryQuarantineStore::find(const EntryId &id)
{
    if (m_failure) {
        return *m_failure;
    }
    const auto mail = m_mails.find(id.rid);
    if (mail != m_mails.end()) {
        for (Entry &entry : mail->second.entries) {
            if (entry.id == id) {
                return &entry;
            }
        }
    }
    return noEntry(id);
}

Result<Entry> MemoryQuarantineStore::entry(const EntryId &id)
{
    const std::scoped_lock lock(m_mutex);
    return *TRY(find(id));
}

Result<QByteArray> MemoryQuarantineStore::content(const EntryId &id)
{
    const std::scoped_lock lock(m_mutex);
    TRY(find(id));
    return m_mails.at(id.rid).content;
}

Status MemoryQuarantineStore::mark(const std::vector<EntryId> &ids,
                                   EntryMark mark,
                                   const QString & /*who*/)
{
    const std::scoped_lock lock(m_mutex);
    for (const EntryId &id : ids) {
        TRY(find(id));
    }
    for (const EntryId &id : ids) {
        apply(mark, *TRY(find(id)));
    }
    return ok();
}

Result<int> MemoryQuarantineStore::purge(const PurgeBounds &bounds, int limit)
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    int purged = 0;
    std::erase_if(m_mails, [&](const auto &item) {
        const Entry &entry = item.second.entries.front();
        const bool isSpam = entry.kind == QuarantineKind::Spam
                            || entry.kind == QuarantineKind::Attachment;
        return entry.receivedAt < (isSpam ? bounds.spam : bounds.virus) && purged < limit
               && ++purged > 0;
    });
    return purged;
}

Result<std::vector<KindCount>> MemoryQuarantineStore::counts()
{
    const std::scoped_lock lock(m_mutex);
    if (m_failure) {
        return *m_failure;
    }
    std::vector<KindCount> counts;
    for (const QuarantineKind kind : {QuarantineKind::Spam, QuarantineKind::Virus,
                                      QuarantineKind::Attachment, QuarantineKind::FilterFailure}) {
        KindCount count;
        count.kind = kind;
        for (const auto &[rid, mail] : m_mails) {
            if (mail.entries.front().kind != kind) {
                continue;
            }
            ++count.mails;
            count.entries += std::ssize(mail.entries);
            count.newEntries += std::count_if(
                mail.entries.begin(), mail.entries.end(),
                [](const Entry &entry) { return entry.status == EntryStatus::New; });
            count.bytes += mail.content.size();
            count.storedBytes += mail.content.size();
        }
        counts.push_back(count);
    }
    return counts;
}

void MemoryQuarantineStore::failWith(std::optional<Error> error)
{
    const std::scoped_lock lock(m_mutex);
    m_failure = std::move(error);
}

}  // namespace portcullis::quarantine
