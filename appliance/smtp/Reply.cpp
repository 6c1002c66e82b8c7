// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/Reply.h"

#include <QtCore/QByteArrayView>

namespace portcullis::smtp {

namespace {

constexpr qsizetype longestReplyLine = 512;  ///< RFC 5321 §4.5.3.1.5, CRLF included.

/// Appends one line of text as it may go over the wire, at most `room` octets.
void appendHarmless(QByteArray &wire, QByteArrayView text, qsizetype room)
{
    if (text.size() > room) {
        text.truncate(room);
        // A cut inside a UTF-8 sequence would leave octets that no client can show.
        while (!text.isEmpty() && (static_cast<uchar>(text.back()) & 0xc0) == 0x80) {
            text.chop(1);
        }
        if (!text.isEmpty() && static_cast<uchar>(text.back()) >= 0xc0) {
            text.chop(1);
        }
    }
    for (const char c : text) {
        const auto byte = static_cast<uchar>(c);
        wire.append(byte < 0x20 || byte == 0x7f ? '?' : c);
    }
}

}  // namespace

QByteArray Reply::toWire() const
{
    QByteArray wire;
    wire.reserve(text.size() + 16);
    QByteArrayView rest(text);
    for (bool isLast = false; !isLast;) {
        const qsizetype newline = rest.indexOf('\n');
        isLast = newline < 0;
        const qsizetype begin = wire.size();
        wire.append(QByteArray::number(code)).append(isLast ? ' ' : '-');
        if (!enhanced.isEmpty()) {
            wire.append(enhanced).append(' ');
        }
        appendHarmless(wire, isLast ? rest : rest.first(newline),
                       longestReplyLine - 2 - (wire.size() - begin));
        wire.append("\r\n");
        rest = isLast ? QByteArrayView() : rest.sliced(newline + 1);
    }
    return wire;
}

QByteArray Reply::toLine() const
{
    QByteArray line = QByteArray::number(code);
    if (!enhanced.isEmpty()) {
        line.append(' ').append(enhanced);
    }
    if (!text.isEmpty()) {
        line.append(' ');
        appendHarmless(line, QByteArray(text).replace('\n', ' '), text.size());
    }
    return line;
}

}  // namespace portcullis::smtp
