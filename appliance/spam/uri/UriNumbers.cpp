// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/UriNumbers.h"

#include "appliance/spam/uri/UriCharacters.h"

#include <QtCore/QList>

#include <algorithm>

namespace portcullis::spam::uri {

namespace {

bool isHexDigit(char c)
{
    return hexValue(c) >= 0;
}

bool isOctalDigit(char c)
{
    return c >= '0' && c <= '7';
}

QByteArray withoutLeadingZeros(QByteArrayView digits)
{
    while (digits.startsWith('0')) {
        digits = digits.sliced(1);
    }
    return digits.toByteArray();
}

/// Printable ASCII, from the digits of a reference; else 0.
char printable(QByteArrayView digits, int base)
{
    const QByteArray number = withoutLeadingZeros(digits);
    if (number.isEmpty() || number.size() > 3
        || !areAll(number, base == 16 ? isHexDigit : isDigit)) {
        return '\0';
    }
    const int value = number.toInt(nullptr, base);
    // 2A to 2F are left alone by the peer.
    const bool isSkipped = base == 16 && value >= 0x2a && value <= 0x2f;
    return value > 0x20 && value < 0x7f && !isSkipped ? static_cast<char>(value) : '\0';
}

// What a numeric character reference ("&#…;") stands for: `text` is what stands between the "#" and the
// ";". 0: leave it as it is.

char decimalReference(QByteArrayView text)
{
    return printable(text, 10);
}

char hexReference(QByteArrayView text)
{
    return text.startsWith('x') ? printable(text.sliced(1), 16) : '\0';
}

/// The full stops of other scripts (RFC 3490 §3.1).
char dotReference(QByteArrayView text)
{
    const QByteArray lowered = toLower(text);
    const bool isDot = lowered == "x2e" || lowered == "12290" || lowered == "x3002"
                       || lowered == "65294" || lowered == "xff0e" || lowered == "65377"
                       || lowered == "xff61";
    return isDot ? '.' : '\0';
}

/// "0x44" and "0104" in decimal. A zero becomes nothing, as in the peer.
QByteArray decimalOctet(QByteArrayView octet)
{
    if (isHexNumber(octet)) {
        bool isSmall = false;
        const QByteArray digits = withoutLeadingZeros(octet.sliced(2));
        const quint64 value = digits.toULongLong(&isSmall, 16);
        return value == 0 ? QByteArray() : QByteArray::number(value);
    }
    const QByteArray digits = withoutLeadingZeros(octet);
    const bool isOctal = octet.startsWith('0') && areAll(digits, isOctalDigit)
                         && (digits.size() < 3 || (digits.size() == 3 && digits.front() <= '3'));
    return isOctal ? QByteArray::number(digits.toUInt(nullptr, 8)) : digits;
}

QByteArray withOneKindResolved(const QByteArray &uri, char (*meaning)(QByteArrayView))
{
    constexpr qsizetype longest = 40;  // Of a reference; leading zeros are allowed.
    if (!uri.contains("&#")) {
        return uri;
    }
    QByteArray result;
    result.reserve(uri.size());
    for (qsizetype at = 0; at < uri.size(); ++at) {
        const bool isReference = uri[at] == '&' && at + 1 < uri.size() && uri[at + 1] == '#';
        qsizetype end = at + 2;
        while (isReference && end < uri.size() && end - at < longest && isAlphanumeric(uri[end])) {
            ++end;
        }
        const bool isWhole = isReference && end > at + 2 && end < uri.size() && uri[end] == ';';
        const char meant = isWhole ? meaning(QByteArrayView(uri).sliced(at + 2, end - at - 2))
                                   : '\0';
        result.append(meant == '\0' ? uri[at] : meant);
        at = meant == '\0' ? at : end;
    }
    return result;
}

}  // namespace

bool areAll(QByteArrayView text, bool (*holds)(char))
{
    return !text.isEmpty() && std::ranges::all_of(text, holds);
}

bool isHexNumber(QByteArrayView text)
{
    return startsCaseless(text, "0x") && areAll(text.sliced(2), isHexDigit);
}

QByteArray withReferencesResolved(const QByteArray &uri)
{
    QByteArray result = uri;
    for (const auto meaning : {decimalReference, hexReference, dotReference}) {
        result = withOneKindResolved(result, meaning);
    }
    return result;
}

QByteArray addressOfNumber(quint64 number)
{
    QByteArray digits = QByteArray::number(number, 16);
    digits = digits.rightJustified(8, '0');
    const QByteArray octets = QByteArray::fromHex(digits.first(8));
    QByteArray result;
    for (const char octet : octets) {
        result += (result.isEmpty() ? "" : ".") + QByteArray::number(static_cast<quint8>(octet));
    }
    return result;
}

QByteArray decimalAddress(const QByteArray &host)
{
    const QList<QByteArray> parts = host.split('.');
    if (parts.size() != 4) {
        return {};
    }
    QByteArray result;
    for (const QByteArray &part : parts) {
        if (!areAll(part, isDigit) && !isHexNumber(part)) {
            return {};
        }
        result += (&part == &parts.front() ? "" : ".") + decimalOctet(part);
    }
    return result;
}

}  // namespace portcullis::spam::uri
