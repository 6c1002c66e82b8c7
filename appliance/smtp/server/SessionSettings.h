// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/SessionLimits.h"

#include <QtCore/QByteArray>
#include <QtCore/QFlags>

namespace portcullis::smtp {

/// Service extensions that a listener may announce (RFC 5321 §2.2). Parameters of an extension that
/// is not announced are refused with 555.
enum class Extension : quint16 {
    Size = 1,                  ///< RFC 1870
    Pipelining = 2,            ///< RFC 2920; without it any pipelining is refused.
    EightBitMime = 4,          ///< RFC 6152
    SmtpUtf8 = 8,              ///< RFC 6531
    Chunking = 16,             ///< RFC 3030, without BINARYMIME
    EnhancedStatusCodes = 32,  ///< RFC 2034
    Dsn = 64,                  ///< RFC 3461
    StartTls = 128,            ///< RFC 3207; announced only if there is a certificate.
};
Q_DECLARE_FLAGS(Extensions, Extension)
Q_DECLARE_OPERATORS_FOR_FLAGS(Extensions)

/// Everything but STARTTLS.
constexpr Extensions plainExtensions = Extension::Size | Extension::Pipelining
                                       | Extension::EightBitMime | Extension::SmtpUtf8
                                       | Extension::Chunking | Extension::EnhancedStatusCodes
                                       | Extension::Dsn;

/// What happens to a message that holds a CR or LF outside CRLF (RFC 5321 §2.3.8). It is never
/// passed on as it is, and never ends the data.
enum class BareNewline : quint8 {
    Refuse,  ///< 554 5.5.2 at the real end of data.
    Replace  ///< Each becomes CRLF.
};

enum class ServerProtocol : quint8 {
    Smtp,
    Lmtp  ///< RFC 2033: LHLO, and one reply a recipient at the end of data.
};

/// How a session of one listener speaks. Immutable while in use; a reload makes a new one and
/// running sessions keep theirs.
struct SessionSettings {
    QByteArray hostName = "localhost";  ///< First word of the greeting and of the EHLO reply.
    ServerProtocol protocol = ServerProtocol::Smtp;
    Extensions extensions = plainExtensions;
    BareNewline bareNewline = BareNewline::Refuse;
    SessionLimits limits;
};

}  // namespace portcullis::smtp
