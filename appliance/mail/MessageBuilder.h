// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/mail/Content.h"
#include "shared/base/Clock.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <utility>
#include <vector>

namespace portcullis::mail {

/// A body part to be written: complete header fields and an encoded body.
struct WrittenPart {
    QByteArray header;  ///< Fields, each with its CRLF; no empty line.
    QByteArray body;
};

/// A mail that we write ourselves: notification, report, DSN. Always without a reply from robots in
/// mind (RFC 3834): Auto-Submitted is set, and the caller sends it from the null reverse-path or
/// from an address that does not answer.
struct NewMessage {
    QString fromName;  ///< Display name; may be empty.
    Address from;
    std::vector<Address> to;
    QString subject;
    QString body;  ///< text/plain, UTF-8; any line endings.
    Clock::WallTime date;
    QByteArray messageId;  ///< Without brackets; empty: one is made from `from`'s domain.
    QByteArray autoSubmitted = "auto-generated";
    std::vector<std::pair<QByteArray, QString>> extraFields;
    std::vector<WrittenPart> attachments;
};

/// An address has a local part outside of ASCII, so every next hop must announce SMTPUTF8.
bool needsSmtpUtf8(const NewMessage &message);

/// The octets of the message. Header and body need SMTPUTF8 only where an address does
/// (needsSmtpUtf8()); all other text is encoded, so that every next hop takes it.
Content build(const NewMessage &message);
/// The same with `multipart/<subtype>; <parameters>` around body and attachments, e.g.
/// `report`, `report-type=delivery-status` for RFC 3462.
Content build(const NewMessage &message, const QByteArray &subtype, const QByteArray &parameters);

/// A message as attachment, byte for byte: message/rfc822, or message/global where its header is not
/// ASCII (RFC 6532 §3.7). 8bit where it holds octets above 127.
WrittenPart attachMessage(const Content &original,
                          const QByteArray &fileName = "original_message.eml");
/// A text as attachment or body, in the shortest encoding that keeps lines within RFC 5322 §2.1.1.
WrittenPart textPart(const QString &text,
                     const QByteArray &type = "text/plain",
                     const QString &fileName = {});

/// A boundary that occurs nowhere else: 128 random bits.
QByteArray makeBoundary();

/// One header field with its CRLF: name, folded value, RFC 2047 where needed. Line breaks in the
/// value fold it; NUL and other controls become spaces.
QByteArray writeField(QByteArrayView name, const QString &value);
/// A field whose value is already in header syntax (addresses, dates, parameters); control
/// characters are dropped, it is folded at spaces only.
QByteArray writeStructuredField(QByteArrayView name, QByteArrayView value);
/// RFC 5322 §3.3 date in UTC.
QByteArray writeDate(Clock::WallTime time);
/// `"Name" <address>`, the name encoded where needed.
QByteArray writeMailbox(const QString &name, const Address &address);
/// HTML as plain text: tags dropped, entities resolved, br, p, li and the like as lines.
QString plainTextOf(const QString &html);

}  // namespace portcullis::mail
