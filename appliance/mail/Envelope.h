// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"

#include <QtCore/QByteArray>
#include <QtCore/QFlags>
#include <QtNetwork/QHostAddress>

#include <vector>

namespace portcullis::mail {

/// Which way a message goes. Decided by the port it came in on, by nothing else.
enum class Direction : quint8 { In = 0, Out = 1 };

/// NOTIFY of RFC 3461 §4.1. Empty means the parameter was absent (failure and delay by default).
enum class Notify : quint8 { Never = 1, Success = 2, Failure = 4, Delay = 8 };
Q_DECLARE_FLAGS(NotifyFlags, Notify)
Q_DECLARE_OPERATORS_FOR_FLAGS(NotifyFlags)

enum class DsnReturn : quint8 { Unspecified = 0, Full = 1, Headers = 2 };  ///< RET, RFC 3461 §4.3.
enum class BodyType : quint8 { SevenBit = 0, EightBitMime = 1 };           ///< RFC 6152.

struct Recipient {
    Address address;
    QByteArray originalRecipient;  ///< ORCPT as given ("rfc822;a+2Bb@x"), empty if absent.
    NotifyFlags notify;

    friend bool operator==(const Recipient &, const Recipient &) = default;
};

/// What MAIL and RCPT carried (RFC 5321 §2.3.1).
struct Envelope {
    Address sender;  ///< Reverse-path; may be null.
    std::vector<Recipient> recipients;
    BodyType body = BodyType::SevenBit;
    bool isSmtpUtf8 = false;  ///< SMTPUTF8 was given, RFC 6531 §3.4.
    QByteArray envelopeId;    ///< ENVID, xtext as given.
    DsnReturn dsnReturn = DsnReturn::Unspecified;

    friend bool operator==(const Envelope &, const Envelope &) = default;
};

/// Who brought the message: the SMTP client, or what XFORWARD said of it.
struct Client {
    QHostAddress address;
    quint16 port = 0;
    QByteArray name;  ///< Verified reverse name; empty: unknown.
    QByteArray helo;
    QByteArray protocol;  ///< "SMTP", "ESMTP", "ESMTPS", "UTF8SMTPS" … (RFC 3848, RFC 6531 §4.3).
    QByteArray tls;       ///< "TLSv1.3 TLS_AES_256_GCM_SHA384 256"; empty: no TLS.
    /// What a Postfix in front calls the message (XFORWARD IDENT); empty: it has not queued it.
    /// Known while the session lasts, not stored.
    QByteArray ident{};

    friend bool operator==(const Client &, const Client &) = default;
};

}  // namespace portcullis::mail
