// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/SegmentFile.h"
#include "appliance/spool/Spool.h"

#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace portcullis::spool {

/// Where an entry lies, and what lists need of it: all that is kept in memory for each message of
/// a backlog (F14), below 200 bytes with the orderings.
struct Record {
    qint64 receivedAt = 0;
    qint64 nextAttempt = 0;
    quint64 contentOffset = 0;
    quint64 itemOffset = 0;
    quint32 contentSegment = 0;
    quint32 contentLength = 0;
    quint32 contentCrc = 0;
    quint32 itemSegment = 0;
    quint32 itemBytes = 0;
    quint32 firstSegment = 0;
    quint32 domains = 0;  ///< Of the index's table of names.
    Stage stage = Stage::Deliverable;
    mail::Direction direction = mail::Direction::In;

    [[nodiscard]] ContentPlace contentPlace() const
    {
        return {contentSegment, contentOffset, contentLength, contentCrc};
    }
    static Record of(const ItemHead &head, quint64 segment, qint64 itemOffset);
};

/// Each text once, counted; a number stands for it.
class NameTable
{
public:
    quint32 acquire(const QByteArray &name);
    void release(quint32 number);
    [[nodiscard]] const QByteArray &name(quint32 number) const { return m_slots[number].name; }

private:
    struct Slot {
        QByteArray name;
        quint32 uses = 0;
    };
    std::unordered_map<QByteArray, quint32> m_numbers;
    std::vector<Slot> m_slots;
    std::vector<quint32> m_free;
};

/// What is in the queue, and which segments are needed for it. Thread-safe.
class Index
{
public:
    /// After a commit: an entry as it is now, or its removal (no record).
    struct Update {
        quint64 number = 0;
        std::optional<Record> record;
        QByteArray domains;
    };
    /// Applies all at once, and tells what changed for subscribers if `wantsChanges`.
    std::vector<Change> apply(std::span<const Update> updates, bool wantsChanges);

    [[nodiscard]] std::optional<Record> find(quint64 number) const;
    [[nodiscard]] std::optional<EntrySummary> summary(quint64 number) const;
    [[nodiscard]] Page list(Stage stage,
                            const Cursor &after,
                            int limit,
                            std::optional<qint64> dueUntil) const;
    [[nodiscard]] std::vector<ShapeRow> shape(Stage stage, qint64 now, int maxRows) const;
    void count(SpoolStatistics &statistics) const;

    /// @name Segments
    /// @{
    void addSegment(std::shared_ptr<SegmentFile> file, bool isActive);
    void noteUsed(quint64 segment, qint64 usedBytes, bool isActive);
    /// A removal was written to `segment`, needed while a segment from `first` on is there.
    void noteRemoval(quint64 segment, quint64 first);
    void sealSegment(quint64 segment);
    /// The removals in `segment` were written again to a newer one.
    void forgetRemovals(quint64 segment);
    [[nodiscard]] std::shared_ptr<SegmentFile> segment(quint64 number) const;
    /// A sealed segment that holds nothing needed; forget it once it is unlinked.
    [[nodiscard]] std::optional<quint64> deletable() const;
    void forgetSegment(quint64 number);
    /// The sealed segment with the smallest live share below `percent`.
    [[nodiscard]] std::optional<quint64> sparsest(int percent) const;
    [[nodiscard]] std::vector<quint64> entriesIn(quint64 segment) const;
    [[nodiscard]] bool hasSegmentIn(quint64 from, quint64 before) const;
    /// @}

private:
    struct SegmentUse {
        std::shared_ptr<SegmentFile> file;
        qint64 usedBytes = 0;
        qint64 liveBytes = 0;
        qint64 references = 0;
        quint64 oldestRemoval = std::numeric_limits<quint64>::max();
        bool isActive = false;
    };
    using Due = std::pair<qint64, quint64>;
    struct StageList {
        std::set<Due> entries;
        qint64 bytes = 0;
    };
    void link(quint64 number, const Record &record, qint64 sign);
    void reference(const Record &record, qint64 sign);
    [[nodiscard]] EntrySummary summaryOf(quint64 number, const Record &record) const;
    [[nodiscard]] bool isNeeded(quint64 number, const SegmentUse &use) const;
    [[nodiscard]] bool isRemovalNeeded(quint64 number, const SegmentUse &use) const;
    StageList &stageList(Stage stage) { return m_stages[static_cast<size_t>(stage)]; }

    mutable std::shared_mutex m_mutex;
    std::unordered_map<quint64, Record> m_records;
    std::array<StageList, stageCount> m_stages;
    std::map<quint64, SegmentUse> m_segments;
    NameTable m_names;
};

}  // namespace portcullis::spool
