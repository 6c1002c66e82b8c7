// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/store/Database.h"

namespace portcullis::quarantine {

/// QuarantineStore on PostgreSQL (migration 0011). Uses the calling thread's connection of the
/// pool, which must outlive it. A schema that is missing or too old counts as
/// `quarantine.unavailable`: mail waits in the spool until somebody has brought it up to date.
class PgQuarantineStore final : public QuarantineStore
{
public:
    explicit PgQuarantineStore(store::DatabasePool &pool);

    Status insert(const std::vector<NewEntry> &entries) override;
    Result<std::vector<Entry>> list(const EntryQuery &query) override;
    Result<Entry> entry(const EntryId &id) override;
    Result<QByteArray> content(const EntryId &id) override;
    Status mark(const std::vector<EntryId> &ids, EntryMark mark, const QString &who) override;
    Result<int> purge(const PurgeBounds &bounds, int limit) override;
    Result<std::vector<KindCount>> counts() override;

private:
    store::DatabasePool &m_pool;
};

}  // namespace portcullis::quarantine
