// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Stager.h"

#include "appliance/spool/Crc32c.h"
#include "appliance/spool/EntryCodec.h"

namespace portcullis::spool {

qint64 StagedFrame::itemBytes() const
{
    qint64 bytes = 0;
    for (const StagedItem &item : items) {
        bytes += item.head.totalSize();
    }
    return bytes;
}

qint64 StagedFrame::size() const
{
    qint64 bytes = FrameHeader::size + itemBytes();
    for (const NewContent &content : contents) {
        bytes += aligned(content.content.size());
    }
    return bytes;
}

Stager::Known Stager::known(quint64 number) const
{
    if (const auto found = m_batch.find(number); found != m_batch.end()) {
        return found->second;
    }
    return {nullptr, m_index.find(number)};
}

Stager::Working *Stager::working(quint64 number)
{
    const auto found = m_places.find(number);
    return found == m_places.end() ? nullptr : &m_working[found->second];
}

Result<Stager::Working *> Stager::workingEntry(quint64 number)
{
    Working *work = working(number);
    if (work == nullptr) {
        Known found = known(number);
        if (found.record) {
            if (!found.entry) {
                found.entry = TRY(m_store.load(number, EntryStore::Parts::Metadata));
            }
            m_places.emplace(number, m_working.size());
            work = &m_working.emplace_back();
            work->number = number;
            work->entry = std::make_shared<Entry>(*found.entry);
            work->before = found.record;
            work->place = found.record->contentPlace();
        }
    }
    if (work == nullptr || work->isRemoved) {
        return Error::permanent(
            "spool.unknown-entry",
            QStringLiteral("%1 is not in the queue").arg(QString::fromLatin1(queueIdOf(number))));
    }
    work->needsEncoding = true;
    return work;
}

Status Stager::shareContentOf(Working &added, quint64 number)
{
    const Working *other = working(number);
    if (other != nullptr && (!other->isRemoved || other->before)) {
        added.content = other->content;
        added.place = other->place;
        added.entry->content = other->entry ? other->entry->content : mail::Content();
        return ok();
    }
    const Known found = known(number);
    if (!found.record) {
        return Error::permanent("spool.unknown-entry",
                                QStringLiteral("%1, whose content is wanted, is not in the queue")
                                    .arg(QString::fromLatin1(queueIdOf(number))));
    }
    added.place = found.record->contentPlace();
    if (found.entry) {
        added.entry->content = found.entry->content;
    }
    return ok();
}

Status Stager::add(Prepared::Change &change)
{
    if (working(change.number) != nullptr || known(change.number).record) {
        return Error::permanent("spool.invalid",
                                QStringLiteral("%1 is in the queue already")
                                    .arg(QString::fromLatin1(queueIdOf(change.number))));
    }
    Working added;
    added.number = change.number;
    added.entry = std::get<Transaction::Add>(change.action).entry;
    added.domains = std::move(change.domains);
    added.body = std::move(change.body);
    added.bodyCrc = change.bodyCrc;
    added.content = change.content;
    added.isNew = true;
    added.needsEncoding = false;
    if (change.contentOf != 0) {
        TRY(shareContentOf(added, change.contentOf));
    }
    m_places.emplace(change.number, m_working.size());
    m_working.push_back(std::move(added));
    return ok();
}

void Stager::remove(quint64 number)
{
    if (Working *work = working(number)) {
        work->isRemoved = true;
        return;
    }
    if (const Known found = known(number); found.record) {
        m_places.emplace(number, m_working.size());
        Working &work = m_working.emplace_back();
        work.number = number;
        work.before = found.record;
        work.place = found.record->contentPlace();
        work.isRemoved = true;
    }
}

Status Stager::apply(Entry &entry, Transaction::Action &action)
{
    if (auto *set = std::get_if<Transaction::SetAttempt>(&action)) {
        const auto index = static_cast<size_t>(set->attempt.recipient);
        if (set->attempt.recipient < 0 || index >= entry.progress.size()) {
            return Error::permanent("spool.invalid", QStringLiteral("no such recipient"));
        }
        RecipientProgress &progress = entry.progress[index];
        progress.state = set->attempt.state;
        ++progress.attempts;
        progress.lastAttempt = set->attempt.time;
        progress.lastReply = std::move(set->attempt.reply);
        progress.nextHop = std::move(set->attempt.nextHop);
    } else if (const auto *delay = std::get_if<Transaction::SetDelayReported>(&action)) {
        const auto index = static_cast<size_t>(delay->recipient);
        if (delay->recipient < 0 || index >= entry.progress.size()) {
            return Error::permanent("spool.invalid", QStringLiteral("no such recipient"));
        }
        entry.progress[index].isDelayReported = true;
    } else if (auto *next = std::get_if<Transaction::SetNextAttempt>(&action)) {
        entry.nextAttempt = next->time;
        entry.reason = std::move(next->reason);
    } else if (const auto *count = std::get_if<Transaction::CountFilterAttempt>(&action)) {
        entry.filterAttempts += count->isCancelled ? (entry.filterAttempts > 0 ? -1 : 0) : 1;
    } else if (const auto *move = std::get_if<Transaction::MoveTo>(&action)) {
        entry.stage = move->stage;
    } else if (auto *note = std::get_if<Transaction::SetNote>(&action)) {
        entry.note = std::move(note->note);
    } else if (auto *line = std::get_if<Transaction::AddHistory>(&action)) {
        entry.history.push_back(std::move(line->line));
    } else if (auto *hold = std::get_if<Transaction::Hold>(&action)) {
        if (entry.stage != Stage::Held) {
            entry.heldFrom = std::exchange(entry.stage, Stage::Held);
        }
        entry.reason = std::move(hold->reason);
    } else if (std::holds_alternative<Transaction::Release>(action) && entry.stage == Stage::Held) {
        entry.stage = entry.heldFrom;
        entry.nextAttempt = {};
        entry.filterAttempts = 0;
        entry.reason.clear();
    }
    return ok();
}

StagedItem Stager::itemOf(Working &work) const
{
    StagedItem item;
    item.head.number = work.number;
    item.head.firstSegment = work.before ? work.before->firstSegment : 0;
    item.head.content = work.place;
    if (work.isRemoved) {
        item.head.kind = ItemKind::Remove;
        return item;
    }
    if (work.needsEncoding) {
        normalise(*work.entry);
        work.domains = pendingDomains(*work.entry);
        work.body = encodeBody(*work.entry);
        work.bodyCrc = crc32c(work.body, crc32c(work.domains));
    }
    item.head.stage = work.entry->stage;
    item.head.direction = work.entry->direction;
    item.head.receivedAt = work.entry->receivedAt.time_since_epoch().count();
    item.head.nextAttempt = work.entry->nextAttempt.time_since_epoch().count();
    item.head.domainBytes = static_cast<quint32>(work.domains.size());
    item.head.bodyBytes = static_cast<quint32>(work.body.size());
    item.head.bodyCrc = work.bodyCrc;
    item.domains = std::move(work.domains);
    item.body = std::move(work.body);
    item.content = work.content;
    item.entry = std::move(work.entry);
    return item;
}

Result<StagedFrame> Stager::stage(Prepared &prepared)
{
    m_working.clear();
    m_places.clear();
    for (Prepared::Change &change : prepared.changes) {
        if (std::holds_alternative<Transaction::Add>(change.action)) {
            TRY(add(change));
        } else if (std::holds_alternative<Transaction::Remove>(change.action)) {
            remove(change.number);
        } else {
            Working *work = TRY(workingEntry(change.number));
            TRY(apply(*work->entry, change.action));
        }
    }
    StagedFrame frame;
    frame.contents = std::move(prepared.contents);
    frame.items.reserve(m_working.size());
    for (Working &work : m_working) {
        if (!(work.isNew && work.isRemoved)) {
            frame.items.push_back(itemOf(work));
        }
    }
    return frame;
}

void Stager::accept(const StagedFrame &frame)
{
    for (const StagedItem &item : frame.items) {
        Known &known = m_batch[item.head.number];
        if (item.head.kind == ItemKind::Remove) {
            known = {};
        } else {
            known = {item.entry, frame.recordOf(item)};
        }
    }
}

}  // namespace portcullis::spool
