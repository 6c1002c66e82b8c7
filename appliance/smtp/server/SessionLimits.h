// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"

#include <QtCore/QtGlobal>

#include <chrono>

namespace portcullis::smtp {

/// What one SMTP session may cost us. Sizes in octets; checked by the engine while bytes arrive, so
/// that nothing beyond a limit is ever kept in memory.
struct SessionLimits {
    /// A command line with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512, the extensions for more
    /// (RFC 3461 alone some 1,000). Range 1,024 … 65,536. Longer: 500 5.5.2, the line is skipped.
    qsizetype commandLine = 2048;
    /// A command line longer than this ends the session: whoever sends it does not speak SMTP.
    /// Range commandLine … 1 MiB.
    qsizetype commandLineDrain = 64 * 1024;

    /// Lengths of an address (501 5.1.7 for the sender, 5.1.3 for a recipient) and, by `domain`, of
    /// EHLO's argument. RFC 5321 §4.5.3.1.1 has 64 for the local part, but VERP and SRS make longer
    /// ones. Ranges as in AddressLimits.
    mail::AddressLimits address{256, 255, 1024};

    /// RCPT accepted in one transaction; the minimum of RFC 5321 §4.5.3.1.8 is 100.
    /// Range 1 … 100,000. Beyond: 452 4.5.3, so that the client sends the rest later.
    int recipients = 1000;
    /// RCPT beyond `recipients` that do not count as errors: a client that pipelines its list
    /// must not lose the accepted ones. Range 0 … 100,000.
    int recipientOvershoot = 1000;

    /// The message without dot-stuffing; announced by SIZE (RFC 1870). 0: no limit.
    /// Larger: 552 5.3.4, at MAIL already when SIZE= says so.
    qint64 messageSize = 10 * 1024 * 1024;
    /// How much more we read and drop after a message was refused, to stay in step with the client.
    /// More ends the session. Range 0 … 1 GiB.
    qint64 drain = 64 * 1024 * 1024;
    /// The header block. Range 64 KiB … 16 MiB. Larger: 552 5.3.4.
    qint64 headerSize = 1024 * 1024;
    /// Header fields. Range 100 … 100,000. More: 552 5.3.4.
    int headerFields = 10'000;

    /// Replies 4yz and 5yz since the last accepted message. Range 1 … 10,000. More: 421 4.7.0.
    int errors = 20;
    /// NOOP, RSET, VRFY, EXPN, HELP, XFORWARD, EHLO and empty BDAT since the last accepted message.
    /// Range 10 … 100,000. More: 421 4.7.0.
    int junkCommands = 100;

    /// From our reply until the next command line is complete; not prolonged by single octets.
    /// RFC 5321 §4.5.3.2.7 asks for 5 min. Range 5 s … 1 h. Then 421 4.4.2.
    std::chrono::milliseconds command = std::chrono::minutes(5);
    /// From STARTTLS until the handshake is done. Range 1 s … 10 min.
    std::chrono::milliseconds handshake = std::chrono::minutes(1);
    /// From 354, or the first BDAT, until the end of the message. Range 10 s … 24 h. Then 421 4.4.2.
    std::chrono::milliseconds data = std::chrono::hours(1);
    /// Data may pause this long in all, before `dataRate` counts. Range 1 s … 10 min;
    /// RFC 5321 §4.5.3.2.5 lets a client take 3 min for a block.
    std::chrono::milliseconds dataGrace = std::chrono::minutes(3);
    /// Octets a second that a message must average after the grace. Range 0 (off) … 1,000,000.
    qint64 dataRate = 500;
    /// A reply that the client does not read. Range 1 s … 1 h. Then the connection is cut.
    std::chrono::milliseconds write = std::chrono::minutes(2);
    /// A session as a whole; it ends before the next transaction. Range 1 min … 7 d.
    std::chrono::milliseconds session = std::chrono::hours(4);
};

}  // namespace portcullis::smtp
