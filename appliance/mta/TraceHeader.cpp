// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/TraceHeader.h"

#include "appliance/mail/MessageBuilder.h"

#include <algorithm>

namespace portcullis::mta {

namespace {

constexpr qsizetype maxName = 255;  ///< A domain name (RFC 5321 §4.5.3.1.2).

/// A name or token as it may stand in a trace field outside comments.
QByteArray cleaned(const QByteArray &text)
{
    QByteArray result;
    for (const char c : text.first(std::min(text.size(), maxName))) {
        const bool isPlain = c > ' ' && c < 0x7f && c != '(' && c != ')' && c != '\\' && c != '"'
                             && c != ';' && c != '<' && c != '>';
        result.append(isPlain ? c : '?');
    }
    return result.isEmpty() ? QByteArray("unknown") : result;
}

QByteArray addressLiteral(const QHostAddress &address)
{
    const QByteArray text = config::normalised(address).toString().toLatin1();
    return text.contains(':') ? "[IPv6:" + text + ']' : '[' + text + ']';
}

QByteArray tlsComment(const mail::Client &client)
{
    QByteArray text = client.tls;
    text.replace('(', ' ').replace(')', ' ');
    return "\r\n\t(using " + text + ')';
}

}  // namespace

QByteArray receivedField(const config::Config &config,
                         const mail::Client &client,
                         const mail::Envelope &envelope,
                         const QByteArray &queueId,
                         Clock::WallTime at)
{
    const QByteArray reverseName = client.name.isEmpty() ? "unknown" : cleaned(client.name);
    QByteArray field = "Received: from " + cleaned(client.helo) + " (" + reverseName + ' '
                       + addressLiteral(client.address) + ')';
    if (config.mail.tlsHeader && !client.tls.isEmpty()) {
        field += tlsComment(client);
    }
    field += "\r\n\tby " + config.fqdn + " (Portcullis) with " + client.protocol + " id " + queueId;
    // RFC 5321 §7.2: naming one of several recipients would tell the others about him.
    if (envelope.recipients.size() == 1) {
        field += "\r\n\tfor <" + envelope.recipients.front().address.toString() + '>';
    }
    return field + ";\r\n\t" + mail::writeDate(at) + "\r\n";
}

int countReceived(QByteArrayView message)
{
    constexpr QByteArrayView name("received:");
    int count = 0;
    qsizetype begin = 0;
    while (begin < message.size()) {
        const qsizetype end = message.indexOf('\n', begin);
        const qsizetype length = (end < 0 ? message.size() : end) - begin;
        const QByteArrayView line = message.sliced(begin, length);
        if (line.isEmpty() || line == QByteArrayView("\r")) {
            break;
        }
        if (line.size() >= name.size()
            && line.first(name.size()).compare(name, Qt::CaseInsensitive) == 0) {
            ++count;
        }
        begin += length + 1;
    }
    return count;
}

}  // namespace portcullis::mta
