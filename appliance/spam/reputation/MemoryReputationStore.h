// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/reputation/ReputationStore.h"

#include <map>

namespace portcullis::spam {

/// Reputations in memory, for tests.
class MemoryReputationStore final : public ReputationStore
{
public:
    Result<qint64> generation() override { return m_generation; }
    Result<std::optional<Reputation>> find(const QByteArray &key) override;
    Status add(const std::vector<ReputationChange> &changes) override;
    Status each(const Visitor &visit) override;
    Result<qint64> remove(const QByteArray &prefix) override;
    Result<qint64> removeUnusedSince(qint64 seconds) override;

private:
    qint64 m_generation = 0;
    std::map<QByteArray, Reputation> m_entries;
};

}  // namespace portcullis::spam
