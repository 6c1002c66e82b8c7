// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/Greylist.h"
#include "appliance/store/Database.h"

namespace portcullis::policy::greylist {

/// Triplets in PostgreSQL: tables greylist_triplet and greylist_statistic. Opens the pool's connection
/// of the calling thread with each call, so that it heals by itself.
class PgGreylistStore final : public GreylistStore
{
public:
    /// `pool` must outlive the store.
    explicit PgGreylistStore(store::DatabasePool &pool, GreylistLimits limits = {});

    Status load(Clock::WallTime now, const Visitor &visit) override;
    Status loadChanges(Clock::WallTime since, const Visitor &visit) override;
    Result<Clock::WallTime> now() override;
    Status write(const std::vector<StoredTriplet> &triplets,
                 const std::vector<RejectCount> &rejects) override;
    Result<bool> purge(Clock::WallTime now) override;
    Result<std::vector<RejectCount>> rejects(Clock::WallTime from) override;

private:
    /// Runs `work(database, cid)` and makes whatever fails `greylist.unavailable`.
    template<typename Work>
    auto with(Work work) -> decltype(work(std::declval<store::Database &>(), 0));

    store::DatabasePool &m_pool;
    GreylistLimits m_limits;
};

/// The usual factory: PostgreSQL, with a connection of the writer's own.
Greylist::StoreFactory postgresStore(std::shared_ptr<store::DatabasePool> pool,
                                     GreylistLimits limits = {});

}  // namespace portcullis::policy::greylist
