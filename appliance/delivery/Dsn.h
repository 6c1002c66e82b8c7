// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/Reply.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>

#include <optional>
#include <vector>

/// Delivery status notifications (RFC 3461, RFC 3464, RFC 6533 for UTF-8 addresses).
namespace portcullis::delivery {

enum class DsnAction { Failed, Delayed, Delivered, Relayed };

/// What a DSN says of one recipient.
struct DsnRecipient {
    mail::Recipient recipient;
    DsnAction action = DsnAction::Failed;
    smtp::Reply reply;           ///< The next hop's, or ours.
    bool isFromNextHop = false;  ///< Then it becomes the Diagnostic-Code.
    QByteArray remoteMta;        ///< Host name of the next hop; empty if none answered.
    Clock::WallTime lastAttempt{};
};

struct DsnRequest {
    QByteArray queueId;  ///< Of the message reported on.
    mail::Envelope envelope;
    Clock::WallTime arrival{};
    QByteArray reportingMta;               ///< Our name.
    QByteArray postmaster;                 ///< Mailbox shown for questions and used in From:.
    std::vector<DsnRecipient> recipients;  ///< Those to report on; at least one.
    std::optional<Clock::WallTime> willRetryUntil;  ///< For Delayed.
    qint64 maxReturnedBytes = 64 * 1024;
};

/// Whether the sender wants to hear of this (RFC 3461 §4.1, §5.2): never for a null reverse-path
/// (RFC 5321 §4.5.5), failure and delay unless NOTIFY says otherwise, success only where asked for.
bool wantsDsn(const mail::Envelope &envelope, const mail::Recipient &recipient, DsnAction action);

/// RFC 3463 code for the Status field: the reply's enhanced code if it fits the action, else 2.0.0,
/// 4.0.0 or 5.0.0.
QByteArray dsnStatus(const DsnRecipient &recipient);

/// The report as a message with CRLF line endings: a text for people, message/delivery-status (or
/// message/global-delivery-status), and the message or its header by RET and size.
/// Envelope of the report: null reverse-path to `envelope.sender`.
mail::Content makeDsn(const DsnRequest &request,
                      const mail::Content &original,
                      const QByteArray &dsnQueueId,
                      Clock::WallTime now);

/// RFC 5322 §3.3 date, UTC.
QByteArray dateOf(Clock::WallTime time);

}  // namespace portcullis::delivery
