// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

namespace portcullis::smtp {

/// An SMTP reply (RFC 5321 §4.2) with its enhanced status code (RFC 3463), as sent or received.
struct Reply {
    int code = 0;         ///< 200 … 599.
    QByteArray enhanced;  ///< "5.7.1"; empty where none belongs (220, 250 to EHLO, 354).
    QByteArray text;      ///< UTF-8 without CR; lines separated by LF.

    [[nodiscard]] bool isPositive() const { return code >= 200 && code < 400; }
    [[nodiscard]] bool isTransient() const { return code >= 400 && code < 500; }
    [[nodiscard]] bool isPermanent() const { return code >= 500; }

    /// The bytes on the wire, CRLF included; lines longer than 512 octets are cut (RFC 5321 §4.5.3.1.5)
    /// and control characters become '?', so that nothing a client said can forge a reply line.
    [[nodiscard]] QByteArray toWire() const;

    /// "550 5.7.1 text" on one line, for logs, tracking and DSNs.
    [[nodiscard]] QByteArray toLine() const;

    friend bool operator==(const Reply &, const Reply &) = default;
};

}  // namespace portcullis::smtp
