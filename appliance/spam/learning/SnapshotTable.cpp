// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/SnapshotTable.h"

#include "appliance/spam/learning/SnapshotFormat.h"

#include <QtCore/QSaveFile>

#include <algorithm>
#include <bit>

namespace portcullis::spam {

namespace {

constexpr quint64 leastSlots = 64;

/// Puts a slot at the first free place from its own; how far that was.
quint32 putSlot(SnapshotSlot *slots, quint64 mask, int ignoredBits, const SnapshotSlot &slot)
{
    quint64 place = slotHash(slot.key >> ignoredBits) & mask;
    quint32 probe = 0;
    while (slots[place].key != 0) {
        place = (place + 1) & mask;
        ++probe;
    }
    slots[place] = slot;
    return probe;
}

}  // namespace

SnapshotTable::SnapshotTable(SnapshotKind kind)
    : m_kind(kind)
{
    clear();
}

void SnapshotTable::clear()
{
    m_slots.assign(leastSlots, {});
    m_used = 0;
    totals = {};
}

void SnapshotTable::grow()
{
    std::vector<SnapshotSlot> larger(m_slots.size() * 2);
    for (const SnapshotSlot &slot : m_slots) {
        if (slot.key != 0) {
            putSlot(larger.data(), larger.size() - 1, ignoredBitsOf(m_kind), slot);
        }
    }
    m_slots = std::move(larger);
}

const SnapshotSlot *SnapshotTable::find(quint64 key) const
{
    const int ignored = ignoredBitsOf(m_kind);
    const quint64 mask = m_slots.size() - 1;
    for (quint64 place = slotHash(key >> ignored) & mask;; place = (place + 1) & mask) {
        const SnapshotSlot &slot = m_slots[place];
        if (slot.key == 0) {
            return nullptr;
        }
        if (slot.key >> ignored == key >> ignored) {
            return &slot;
        }
    }
}

SnapshotSlot &SnapshotTable::at(quint64 key)
{
    if (const SnapshotSlot *slot = find(key)) {
        return const_cast<SnapshotSlot &>(*slot);
    }
    if (quint64(m_used + 1) * 2 > m_slots.size()) {
        grow();
    }
    ++m_used;
    // Key 0 marks the free; a token of 0 has at least an hour then.
    const SnapshotSlot fresh{key != 0 ? key : 1, 0, 0};
    putSlot(m_slots.data(), m_slots.size() - 1, ignoredBitsOf(m_kind), fresh);
    return const_cast<SnapshotSlot &>(*find(fresh.key));
}

QByteArray SnapshotTable::toBytes() const
{
    SnapshotHead head{};
    std::memcpy(head.magic, snapshotMagic, sizeof head.magic);
    head.version = snapshotVersion;
    head.kind = quint32(m_kind);
    head.totals = totals;
    const auto isOfUse = [](const SnapshotSlot &slot) {
        return slot.key != 0 && (slot.first != 0 || slot.second != 0);
    };
    head.entries = quint64(std::count_if(m_slots.begin(), m_slots.end(), isOfUse));
    head.slots = std::max(leastSlots, std::bit_ceil(head.entries * 2));
    std::vector<SnapshotSlot> slots(head.slots);
    for (const SnapshotSlot &slot : m_slots) {
        if (isOfUse(slot)) {
            head.longestProbe = std::max(head.longestProbe, putSlot(slots.data(), head.slots - 1,
                                                                    ignoredBitsOf(m_kind), slot));
        }
    }
    head.checksum = checksumOf(head);
    QByteArray bytes(reinterpret_cast<const char *>(&head), sizeof head);
    bytes.append(reinterpret_cast<const char *>(slots.data()),
                 qsizetype(slots.size() * sizeof(SnapshotSlot)));
    return bytes;
}

Status SnapshotTable::save(const QString &path) const
{
    QSaveFile file(path);
    const auto failure = [&] {
        return Error::transient("learn.snapshot", path + QStringLiteral(": ") + file.errorString());
    };
    if (!file.open(QIODevice::WriteOnly)) {
        return failure();
    }
    const QByteArray bytes = toBytes();
    if (file.write(bytes) != bytes.size() || !file.commit()) {
        return failure();
    }
    return ok();
}

}  // namespace portcullis::spam
