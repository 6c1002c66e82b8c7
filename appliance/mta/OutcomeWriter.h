// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mta/Services.h"
#include "appliance/verdict/Verdict.h"

#include <chrono>

namespace portcullis::mta {

/// What the filter's answer means for the queue: the entries to store, and the events to track once
/// they are stored. Plain values: the caller commits and reports.
struct Outcome {
    spool::Transaction transaction;
    std::vector<tracking::TrackingEvent> events;
    QString blockingRule;       ///< Of the first recipient, if all are blocked.
    QByteArray blockingReply;   ///< What to tell the client then; empty: our usual words.
    bool isAllBlocked = false;  ///< No recipient gets the message, not even in quarantine.
    bool hasQuarantine = false;
};

/// Turns a verdict into an Outcome. `existingId` names the spool entry that already holds the
/// message (after-queue): its content is shared, and it is removed in the same transaction.
/// With `ndr_on_block`, blocked recipients of an accepted message cause a DSN to the sender.
Outcome outcomeOf(const Services &services,
                  const verdict::FilterRequest &request,
                  const verdict::FilterResponse &response,
                  std::chrono::milliseconds filterTime,
                  const QByteArray &existingId = {});

/// The outcome of a message over which the filter crashed or hung twice: kept whole in the
/// quarantine as 'filter failure', for a person to look at (F9).
Outcome filterFailureOutcome(const Services &services,
                             const verdict::FilterRequest &request,
                             const QByteArray &existingId = {});

/// A spool entry for a message as it came in.
spool::Entry entryOf(const verdict::FilterRequest &request, spool::Stage stage);

/// The tracking event for an entry that was taken into the queue; `size` counts its content.
tracking::TrackingEvent acceptedEvent(const spool::Entry &entry, qint64 size);

/// "192.0.2.1[name]" as tracking shows clients.
QByteArray clientText(const mail::Client &client);

}  // namespace portcullis::mta
