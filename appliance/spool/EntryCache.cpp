// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/EntryCache.h"

namespace portcullis::spool {

namespace {

/// A fair guess of what an entry takes besides its content.
qint64 overheadOf(const Entry &entry)
{
    constexpr qint64 fixedBytes = 1024;
    constexpr qint64 bytesPerRecipient = 256;
    return fixedBytes + static_cast<qint64>(entry.envelope.recipients.size()) * bytesPerRecipient
           + entry.note.size();
}

}  // namespace

EntryCache::EntryCache(qint64 maxBytes, qint64 maxEntryBytes)
    : m_maxBytes(maxBytes)
    , m_maxEntryBytes(maxEntryBytes)
{
}

void EntryCache::keep(quint64 number, std::shared_ptr<const Entry> entry, qint64 contentLength)
{
    const bool hasContent = entry->content.size() == contentLength
                            && contentLength <= m_maxEntryBytes;
    if (!hasContent && !entry->content.isEmpty()) {
        auto lighter = std::make_shared<Entry>(*entry);
        lighter->content = {};
        entry = std::move(lighter);
    }
    const qint64 bytes = overheadOf(*entry) + entry->content.size();
    const std::scoped_lock lock(m_mutex);
    Slot &slot = m_slots[number];
    m_bytes += bytes - slot.bytes;
    slot = {{std::move(entry), hasContent}, bytes, ++m_age};
    m_order.emplace_back(number, m_age);
    evict();
    if (m_order.size() > 2 * m_slots.size() + 1024) {
        // One old entry at the front keeps the stale ones behind it; without them it is short.
        std::erase_if(m_order, [this](const auto &one) {
            const auto kept = m_slots.find(one.first);
            return kept == m_slots.end() || kept->second.age != one.second;
        });
    }
}

void EntryCache::evict()
{
    while (!m_order.empty()) {
        const auto [number, age] = m_order.front();
        const auto oldest = m_slots.find(number);
        const bool isStale = oldest == m_slots.end() || oldest->second.age != age;
        if (!isStale && m_bytes <= m_maxBytes) {
            break;
        }
        m_order.pop_front();
        if (!isStale) {
            m_bytes -= oldest->second.bytes;
            m_slots.erase(oldest);
        }
    }
}

void EntryCache::forget(quint64 number)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_slots.find(number);
    if (found != m_slots.end()) {
        m_bytes -= found->second.bytes;
        m_slots.erase(found);
    }
    evict();
}

EntryCache::Found EntryCache::find(quint64 number) const
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_slots.find(number);
    return found == m_slots.end() ? Found{} : found->second.found;
}

}  // namespace portcullis::spool
