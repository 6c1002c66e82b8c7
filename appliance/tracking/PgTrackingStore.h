// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/store/Database.h"
#include "appliance/tracking/TrackingStore.h"

namespace portcullis::tracking {

/// TrackingStore on PostgreSQL (migration 0010). Uses the calling thread's connection of the pool,
/// which must outlive it. A schema that is missing or too old counts as `tracking.unavailable`:
/// events wait on disk until somebody has brought it up to date.
class PgTrackingStore final : public TrackingStore
{
public:
    explicit PgTrackingStore(store::DatabasePool &pool);

    Status append(const std::vector<TrackingEvent> &events,
                  const std::optional<JournalMark> &mark) override;
    Result<JournalMark> progress(const JournalMark &segment) override;
    Status forget(const JournalMark &segment) override;
    Result<std::vector<MailRow>> rows(const MailQuery &query) override;
    Result<std::vector<StoredEvent>> events(const QString &queueId) override;
    Result<qint64> purge(Clock::WallTime before, int limit) override;

private:
    store::DatabasePool &m_pool;
};

}  // namespace portcullis::tracking
