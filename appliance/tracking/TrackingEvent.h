// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"
#include "appliance/verdict/Verdict.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QString>

#include <chrono>
#include <optional>
#include <vector>

namespace portcullis::tracking {

/// What happened to a message. The numbers are stored on disk and in the database: never reuse one.
enum class EventKind : quint8 {
    Refused = 1,      ///< A command was refused: no message came of it, or not for this recipient.
    Accepted = 2,     ///< We answered 250 to the end of data; one event with all recipients.
    Filtered = 3,     ///< The filter's verdict; `recipients` are those whose copy goes on.
    Quarantined = 4,  ///< These recipients' copy was kept back.
    Blocked = 5,      ///< These recipients' copy was dropped or refused by a rule.
    Delivered = 6,    ///< The next hop took the message for these recipients.
    Deferred = 7,     ///< A try failed for now; another follows.
    Bounced = 8,      ///< Refused for good by the next hop; the sender was told if he can be.
    Delayed = 9,      ///< The sender was warned that delivery takes long (`dwarning`).
    Expired = 10,     ///< The lifetime in the queue ended without delivery.
    Held = 11,        ///< Stopped by an administrator or as a poison message.
    Released = 12,    ///< A quarantine entry was sent on; queue id is that of the quarantined mail.
    Deleted = 13,     ///< A quarantine entry or a queued message was deleted by hand.
    Notification = 14,  ///< A notification or DSN was queued; `recipients` are told.
    Bcc = 15            ///< A copy was queued for these recipients by a rule.
};
constexpr quint8 lastEventKind = 15;

/// "delivered": the word used in log lines ("tracking.delivered"), in the database's view and by
/// pmgtrack. nullopt for a number that this release does not know.
const char *nameOf(EventKind kind);
std::optional<EventKind> eventKindOf(quint8 number);

/// One step of one message. Fields that the kind does not need stay empty.
///
/// Bytes that came from outside stay bytes here, whatever they hold; stores make text of them.
struct TrackingEvent {
    Clock::WallTime at{};
    EventKind kind = EventKind::Refused;
    mail::Direction direction = mail::Direction::In;
    QByteArray queueId;  ///< Empty for a refusal before any message: the journal then invents one.
    QByteArray client;   ///< Address of the SMTP client, "192.0.2.1"; "[name]" may follow.
    QByteArray sender;   ///< Reverse-path; empty is the null path.
    std::vector<QByteArray> recipients;  ///< All for whom this step had this same outcome.
    qint64 size = 0;                     ///< Bytes of the message.
    QByteArray nextHop;                  ///< "mx.example.net[192.0.2.7]:25"
    QByteArray reply;  ///< "550 5.7.1 text": ours if refused, else the next hop's.
    QByteArray tls;    ///< "TLSv1.3 TLS_AES_256_GCM_SHA384 256"; empty: plain.
    QString rule;      ///< The rule that decided.
    QString reason;    ///< One sentence for people.
    int spamLevel = 0;
    QString virus;
    std::chrono::milliseconds duration{0};  ///< Filtered: time in the filter. Delivered: delay.
    QJsonObject detail;                     ///< Evidence and whatever else is worth keeping.

    friend bool operator==(const TrackingEvent &, const TrackingEvent &) = default;
};

/// The steps that a filter's answer stands for: one Filtered for each group of recipients with the
/// same rule and reason (the first carries spam level, virus and evidence, and is there even if no
/// recipient is left), then Quarantined and Blocked by group, then Bcc and Notification.
std::vector<TrackingEvent> eventsOf(const verdict::FilterRequest &request,
                                    const verdict::FilterResponse &response,
                                    Clock::WallTime at,
                                    std::chrono::milliseconds duration);

/// A name for a refusal that has no queue id, unique on this node: "T<hex time>L<hex count>".
QByteArray makeRefusalId(Clock::WallTime at);

/// Writes the event as one log line with its queue id ("tracking.delivered Q: to=… relay=…").
void writeLogLine(const TrackingEvent &event);

}  // namespace portcullis::tracking
