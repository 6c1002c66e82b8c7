// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QtGlobal>

#include <chrono>

namespace portcullis::smtp {

/// What a next hop's replies may cost us. Sizes in octets. A server that goes beyond ends its
/// connection; the message is deferred.
struct ReplyLimits {
    /// One reply line. RFC 5321 §4.5.3.1.5 says 512; some servers put URLs into refusals.
    /// Range 512 … 65,536. The rest of a longer line is read and dropped.
    qsizetype line = 2048;
    /// Lines of one reply. Range 10 … 10,000. EHLO of large systems has about 30.
    int lines = 250;
    /// One reply in all, dropped octets included. Range 4 KiB … 1 MiB.
    qsizetype reply = 64 * 1024;
    /// What is kept of a reply's text for logs, tracking and DSNs. Range 128 … 4,096.
    qsizetype keptText = 1024;
};

/// How long a next hop may take, phase by phase (RFC 5321 §4.5.3.2). A phase's time runs from its
/// start and is not prolonged by single octets that trickle in. Ranges 1 s … 1 h unless said.
struct ClientTimeouts {
    using Time = std::chrono::milliseconds;
    Time connect = std::chrono::seconds(30);   ///< TCP. The system's own would be two minutes.
    Time greeting = std::chrono::minutes(5);   ///< §4.5.3.2.1
    Time hello = std::chrono::minutes(5);      ///< EHLO, HELO, LHLO, STARTTLS; not in the RFC.
    Time handshake = std::chrono::minutes(1);  ///< TLS.
    Time mail = std::chrono::minutes(5);       ///< §4.5.3.2.2
    Time recipient = std::chrono::minutes(5);  ///< §4.5.3.2.3, for each RCPT.
    Time dataStart = std::chrono::minutes(2);  ///< §4.5.3.2.4
    Time dataBlock = std::chrono::minutes(3);  ///< §4.5.3.2.5, for each block we write.
    Time dataEnd = std::chrono::minutes(10);   ///< §4.5.3.2.6; for each recipient of LMTP.
    Time reset = std::chrono::seconds(20);     ///< RSET on a kept connection.
    Time quit = std::chrono::seconds(5);       ///< Range 0 s … 1 min. Then we just close.
    Time transaction = std::chrono::hours(2);  ///< Range 1 min … 1 d. MAIL to final reply.
};

}  // namespace portcullis::smtp
