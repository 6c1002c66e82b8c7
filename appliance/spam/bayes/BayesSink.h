// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/learning/LearnService.h"
#include "appliance/spam/learning/SaveSchedule.h"
#include "appliance/spam/learning/SnapshotFile.h"
#include "appliance/spam/learning/SnapshotTable.h"

namespace portcullis::spam {

struct BayesSinkSettings {
    ExpirySettings expiry;
    std::chrono::milliseconds saveInterval = std::chrono::seconds(5);  ///< Least between snapshots.
    std::chrono::milliseconds lookInterval = std::chrono::seconds(3);  ///< For changes elsewhere.
    std::chrono::milliseconds useInterval = std::chrono::minutes(10);  ///< When only uses changed.
    std::chrono::milliseconds expiryInterval = std::chrono::hours(1);
    std::chrono::seconds seenLifetime = std::chrono::hours(24 * 365);
};

/// Learns tokens into a store and keeps the snapshot of it: in memory for what it learns itself, read
/// anew when somebody else has learnt.
class BayesSink final : public LearnSink
{
public:
    /// `store` and `clock` outlive the sink.
    BayesSink(BayesStore &store,
              const Clock &clock,
              QString snapshot,
              BayesSinkSettings settings = {});

    Status apply(std::span<const LearnRequest> requests) override;
    Status refresh() override;

private:
    Status look();
    Status reload();
    Status expire();
    Status save();
    void mirror(const BayesChange &change);

    BayesStore &m_store;
    const Clock &m_clock;
    SnapshotFile m_file;
    BayesSinkSettings m_settings;
    SnapshotTable m_table{SnapshotKind::Bayes};
    qint64 m_generation = -1;  ///< Of the store, as the table has it; -1: never read.
    bool m_hasNewCounts = false;
    bool m_hasNewUses = false;
    SaveSchedule m_saves;
    SaveSchedule m_looks;
    SaveSchedule m_useSaves;
    SaveSchedule m_expiries;
};

}  // namespace portcullis::spam
