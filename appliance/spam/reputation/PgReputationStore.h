// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/reputation/ReputationStore.h"
#include "appliance/store/Database.h"

namespace portcullis::spam {

/// Reputations in PostgreSQL: tables reputation_entry and reputation_total.
class PgReputationStore final : public ReputationStore
{
public:
    /// `pool` must outlive the store.
    explicit PgReputationStore(store::DatabasePool &pool);

    Result<qint64> generation() override;
    Result<std::optional<Reputation>> find(const QByteArray &key) override;
    Status add(const std::vector<ReputationChange> &changes) override;
    Status each(const Visitor &visit) override;
    Result<qint64> remove(const QByteArray &prefix) override;
    Result<qint64> removeUnusedSince(qint64 seconds) override;

private:
    template<typename Work>
    auto with(Work work) -> decltype(work(std::declval<store::Database &>(), 0));

    store::DatabasePool &m_pool;
};

}  // namespace portcullis::spam
