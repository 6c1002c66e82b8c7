// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/TextInsertion.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/MessageBuilder.h"

#include <algorithm>

namespace portcullis::mail {

namespace {

// Charsets in which an inserted piece cannot stand on its own: with a byte order or a shift state.
bool isSelfContained(const QByteArray &charset)
{
    return !charset.startsWith("utf-16") && !charset.startsWith("utf-32")
           && !charset.startsWith("utf-7") && !charset.startsWith("ucs")
           && !charset.startsWith("iso-10646") && !charset.startsWith("iso-2022-kr");
}

// Wraps at blanks, so that no line of ours comes near the 998 octets of RFC 5322 §2.1.1.
QString withShortLines(QString text)
{
    constexpr qsizetype c_wrapAt = 200;
    text.replace(QLatin1StringView("\r\n"), QLatin1StringView("\n")).replace(u'\r', u'\n');
    qsizetype lineBegin = 0;
    qsizetype lastBlank = -1;
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] == u'\n') {
            lineBegin = i + 1;
            lastBlank = -1;
        } else if (text[i] == u' ') {
            lastBlank = i;
        }
        if (i - lineBegin > c_wrapAt && lastBlank >= 0) {
            text[lastBlank] = u'\n';
            lineBegin = lastBlank + 1;
            lastBlank = -1;
        }
    }
    text.remove(QChar(u'\0'));
    return text.replace(u'\n', QLatin1StringView("\r\n"));
}

QString withEntities(const QString &html)
{
    QString result;
    for (const char32_t c : html.toUcs4()) {
        if (c < 0x80) {
            result.append(QChar(static_cast<char16_t>(c)));
        } else {
            result.append(QStringLiteral("&#%1;").arg(static_cast<uint>(c)));
        }
    }
    return result;
}

qsizetype findTag(QByteArrayView lowerHtml, QByteArrayView tag, bool isLast)
{
    qsizetype at = isLast ? lowerHtml.lastIndexOf(tag) : lowerHtml.indexOf(tag);
    while (at >= 0) {
        const qsizetype next = at + tag.size();
        if (next >= lowerHtml.size()
            || !((lowerHtml[next] >= 'a' && lowerHtml[next] <= 'z')
                 || (lowerHtml[next] >= '0' && lowerHtml[next] <= '9'))) {
            return at;
        }
        if (isLast) {
            at = at == 0 ? -1 : lowerHtml.first(at).lastIndexOf(tag);
        } else {
            at = lowerHtml.indexOf(tag, next);
        }
    }
    return -1;
}

qsizetype behindTag(QByteArrayView html, qsizetype at)
{
    const qsizetype end = html.indexOf('>', at);
    return end < 0 ? -1 : end + 1;
}

qsizetype htmlPosition(QByteArrayView html, DisclaimerPosition position)
{
    const QByteArray lower = html.toByteArray().toLower();
    if (position == DisclaimerPosition::Bottom) {
        for (const char *tag : {"</body", "</html"}) {
            if (const qsizetype at = findTag(lower, tag, true); at >= 0) {
                return at;
            }
        }
        return html.size();
    }
    for (const char *tag : {"<body", "</head", "<html"}) {
        const qsizetype at = findTag(lower, tag, false);
        const qsizetype behind = at < 0 ? -1 : behindTag(lower, at);
        if (behind >= 0) {
            return behind;
        }
    }
    return 0;
}

bool isDeclaredEightBit(const Part &part)
{
    return part.transferEncoding.startsWith("8bit") || part.transferEncoding.startsWith("binary");
}

bool hasLineOverLimit(const QByteArray &text)
{
    qsizetype begin = 0;
    for (qsizetype end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
        if (end - begin > 999) {
            return true;
        }
        begin = end + 1;
    }
    return text.size() - begin > 998;
}

}  // namespace

std::optional<Insertion> placeDisclaimer(const Disclaimer &disclaimer,
                                         const Part &part,
                                         QByteArrayView decoded)
{
    const QByteArray charset = part.charset.isEmpty() ? QByteArray("us-ascii") : part.charset;
    if (!isSelfContained(charset)) {
        return std::nullopt;
    }
    const bool isTop = disclaimer.position == DisclaimerPosition::Top;
    Insertion insertion;
    QString text;
    if (part.declaredType == "text/html") {
        const QString line = disclaimer.hasSeparator ? QStringLiteral("<br>--<br>\n")
                                                     : QStringLiteral("<br>\n");
        const QString html = withEntities(disclaimer.html.trimmed()) + u'\n';
        text = isTop ? html + line : u'\n' + line + html;
        insertion.position = htmlPosition(decoded, disclaimer.position);
    } else {
        const QString line = disclaimer.hasSeparator ? QStringLiteral("--\n") : QString();
        const QString plain = plainTextOf(disclaimer.html) + u'\n';
        const bool needsBreak = !isTop && !decoded.isEmpty() && !decoded.endsWith('\n');
        text = isTop ? plain + line
                     : (needsBreak ? QStringLiteral("\n") : QString()) + line + plain;
        insertion.position = isTop ? 0 : decoded.size();
    }
    auto bytes = encodeCharset(withShortLines(text), charset);
    if (!bytes) {
        return std::nullopt;
    }
    insertion.bytes = std::move(*bytes);
    return insertion;
}

EncodedText encodeAsBefore(const Part &part, const QByteArray &decoded)
{
    switch (transferEncoding(part.transferEncoding)) {
    case TransferEncoding::Base64: {
        QByteArray encoded = encodeBase64(decoded);
        encoded.chop(encoded.endsWith("\r\n") ? 2 : 0);  // the boundary brings its own
        return {encoded, {}};
    }
    case TransferEncoding::QuotedPrintable:
        return {encodeQuotedPrintable(decoded), {}};
    case TransferEncoding::Identity:
        if ((!hasEightBit(decoded) || isDeclaredEightBit(part)) && !hasLineOverLimit(decoded)) {
            return {decoded, {}};
        }
        break;
    case TransferEncoding::Uuencode:
    case TransferEncoding::YEnc:
    case TransferEncoding::Unknown:
        break;
    }
    return {encodeQuotedPrintable(decoded), "quoted-printable"};
}

}  // namespace portcullis::mail
