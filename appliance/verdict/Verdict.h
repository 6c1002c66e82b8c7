// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/verdict/SessionEvidence.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QString>

#include <vector>

/// What pmg-smtpd asks pmg-smtp-filter about a message, and what it is told: the private typed
/// protocol between session and filter. No second SMTP hop lies between them.
namespace portcullis::verdict {

/// One message to be judged. `content` starts with our own trace fields: Received, above it
/// Received-SPF where SPF was checked.
struct FilterRequest {
    QByteArray queueId;
    mail::Direction direction = mail::Direction::In;
    mail::Client client;
    mail::Envelope envelope;
    Clock::WallTime receivedAt{};
    SessionEvidence session;  ///< What the checks before DATA found.
    bool isAccepted = false;  ///< The client was told 250: nobody is left to refuse it to.
    bool isDryRun = false;    ///< Explain, store nothing, notify nobody (`pmgrule test`).
    mail::Content content;
};

/// What happened to one recipient's copy.
enum class Fate : quint8 { Delivered = 0, Quarantined = 1, Blocked = 2 };

struct RecipientFate {
    mail::Address recipient;
    Fate fate = Fate::Delivered;
    QString rule;        ///< The rule whose final action decided; "default-accept" if none did.
    QString reason;      ///< One sentence for people: what matched and why.
    QByteArray reply{};  ///< Blocked: what the sender's server is told; empty: our usual words.
};

/// Why a message leaves the filter towards the delivery queue.
enum class Origin : quint8 { Original = 0, Bcc = 1, Notification = 2 };

/// A message to queue for delivery. `content` indexes FilterResponse::contents.
struct OutgoingMessage {
    Origin origin = Origin::Original;
    mail::Envelope envelope;
    quint32 content = 0;
};

enum class QuarantineKind : char { Spam = 'S', Virus = 'V', Attachment = 'A', FilterFailure = 'F' };

/// A message to keep in the quarantine, one entry a recipient.
struct QuarantineItem {
    QuarantineKind kind = QuarantineKind::Spam;
    mail::Address sender;
    std::vector<mail::Address> recipients;
    quint32 content = 0;
    int spamLevel = 0;
    QString virus;
    QString rule;
    QString subject;  ///< Decoded, for lists.
    QString fromHeader;
    QJsonObject evidence;
};

/// The filter's answer. `contents[0]` is always the message as it came; it travels as an empty
/// Content and the receiver puts its own in its place.
struct FilterResponse {
    std::vector<mail::Content> contents;
    std::vector<OutgoingMessage> outgoing;
    std::vector<QuarantineItem> quarantined;
    std::vector<RecipientFate> fates;  ///< One for each recipient of the request, in its order.
    QJsonObject evidence;     ///< Virus, spam hits with points, defects, times; kept for tracking.
    QJsonObject explanation;  ///< Only after a dry run: every rule tried and why it (not) matched.
};

}  // namespace portcullis::verdict
