// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/TransferDecoding.h"

#include "appliance/spam/text/Octets.h"

#include <array>

namespace portcullis::spam {

namespace {

constexpr quint8 digitPad = 64;
constexpr quint8 digitSpace = 65;
constexpr quint8 digitForeign = 66;

constexpr std::array<quint8, 256> makeDigits()
{
    std::array<quint8, 256> digits{};
    for (auto &digit : digits) {
        digit = digitForeign;
    }
    for (quint8 i = 0; i < 26; ++i) {
        digits[size_t('A' + i)] = i;
        digits[size_t('a' + i)] = quint8(26 + i);
    }
    for (quint8 i = 0; i < 10; ++i) {
        digits[size_t('0' + i)] = quint8(52 + i);
    }
    digits[size_t('+')] = 62;
    digits[size_t('/')] = 63;
    digits[size_t('=')] = digitPad;
    for (const char c : {' ', '\t', '\n', '\v', '\f', '\r'}) {
        digits[static_cast<unsigned char>(c)] = digitSpace;
    }
    return digits;
}

constexpr std::array<quint8, 256> base64Digits = makeDigits();

int hexDigit(char c)
{
    if (octets::isDigit(c)) {
        return c - '0';
    }
    const char letter = octets::lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// Line ends cleaned and soft line breaks joined; escapes stay.
QByteArray joinSoftBreaks(QByteArrayView encoded)
{
    QByteArray result(encoded.size(), Qt::Uninitialized);
    char *out = result.data();
    for (qsizetype at = 0; at < encoded.size();) {
        const QByteArrayView line = octets::lineAt(encoded, at);
        at += line.size();
        if (!line.endsWith('\n')) {
            std::memcpy(out, line.data(), size_t(line.size()));
            out += line.size();
            break;
        }
        QByteArrayView words = line.chopped(1);
        const bool hasReturn = words.endsWith('\r');
        words.chop(hasReturn ? 1 : 0);
        while (!words.isEmpty() && octets::isBlank(words.back())) {
            words.chop(1);
        }
        const bool isSoft = words.endsWith('=');
        words.chop(isSoft ? 1 : 0);
        std::memmove(out, words.data(), size_t(words.size()));
        out += words.size();
        if (!isSoft) {
            if (hasReturn) {
                *out++ = '\r';
            }
            *out++ = '\n';
        }
    }
    result.truncate(out - result.constData());
    return result;
}

void resolveEscapes(QByteArray &text)
{
    qsizetype at = octets::find(text, '=');
    if (at < 0) {
        return;
    }
    char *out = text.data() + at;
    const char *in = out;
    const char *const end = text.constData() + text.size();
    while (in != end) {
        if (*in == '=' && end - in > 2) {
            const int high = hexDigit(in[1]);
            const int low = hexDigit(in[2]);
            if (high >= 0 && low >= 0) {
                *out++ = char(high * 16 + low);
                in += 3;
                continue;
            }
        }
        *out++ = *in++;
    }
    text.truncate(out - text.constData());
}

}  // namespace

QByteArray decodeBase64AsPeer(QByteArrayView encoded)
{
    QByteArray digits(encoded.size(), Qt::Uninitialized);
    auto *const first = reinterpret_cast<quint8 *>(digits.data());
    quint8 *end = first;
    bool hasForeign = false;
    bool hasPad = false;
    for (const char c : encoded) {
        const quint8 digit = base64Digits[quint8(c)];
        *end = digit;
        end += digit <= digitPad ? 1 : 0;
        hasForeign |= digit == digitForeign;
        hasPad |= digit == digitPad;
    }
    if (hasPad) {
        const bool isWellFormed = !hasForeign && (end - first) % 4 == 0;
        while (end != first && end[-1] == digitPad) {
            --end;
        }
        for (quint8 *digit = first; digit != end; ++digit) {
            if (*digit == digitPad) {
                *digit = isWellFormed ? 0 : 63;
            }
        }
    }
    // In place: three octets never overtake the four digits they are made of.
    char *out = digits.data();
    const quint8 *in = first;
    for (; end - in >= 4; in += 4) {
        const quint32 bits = quint32(in[0]) << 18 | quint32(in[1]) << 12 | quint32(in[2]) << 6
                             | in[3];
        *out++ = char(bits >> 16);
        *out++ = char(bits >> 8);
        *out++ = char(bits);
    }
    if (end - in >= 2) {
        const quint32 third = end - in == 3 ? in[2] : 0;
        const quint32 bits = quint32(in[0]) << 18 | quint32(in[1]) << 12 | third << 6;
        const bool hasThird = end - in == 3;
        *out++ = char(bits >> 16);
        if (hasThird) {
            *out++ = char(bits >> 8);
        }
    }
    digits.truncate(out - digits.constData());
    return digits;
}

QByteArray decodeQuotedPrintableAsPeer(QByteArrayView encoded)
{
    QByteArray text = joinSoftBreaks(encoded);
    resolveEscapes(text);
    return text;
}

}  // namespace portcullis::spam
