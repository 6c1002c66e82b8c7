// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/JournalReader.h"
#include "appliance/tracking/TrackingEvent.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <optional>
#include <vector>

namespace portcullis::tracking {

/// First letter of the tracking centre: what became of the mail here. Stored; values are fixed.
enum class MailStatus : char {
    Pending = 'P',   ///< Accepted, not yet filtered.
    Accepted = 'A',  ///< By the filter.
    Blocked = 'B',
    Quarantined = 'Q',
    Refused = 'N',
    Greylisted = 'G'
};

/// Second letter: how delivery goes on. The digits are RFC 3463 classes.
enum class DeliveryStatus : char {
    None = '-',
    Sent = '2',
    Deferred = '4',
    Bounced = '5',  ///< Or expired.
    Held = 'H',
    Released = 'R',  ///< From quarantine.
    Deleted = 'D'
};

/// One mail and recipient: a row of the tracking centre.
struct MailRow {
    int cid = 1;
    QString queueId;
    QString recipient;
    Clock::WallTime receivedAt{};
    Clock::WallTime updatedAt{};
    mail::Direction direction = mail::Direction::In;
    QString sender;
    QString client;
    qint64 size = 0;
    MailStatus status = MailStatus::Pending;
    DeliveryStatus delivery = DeliveryStatus::None;
    int spamLevel = 0;
    QString virus;
    QString rule;
    QString reason;
    QString nextHop;
    QString reply;  ///< The last one that matters: ours if refused, else the next hop's.
};

/// An event as it is stored: text has become valid Unicode.
struct StoredEvent {
    int cid = 1;
    qint64 rid = 0;
    TrackingEvent event;
};

/// Where one page of rows ended; ask with it for the next.
struct MailCursor {
    Clock::WallTime receivedAt{};
    int cid = 0;
    QString queueId;
    QString recipient;
};

/// Which rows to show, newest first. Empty texts match all; texts match parts, ignoring case.
struct MailQuery {
    Clock::WallTime since{};
    std::optional<Clock::WallTime> until;  ///< Exclusive.
    QString queueId;                       ///< Exact.
    QString sender;
    QString recipient;
    bool hidesNullSender = false;
    bool hidesGreylisted = false;
    int limit = 2000;  ///< 1 … 10000.
    std::optional<MailCursor> after;
};

/// Keeps the events and the rows folded from them. One writer, the store writer's thread.
///
/// Errors: `tracking.unavailable` (transient): the database cannot be reached or is busy; try later.
/// `tracking.unstorable` (permanent): this batch cannot be stored, trying again is of no use.
class TrackingStore
{
public:
    virtual ~TrackingStore() = default;

    /// Stores the events and the mark together, or nothing: after a crash between commit and the
    /// removal of the segment the mark tells what is stored already.
    virtual Status append(const std::vector<TrackingEvent> &events,
                          const std::optional<JournalMark> &mark) = 0;

    /// How much of the segment is stored; offset 0 if nothing is.
    virtual Result<JournalMark> progress(const JournalMark &segment) = 0;
    /// The segment is gone from disk; its mark is no longer needed.
    virtual Status forget(const JournalMark &segment) = 0;

    virtual Result<std::vector<MailRow>> rows(const MailQuery &query) = 0;
    /// All steps of one mail in the order of their time.
    virtual Result<std::vector<StoredEvent>> events(const QString &queueId) = 0;

    /// Removes rows and events older than `before`, at most `limit` of each; says how many rows
    /// went in all. Call until it gives 0.
    virtual Result<qint64> purge(Clock::WallTime before, int limit = 5000) = 0;
};

}  // namespace portcullis::tracking
