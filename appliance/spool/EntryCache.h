// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Entry.h"

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace portcullis::spool {

/// Entries committed a short time ago, with their contents, so that the delivery need not read them
/// back. Oldest first out. Thread-safe.
class EntryCache
{
public:
    EntryCache(qint64 maxBytes, qint64 maxEntryBytes);

    /// Keeps `entry`, replacing one of the same number. Its content of `contentLength` bytes may be
    /// missing (only metadata was changed), and is left out if it is large.
    void keep(quint64 number, std::shared_ptr<const Entry> entry, qint64 contentLength);
    void forget(quint64 number);

    struct Found {
        std::shared_ptr<const Entry> entry;  ///< Null: not here.
        bool hasContent = false;
    };
    [[nodiscard]] Found find(quint64 number) const;

private:
    struct Slot {
        Found found;
        qint64 bytes = 0;
        quint64 age = 0;
    };
    void evict();

    mutable std::mutex m_mutex;
    qint64 m_maxBytes;
    qint64 m_maxEntryBytes;
    qint64 m_bytes = 0;
    quint64 m_age = 0;
    std::unordered_map<quint64, Slot> m_slots;
    std::deque<std::pair<quint64, quint64>> m_order;  ///< Number and age; stale ones are skipped.
};

}  // namespace portcullis::spool
