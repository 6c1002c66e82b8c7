// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/EntryStore.h"
#include "appliance/spool/Preparation.h"

#include <unordered_map>
#include <vector>

namespace portcullis::spool {

/// One item on its way to disk, and what the index is to know afterwards.
struct StagedItem {
    ItemHead head;  ///< Place of the content and firstSegment are filled in when it is appended.
    QByteArray domains;
    QByteArray body;
    int content = -1;  ///< Index into StagedFrame::contents; -1: head.content is it.
    std::shared_ptr<const Entry> entry;  ///< For the cache; may be null.
    qint64 offset = 0;                   ///< In the segment, once appended.
};

/// One transaction as it will be written.
struct StagedFrame {
    std::vector<StagedItem> items;
    std::vector<NewContent> contents;
    quint64 segment = 0;        ///< Once appended.
    bool isRelocation = false;  ///< Nothing changes but the place: nobody is told.

    [[nodiscard]] qint64 itemBytes() const;
    [[nodiscard]] qint64 size() const;
    [[nodiscard]] Record recordOf(const StagedItem &item) const
    {
        return Record::of(item.head, segment, item.offset);
    }
};

/// Turns prepared transactions into frames, one after the other, on top of what the queue holds and
/// what the batch under way will add to it. Used by the committer only.
class Stager
{
public:
    Stager(const Index &index, const EntryStore &store)
        : m_index(index)
        , m_store(store)
    {
    }
    /// Errors: `spool.unknown-entry`, `spool.invalid`, `spool.damaged`, `spool.storage`.
    Result<StagedFrame> stage(Prepared &prepared);

    /// The frame was appended to the batch: what follows builds on it.
    void accept(const StagedFrame &frame);
    /// The batch is in the index now, or has failed.
    void endBatch() { m_batch.clear(); }

private:
    struct Known {
        std::shared_ptr<const Entry> entry;  ///< Null: in the cache or on disk.
        std::optional<Record> record;        ///< Nothing: not, or no longer, in the queue.
    };
    struct Working {
        quint64 number = 0;
        std::shared_ptr<Entry> entry;
        std::optional<Record> before;
        QByteArray domains;
        QByteArray body;
        quint32 bodyCrc = 0;
        int content = -1;
        ContentPlace place;
        bool isNew = false;
        bool isRemoved = false;
        bool needsEncoding = true;
    };
    [[nodiscard]] Known known(quint64 number) const;
    Working *working(quint64 number);
    Result<Working *> workingEntry(quint64 number);
    Status add(Prepared::Change &change);
    Status shareContentOf(Working &added, quint64 number);
    void remove(quint64 number);
    Status apply(Entry &entry, Transaction::Action &action);
    StagedItem itemOf(Working &work) const;

    const Index &m_index;
    const EntryStore &m_store;
    std::unordered_map<quint64, Known> m_batch;
    std::vector<Working> m_working;  ///< Of the transaction being staged.
    std::unordered_map<quint64, size_t> m_places;
};

}  // namespace portcullis::spool
