// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/learning/LearnService.h"
#include "appliance/spam/learning/SaveSchedule.h"
#include "appliance/spam/learning/SnapshotFile.h"
#include "appliance/spam/learning/SnapshotTable.h"
#include "appliance/spam/reputation/ReputationStore.h"

namespace portcullis::spam {

struct ReputationSinkSettings {
    std::chrono::milliseconds saveInterval = std::chrono::seconds(5);
    std::chrono::milliseconds lookInterval = std::chrono::seconds(3);
    std::chrono::milliseconds expiryInterval = std::chrono::hours(1);
    std::chrono::seconds lifetime = std::chrono::hours(24 * 120);  ///< Of an entry without mail.
};

/// Adds scores to a store and keeps the snapshot of it. The last of the sinks: unlike learnt messages a
/// score that is applied twice counts twice.
class ReputationSink final : public LearnSink
{
public:
    /// `store` and `clock` outlive the sink.
    ReputationSink(ReputationStore &store,
                   const Clock &clock,
                   QString snapshot,
                   ReputationSinkSettings settings = {});

    Status apply(std::span<const LearnRequest> requests) override;
    Status refresh() override;

private:
    Status look();
    Status expire();
    Status save();

    ReputationStore &m_store;
    const Clock &m_clock;
    SnapshotFile m_file;
    ReputationSinkSettings m_settings;
    SnapshotTable m_table{SnapshotKind::Reputation};
    qint64 m_generation = -1;
    bool m_hasChanged = false;
    SaveSchedule m_saves;
    SaveSchedule m_looks;
    SaveSchedule m_expiries;
};

/// A reputation as an entry of a snapshot; its sum there in thousandths.
SnapshotSlot slotOfReputation(const QByteArray &key, const Reputation &reputation);
Reputation reputationOfSlot(const SnapshotSlot &slot);

}  // namespace portcullis::spam
