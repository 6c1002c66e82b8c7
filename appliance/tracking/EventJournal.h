// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/TrackingEvent.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <atomic>
#include <chrono>
#include <memory>

namespace portcullis::tracking {

/// Bounds of the journal. Mail never waits for it: where a bound is met, the oldest events go and
/// are counted.
struct JournalLimits {
    qint64 segmentBytes = 16LL << 20;  ///< A file is closed at this size. 64 KiB … 256 MiB.
    qint64 totalBytes = 1LL
                        << 30;  ///< All files together; a weekend without database. ≥ 2 segments.
    qint64 bufferBytes = 8LL << 20;  ///< Memory for events the disk does not take. 64 KiB … 64 MiB.
    std::chrono::milliseconds flushInterval{50};  ///< Longest stay in memory. 1 ms … 1 s.
};

/// Takes tracking events from any thread and appends them to segment files, from where the store
/// writer moves them to the database.
///
/// append() costs the caller an encoding and a short lock; a thread of the journal's own writes.
/// Events are written but not flushed to stable storage: a power cut costs the last moments of
/// tracking, never mail. A crash of the process costs at most `flushInterval`.
///
/// Each start begins a new segment; `NUMBER-IDENTITY.events`, where IDENTITY is random, so that
/// "how far has this been stored" stays true whatever happens to clocks and folders.
class EventJournal
{
public:
    /// Opens the journal in `folder` (made if missing) and locks it against a second writer.
    /// Errors: `tracking.journal-busy` (permanent), `tracking.journal-open` (transient).
    static Result<std::unique_ptr<EventJournal>> open(const QString &folder,
                                                      JournalLimits limits = {});
    ~EventJournal();  ///< Writes what is buffered.
    EventJournal(const EventJournal &) = delete;
    EventJournal &operator=(const EventJournal &) = delete;

    /// Writes the log line and queues the event. Never fails and never blocks on disk. Thread-safe.
    /// `at` is set to now if it is the epoch; an empty queue id is replaced by makeRefusalId().
    void append(TrackingEvent event);

    /// Has everything appended so far written to the file before it returns. Thread-safe.
    void flush();

    /// Number of the segment being written: readers must not take its end for damage. Thread-safe.
    [[nodiscard]] quint64 activeSegment() const;
    /// Events lost to the bounds since the journal was opened. Thread-safe.
    [[nodiscard]] quint64 droppedEvents() const;

private:
    class Writer;
    explicit EventJournal(std::unique_ptr<Writer> writer);
    std::unique_ptr<Writer> m_writer;
};

}  // namespace portcullis::tracking
