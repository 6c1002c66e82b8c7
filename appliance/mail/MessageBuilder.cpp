// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MessageBuilder.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/Decoding.h"

#include <QtCore/QRandomGenerator>
#include <QtCore/QUrl>

#include <algorithm>
#include <array>

namespace portcullis::mail {

namespace {

// RFC 5322 §2.1.1: 998 octets without CRLF.
constexpr qsizetype c_longestLine = 998;

QByteArray withCrlf(QByteArrayView text)
{
    QByteArray out;
    out.reserve(text.size() + text.size() / 40);
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
            continue;
        }
        if (text[i] == '\n' || text[i] == '\r') {
            out.append("\r\n");
        } else {
            out.append(text[i]);
        }
    }
    return out;
}

bool hasLongLine(QByteArrayView text)
{
    qsizetype begin = 0;
    while (text.size() - begin > c_longestLine) {
        const qsizetype end = text.indexOf('\n', begin);
        if (end < 0 || end - begin > c_longestLine + 1) {
            return true;
        }
        begin = end + 1;
    }
    return false;
}

// A file name as parameter: RFC 2231 where it is not plain ASCII.
QByteArray nameParameter(const QByteArray &parameter, QString name)
{
    name.truncate(200);
    const bool isPlain = std::all_of(name.begin(), name.end(), [](QChar c) {
        return c.unicode() >= 0x20 && c.unicode() < 0x7F && c != u'"' && c != u'\\';
    });
    if (isPlain) {
        return ";\r\n " + parameter + "=\"" + name.toLatin1() + '"';
    }
    return ";\r\n " + parameter + "*=utf-8''" + QUrl::toPercentEncoding(name);
}

QByteArray randomHex()
{
    std::array<quint32, 4> bits{};
    QRandomGenerator::system()->fillRange(bits.data(), static_cast<qsizetype>(bits.size()));
    return QByteArray(reinterpret_cast<const char *>(bits.data()), sizeof(bits)).toHex();
}

QByteArray commonHeader(const NewMessage &message)
{
    QByteArrayList recipients;
    for (const Address &address : message.to) {
        recipients.append(writeMailbox({}, address));
    }
    const QByteArray domain = message.from.domain().isEmpty() ? QByteArray("localhost")
                                                              : message.from.asciiDomain();
    const QByteArray id = message.messageId.isEmpty() ? randomHex() + '@' + domain
                                                      : message.messageId;
    QByteArray header = writeStructuredField("From", writeMailbox(message.fromName, message.from));
    if (!recipients.isEmpty()) {
        header += writeStructuredField("To", recipients.join(", "));
    }
    header += writeField("Subject", message.subject);
    header += writeStructuredField("Date", writeDate(message.date));
    header += writeStructuredField("Message-ID", '<' + id + '>');
    header += writeStructuredField("Auto-Submitted", message.autoSubmitted);
    for (const auto &[name, value] : message.extraFields) {
        header += writeField(name, value);
    }
    return header + "MIME-Version: 1.0\r\n";
}

}  // namespace

QByteArray makeBoundary()
{
    return "=_pc_" + randomHex();  // `=_` can stand in neither base64 nor quoted-printable.
}

WrittenPart attachMessage(const Content &original, const QByteArray &fileName)
{
    const QByteArrayView bytes = original.view();
    const qsizetype end = bytes.indexOf("\r\n\r\n");
    const bool isGlobal = hasEightBit(bytes.first(end < 0 ? bytes.size() : end));
    WrittenPart part;
    part.header = QByteArray("Content-Type: ") + (isGlobal ? "message/global" : "message/rfc822")
                  + nameParameter("name", QString::fromUtf8(fileName)) + "\r\n";
    part.header += "Content-Disposition: attachment"
                   + nameParameter("filename", QString::fromUtf8(fileName)) + "\r\n";
    if (hasEightBit(bytes)) {
        part.header += "Content-Transfer-Encoding: 8bit\r\n";
    }
    part.body = bytes.toByteArray();
    return part;
}

WrittenPart textPart(const QString &text, const QByteArray &type, const QString &fileName)
{
    WrittenPart part;
    const QByteArray body = withCrlf(text.toUtf8());
    const bool isAscii = !hasEightBit(body);
    part.header = "Content-Type: " + type + (isAscii ? "; charset=us-ascii" : "; charset=utf-8");
    part.header += fileName.isEmpty() ? QByteArray() : nameParameter("name", fileName);
    part.header += "\r\n";
    if (!fileName.isEmpty()) {
        part.header += "Content-Disposition: inline" + nameParameter("filename", fileName) + "\r\n";
    }
    if (isAscii && !hasLongLine(body) && !body.contains('\0')) {
        part.body = body;
        return part;
    }
    const QByteArray quoted = encodeQuotedPrintable(body);
    const QByteArray base64 = encodeBase64(body);
    const bool isQuoted = quoted.size() <= base64.size() + base64.size() / 4;
    part.header += QByteArray("Content-Transfer-Encoding: ")
                   + (isQuoted ? "quoted-printable" : "base64") + "\r\n";
    part.body = isQuoted ? quoted : base64;
    return part;
}

bool needsSmtpUtf8(const NewMessage &message)
{
    return hasEightBit(message.from.localPart())
           || std::any_of(message.to.begin(), message.to.end(),
                          [](const Address &a) { return hasEightBit(a.localPart()); });
}

Content build(const NewMessage &message)
{
    if (!message.attachments.empty()) {
        return build(message, "mixed", {});
    }
    const WrittenPart text = textPart(message.body);
    return Content(commonHeader(message) + text.header + "\r\n" + text.body);
}

Content build(const NewMessage &message, const QByteArray &subtype, const QByteArray &parameters)
{
    const QByteArray boundary = makeBoundary();
    const QByteArray delimiter = "\r\n--" + boundary;
    QByteArray head = commonHeader(message) + "Content-Type: multipart/" + subtype;
    head += (parameters.isEmpty() ? QByteArray() : ";\r\n " + parameters) + ";\r\n boundary=\"";
    head += boundary + "\"\r\n";
    const bool hasEightBitPart = std::any_of(
        message.attachments.begin(), message.attachments.end(),
        [](const WrittenPart &part) { return hasEightBit(part.body); });
    // RFC 2045 §6.4: a multipart says so when a part inside holds octets above 127.
    head += hasEightBitPart ? "Content-Transfer-Encoding: 8bit\r\n" : "";
    const WrittenPart text = textPart(message.body);
    head += delimiter + "\r\n" + text.header + "\r\n" + text.body;
    std::vector<QByteArray> owned;
    std::vector<QByteArrayView> pieces{head};
    owned.reserve(message.attachments.size());
    for (const WrittenPart &part : message.attachments) {
        owned.push_back(delimiter + "\r\n" + part.header + "\r\n");
        pieces.emplace_back(owned.back());
        pieces.emplace_back(part.body);
    }
    const QByteArray tail = delimiter + "--\r\n";
    pieces.emplace_back(tail);
    return Content::joined(pieces);
}

}  // namespace portcullis::mail
