// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/EntryCache.h"
#include "appliance/spool/Index.h"

namespace portcullis::spool {

/// Finds entries in memory or on disk. Thread-safe.
class EntryStore
{
public:
    EntryStore(const Index &index, EntryCache &cache)
        : m_index(index)
        , m_cache(cache)
    {
    }
    enum class Parts { Metadata, All };

    /// Errors: `spool.unknown-entry`, `spool.damaged`, `spool.storage`.
    [[nodiscard]] Result<std::shared_ptr<const Entry>> load(quint64 number, Parts parts) const;

    /// Domains and body of an item, its checksum proved.
    struct RawItem {
        QByteArray domains;
        QByteArray body;
        quint32 bodyCrc = 0;
    };
    [[nodiscard]] Result<RawItem> rawItem(quint64 number, const Record &record) const;
    [[nodiscard]] Result<mail::Content> content(const Record &record) const;
    [[nodiscard]] Result<std::shared_ptr<Entry>> metadata(quint64 number,
                                                          const Record &record) const;

private:
    [[nodiscard]] Result<std::shared_ptr<const Entry>> readEntry(quint64 number, Parts parts) const;

    const Index &m_index;
    EntryCache &m_cache;
};

}  // namespace portcullis::spool
