// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Content.h"
#include "appliance/mail/Envelope.h"
#include "appliance/verdict/Verdict.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>
#include <QtCore/QString>

#include <compare>
#include <vector>

namespace portcullis::quarantine {

using verdict::QuarantineKind;

/// "spam", "virus", "attachment", "failure".
const char *nameOf(QuarantineKind kind);
Result<QuarantineKind> quarantineKindOf(QByteArrayView nameOrLetter);

/// Names one recipient's entry: the node that holds it, the mail there, and a random ticket so
/// that ids cannot be guessed from each other.
struct EntryId {
    int cid = 1;
    qint64 rid = 0;
    qint64 ticket = 0;

    [[nodiscard]] QString toString() const;  ///< "C1R42T7719"
    /// Errors: `quarantine.entry-id` (permanent).
    static Result<EntryId> parse(QStringView text);

    friend auto operator<=>(const EntryId &, const EntryId &) = default;
};

/// A message to keep. `key` makes storing it twice the same as storing it once.
struct NewEntry {
    QByteArray key;      ///< Unique on this node: the spool entry's id.
    QByteArray queueId;  ///< Of the message, for tracking.
    QuarantineKind kind = QuarantineKind::Spam;
    mail::Direction direction = mail::Direction::In;
    Clock::WallTime receivedAt{};
    QByteArray sender;                   ///< Reverse-path; empty is the null path.
    std::vector<QByteArray> recipients;  ///< One entry each.
    QString subject;                     ///< Decoded, for lists.
    QString fromHeader;
    int spamLevel = 0;
    QString virus;
    QString rule;
    QJsonObject evidence;
    mail::Content content;
};

/// What has become of an entry. Both ends keep the mail until its lifetime is over.
enum class EntryStatus : char { New = 'N', Delivered = 'D', Deleted = 'X' };

/// One recipient's entry as lists show it.
struct Entry {
    EntryId id;
    QString queueId;
    QuarantineKind kind = QuarantineKind::Spam;
    mail::Direction direction = mail::Direction::In;
    Clock::WallTime receivedAt{};
    QString sender;
    QString recipient;
    QString mailbox;  ///< Whose quarantine it is: the recipient in lower case.
    QString subject;
    QString fromHeader;
    QString messageId;
    qint64 size = 0;
    int spamLevel = 0;
    QString virus;
    QString rule;
    QJsonObject evidence;  ///< Only from entry(), not in lists.
    EntryStatus status = EntryStatus::New;
    bool isSeen = false;
};

/// The Message-ID field's value (RFC 5322 §3.6.4) from the head of a message, without folding;
/// empty if there is none. Looks at no more than the first 256 KiB.
QByteArray messageIdOf(QByteArrayView message);

}  // namespace portcullis::quarantine
