// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ClientEngine.h"

namespace portcullis::smtp {

ServerFeatures ServerFeatures::fromEhlo(const std::vector<QByteArray> &lines)
{
    ServerFeatures features;
    features.isExtended = true;
    // RFC 5321 §4.1.1.1: the first line is the server's name and a greeting.
    for (size_t i = 1; i < lines.size(); ++i) {
        const QByteArray line = lines[i].simplified();
        const qsizetype space = line.indexOf(' ');
        const QByteArray keyword = (space < 0 ? line : line.first(space)).toUpper();
        if (keyword == "PIPELINING") {
            features.hasPipelining = true;
        } else if (keyword == "8BITMIME") {
            features.has8BitMime = true;
        } else if (keyword == "SMTPUTF8") {
            features.hasSmtpUtf8 = true;
        } else if (keyword == "DSN") {
            features.hasDsn = true;
        } else if (keyword == "STARTTLS") {
            features.hasStartTls = true;
        } else if (keyword == "SIZE") {
            features.hasSize = true;
            bool isNumber = false;
            const qint64 size = space < 0 ? 0 : line.sliced(space + 1).toLongLong(&isNumber);
            features.maxSize = isNumber && size > 0 ? size : 0;
        }
    }
    return features;
}

QByteArray nameOf(ClientPhase phase)
{
    switch (phase) {
    case ClientPhase::Greeting:
        return "the greeting";
    case ClientPhase::Hello:
        return "EHLO";
    case ClientPhase::StartTls:
        return "STARTTLS";
    case ClientPhase::Handshake:
        return "the TLS handshake";
    case ClientPhase::Ready:
        return "waiting";
    case ClientPhase::Mail:
        return "MAIL FROM";
    case ClientPhase::Recipient:
        return "RCPT TO";
    case ClientPhase::DataStart:
        return "DATA";
    case ClientPhase::DataBlock:
        return "sending the message";
    case ClientPhase::DataEnd:
        return "end of data";
    case ClientPhase::Reset:
        return "RSET";
    case ClientPhase::Quit:
        return "QUIT";
    case ClientPhase::Closed:
        return "closed";
    }
    return {};
}

}  // namespace portcullis::smtp
