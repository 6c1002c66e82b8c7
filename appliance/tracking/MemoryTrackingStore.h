// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/TrackingStore.h"

#include <map>
#include <mutex>

namespace portcullis::tracking {

/// TrackingStore for tests and dry runs: keeps everything, forgets it at the end. Thread-safe.
class MemoryTrackingStore final : public TrackingStore
{
public:
    Status append(const std::vector<TrackingEvent> &events,
                  const std::optional<JournalMark> &mark) override;
    Result<JournalMark> progress(const JournalMark &segment) override;
    Status forget(const JournalMark &segment) override;
    Result<std::vector<MailRow>> rows(const MailQuery &query) override;
    Result<std::vector<StoredEvent>> events(const QString &queueId) override;
    Result<qint64> purge(Clock::WallTime before, int limit) override;

    /// Makes every further call fail, as a database that is away would; nullopt: works again.
    void failWith(std::optional<Error> error);
    [[nodiscard]] qsizetype eventCount() const;

private:
    mutable std::mutex m_mutex;
    std::optional<Error> m_failure;
    std::vector<StoredEvent> m_events;
    std::map<std::pair<QString, QString>, MailRow> m_rows;  ///< By queue id and recipient.
    std::map<quint64, JournalMark> m_marks;                 ///< By identity.
};

}  // namespace portcullis::tracking
