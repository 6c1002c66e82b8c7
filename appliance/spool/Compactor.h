// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/EntryStore.h"
#include "appliance/spool/Folder.h"
#include "appliance/spool/Stager.h"

#include <future>
#include <optional>
#include <vector>

namespace portcullis::spool {

/// Moves what is still needed out of segments that hold little else, a bounded step at a time, so
/// that they can be deleted. Used by the committer between batches; only the planning, which reads a
/// whole segment, runs in a thread of its own.
class Compactor
{
public:
    Compactor(Folder &folder,
              const Index &index,
              const EntryStore &store,
              const SpoolSettings &settings);
    ~Compactor();
    Q_DISABLE_COPY_MOVE(Compactor)

    /// A frame to append, or nothing to do now. The entries are in the newest segment afterwards.
    std::optional<StagedFrame> nextStep();
    /// The segment that was finished by the last step, once: its removals are needed no more as soon
    /// as that step is written.
    std::optional<quint64> takeFinished() { return std::exchange(m_finished, {}); }
    /// A step could not be written; start over another time.
    void abandon();
    [[nodiscard]] bool isBusy() const { return m_plan.has_value() || m_planning.valid(); }

private:
    struct Removal {
        quint64 number = 0;
        quint64 firstSegment = 0;
    };
    struct Plan {
        quint64 segment = 0;
        std::vector<quint64> entries;
        std::vector<Removal> removals;  ///< Needed while older segments are there.
    };
    [[nodiscard]] Plan makePlan(quint64 segment) const;
    bool preparePlan();
    void addRemovals(StagedFrame &frame);
    void addEntry(StagedFrame &frame, quint64 number);
    std::optional<StagedItem> relocated(StagedFrame &frame, quint64 number, Record record);
    std::optional<StagedItem> withoutContent(quint64 number, const Record &record);
    void setAside(quint64 number,
                  quint64 segment,
                  quint64 offset,
                  quint64 length,
                  const QString &reason);

    Folder &m_folder;
    const Index &m_index;
    const EntryStore &m_store;
    const SpoolSettings &m_settings;
    std::future<Plan> m_planning;
    std::optional<Plan> m_plan;
    std::optional<quint64> m_finished;
    std::vector<std::pair<quint64, int>> m_moved;  ///< Shared contents: old offset, index in frame.
};

}  // namespace portcullis::spool
