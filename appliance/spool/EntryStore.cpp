// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/EntryStore.h"

#include "appliance/spool/Crc32c.h"
#include "appliance/spool/EntryCodec.h"

namespace portcullis::spool {

namespace {

Error unknownEntry(quint64 number)
{
    return Error::permanent(
        "spool.unknown-entry",
        QStringLiteral("%1 is not in the queue").arg(QString::fromLatin1(queueIdOf(number))));
}

/// Given while a segment is removed between two looks; the caller looks again.
Error movedEntry(quint64 segment)
{
    return Error::transient("spool.moved", QStringLiteral("segment %1 is gone").arg(segment));
}

Clock::WallTime storedTime(qint64 micros)
{
    return Clock::WallTime(std::chrono::microseconds(micros));
}

}  // namespace

Result<EntryStore::RawItem> EntryStore::rawItem(quint64 number, const Record &record) const
{
    const auto file = m_index.segment(record.itemSegment);
    if (!file) {
        return movedEntry(record.itemSegment);
    }
    const QByteArray bytes = TRY(
        file->read(static_cast<qint64>(record.itemOffset), record.itemBytes));
    const auto head = ItemHead::decoded(bytes);
    if (!head || head->number != number || head->kind != ItemKind::Put) {
        return Error::permanent("spool.damaged", QStringLiteral("metadata in segment %1 at %2")
                                                     .arg(record.itemSegment)
                                                     .arg(record.itemOffset));
    }
    RawItem item{bytes.sliced(ItemHead::size, head->domainBytes),
                 bytes.sliced(ItemHead::size + head->domainBytes, head->bodyBytes), head->bodyCrc};
    if (crc32c(item.body, crc32c(item.domains)) != head->bodyCrc) {
        return Error::permanent("spool.damaged",
                                QStringLiteral("metadata in segment %1 at %2 fails its checksum")
                                    .arg(record.itemSegment)
                                    .arg(record.itemOffset));
    }
    return item;
}

Result<mail::Content> EntryStore::content(const Record &record) const
{
    if (record.contentLength == 0) {
        return mail::Content();
    }
    const auto file = m_index.segment(record.contentSegment);
    if (!file) {
        return movedEntry(record.contentSegment);
    }
    return SegmentFile::content(file, record.contentPlace());
}

Result<std::shared_ptr<Entry>> EntryStore::metadata(quint64 number, const Record &record) const
{
    const RawItem item = TRY(rawItem(number, record));
    auto entry = std::make_shared<Entry>();
    TRY(decodeBody(item.body, *entry));
    entry->id = queueIdOf(number);
    entry->stage = record.stage;
    entry->direction = record.direction;
    entry->receivedAt = storedTime(record.receivedAt);
    entry->nextAttempt = storedTime(record.nextAttempt);
    return entry;
}

Result<std::shared_ptr<const Entry>> EntryStore::readEntry(quint64 number, Parts parts) const
{
    const auto record = m_index.find(number);
    if (!record) {
        return unknownEntry(number);
    }
    const EntryCache::Found cached = m_cache.find(number);
    if (cached.entry && (cached.hasContent || parts == Parts::Metadata)) {
        return cached.entry;
    }
    auto entry = cached.entry ? std::make_shared<Entry>(*cached.entry)
                              : TRY(metadata(number, *record));
    if (parts == Parts::All) {
        entry->content = TRY(content(*record));
    }
    return std::shared_ptr<const Entry>(std::move(entry));
}

Result<std::shared_ptr<const Entry>> EntryStore::load(quint64 number, Parts parts) const
{
    constexpr int looks = 3;
    for (int look = 1;; ++look) {
        auto entry = readEntry(number, parts);
        if (entry || entry.error().id != "spool.moved" || look == looks) {
            return entry;
        }
    }
}

}  // namespace portcullis::spool
