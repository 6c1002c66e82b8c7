// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/verdict/SessionEvidence.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>

#include <vector>

/// The durable queue: what was answered with 250 and has not left yet. Independent of PostgreSQL.
namespace portcullis::spool {

/// What is to happen to an entry next. The numbers are on disk.
enum class Stage : quint8 {
    Unfiltered = 0,   ///< Accepted, waits for the filter (after-queue).
    Deliverable = 1,  ///< Waits for delivery.
    Quarantine = 2,   ///< Judged; waits to be moved to the quarantine store.
    Held = 3          ///< Waits for a person: hold by an administrator, or a poison message.
};
constexpr int stageCount = 4;

/// "unfiltered", "deliverable", "quarantine", "held"; as `pmgqueue` and JSON write it.
[[nodiscard]] QByteArray nameOf(Stage stage);

enum class RecipientState : quint8 { Pending = 0, Delivered = 1, Failed = 2 };
[[nodiscard]] QByteArray nameOf(RecipientState state);

/// How far one recipient of an entry is.
struct RecipientProgress {
    RecipientState state = RecipientState::Pending;
    quint32 attempts = 0;
    Clock::WallTime lastAttempt{};  ///< Epoch: never tried.
    QByteArray lastReply;           ///< Reply::toLine() of the next hop, or our own reason.
    QByteArray nextHop;             ///< "mx.example.org[192.0.2.1]:25" of the last attempt.
    bool isDelayReported = false;   ///< The delay warning was queued (RFC 3461 §5.2.8).

    friend bool operator==(const RecipientProgress &, const RecipientProgress &) = default;
};

/// One line of what was tried, for `pmgqueue show`.
struct HistoryLine {
    Clock::WallTime time{};
    QByteArray text;

    friend bool operator==(const HistoryLine &, const HistoryLine &) = default;
};

/// One message in the queue. A plain value; what the spool holds changes through a Transaction only.
struct Entry {
    QByteArray id;  ///< From Spool::nextQueueId().
    Stage stage = Stage::Deliverable;
    Stage heldFrom = Stage::Deliverable;  ///< Where release() leads back to; only while Held.
    mail::Direction direction = mail::Direction::In;
    mail::Client client;
    mail::Envelope envelope;
    std::vector<RecipientProgress> progress;  ///< One for each envelope.recipients, same order;
                                              ///< may be left empty when adding: all Pending.
    Clock::WallTime receivedAt{};
    Clock::WallTime nextAttempt{};  ///< Not before this time; the epoch means at once.
    quint32 filterAttempts = 0;     ///< Started, not finished; persisted before the work starts.
    QByteArray origin;              ///< Who queued it: "smtp", "bcc", "notification", "bounce" …
    QByteArray note;                ///< Opaque to the spool, e.g. the quarantine item as JSON.
    QByteArray reason;              ///< Why it waits, for people ("4.4.1 connection refused").
    std::vector<HistoryLine> history;  ///< The newest lines; older ones are forgotten.
    verdict::SessionEvidence session;  ///< For the filter; kept while Unfiltered.
    mail::Content content;
};

/// What lists and change feeds tell of an entry without reading it from disk.
struct EntrySummary {
    QByteArray id;
    Stage stage = Stage::Deliverable;
    mail::Direction direction = mail::Direction::In;
    Clock::WallTime receivedAt{};
    Clock::WallTime nextAttempt{};
    qint64 size = 0;     ///< Bytes of the content.
    QByteArray domains;  ///< Domains of the pending recipients, lower case, space between.
};

/// Bounds of what one entry may hold; longer values are cut when they are committed.
struct EntryLimits {
    static constexpr int replyBytes = 2048;     ///< lastReply, nextHop, reason: hostile peers.
    static constexpr int historyLines = 32;     ///< Twice the attempts of five days' backoff.
    static constexpr int historyBytes = 1024;   ///< A line.
    static constexpr int recipients = 100'000;  ///< Above any sensible recipient limit.
    static constexpr int noteBytes = 16 * 1024 * 1024;  ///< Evidence is far smaller.
};

}  // namespace portcullis::spool
