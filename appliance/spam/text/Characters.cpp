// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/Characters.h"

#include "appliance/spam/text/CharsetConversion.h"
#include "appliance/spam/text/CharsetDetection.h"
#include "appliance/spam/text/CharsetNames.h"
#include "appliance/spam/text/Octets.h"

#include <array>
#include <cstring>

namespace portcullis::spam {

namespace {

bool isAscii(QByteArrayView label)
{
    for (const char *name : {"us-ascii", "ascii", "iso646-us"}) {
        if (octets::equalsIgnoringCase(label, name)) {
            return true;
        }
    }
    if (!octets::startsIgnoringCase(label, "ansi")) {
        return false;
    }
    QByteArrayView rest = label.sliced(4);
    if (!rest.isEmpty() && (rest.front() == '_' || rest.front() == ' ')) {
        rest = rest.sliced(1);
    }
    return octets::equalsIgnoringCase(rest, "X3.4-1968")
           || octets::equalsIgnoringCase(rest, "X3.4-1986");
}

bool areDigits(QByteArrayView text, qsizetype least, qsizetype most)
{
    for (const char c : text) {
        if (!octets::isDigit(c)) {
            return false;
        }
    }
    return text.size() >= least && text.size() <= most;
}

/// Drops an optional separator after a prefix; false if the prefix is missing.
bool takePrefix(QByteArrayView &label, QByteArrayView prefix)
{
    if (!octets::startsIgnoringCase(label, prefix)) {
        return false;
    }
    label = label.sliced(prefix.size());
    return true;
}

void takeSeparator(QByteArrayView &label)
{
    if (!label.isEmpty() && (label.front() == '-' || label.front() == ' ')) {
        label = label.sliced(1);
    }
}

/// A label that has ASCII for its lower half, as the peer lists them.
bool extendsAscii(QByteArrayView label)
{
    QByteArrayView rest = label;
    if (takePrefix(rest, "windows-")) {
        return areDigits(rest, 4, 4);
    }
    if (takePrefix(rest, "utf")) {
        if (!rest.isEmpty() && rest.front() == '-') {
            rest = rest.sliced(1);
        }
        return rest == QByteArrayView("8");
    }
    if (takePrefix(rest, "koi8-") || takePrefix(rest, "euc-")) {
        return !rest.isEmpty() && rest.size() <= 2 && octets::isLetter(rest.front())
               && octets::isLetter(rest.back());
    }
    if (takePrefix(rest, "iso")) {
        takeSeparator(rest);
        if (!takePrefix(rest, "8859")) {
            return false;
        }
        return rest.isEmpty() || (rest.front() == '-' && areDigits(rest.sliced(1), 1, 2));
    }
    if (takePrefix(rest, "gb")) {
        if (octets::equalsIgnoringCase(rest, "k")) {
            return true;
        }
        takeSeparator(rest);
        return takePrefix(rest, "18030")
               && (rest.isEmpty() || (takePrefix(rest, "-20") && areDigits(rest, 2, 2)));
    }
    return octets::equalsIgnoringCase(label, "big5");
}

bool isUtf16(QByteArrayView label)
{
    QByteArrayView rest = label;
    if (!takePrefix(rest, "utf")) {
        return false;
    }
    takeSeparator(rest);
    return rest.startsWith("16");
}

bool isLatin1(QByteArrayView label)
{
    for (const char *name : {"iso-8859-1", "iso8859-1", "windows-1252", "cp1252"}) {
        if (octets::equalsIgnoringCase(label, name)) {
            return true;
        }
    }
    return false;
}

bool isUtf8(QByteArrayView label)
{
    return octets::equalsIgnoringCase(label, "utf-8") || octets::equalsIgnoringCase(label, "utf8");
}

bool isGb18030(QByteArrayView label)
{
    QByteArrayView rest = label;
    if (!takePrefix(rest, "gb")) {
        return false;
    }
    takeSeparator(rest);
    return takePrefix(rest, "18030");
}

/// Byte order of UTF-16 without a mark, from where its spaces and its zeros are; null: not clear.
const char *guessByteOrder(QByteArrayView octets)
{
    if (octets.startsWith("\xff\xfe") || octets.startsWith("\xfe\xff")) {
        return nullptr;
    }
    qsizetype littleSpaces = 0;
    qsizetype bigSpaces = 0;
    qint64 evenSum = 0;
    qint64 oddSum = 0;
    const auto weight = [](char c) { return (quint8(c) >> 4) + (quint8(c) & 15); };
    for (qsizetype i = 0; i < octets.size(); i += 2) {
        const char even = octets[i];
        const char odd = i + 1 < octets.size() ? octets[i + 1] : '\0';
        evenSum += weight(even);
        oddSum += weight(odd);
        littleSpaces += even == ' ' && odd == '\0' ? 1 : 0;
        bigSpaces += even == '\0' && odd == ' ' ? 1 : 0;
    }
    littleSpaces += evenSum > oddSum * 4 ? 1 : 0;
    bigSpaces += oddSum * 4 > evenSum ? 1 : 0;
    if (littleSpaces == bigSpaces) {
        return nullptr;
    }
    return littleSpaces > bigSpaces ? "UTF-16LE" : "UTF-16BE";
}

/// Only letters, signs and punctuation that Western text in Windows-1252 has.
bool looksWestern(QByteArrayView octets)
{
    static constexpr std::array<bool, 256> western = [] {
        std::array<bool, 256> table{};
        for (size_t c = 0; c < 256; ++c) {
            table[c] = c < 0x80 || c == 0xa0 || c == 0xa9 || c == 0xad || c == 0x82 || c == 0x84
                       || c == 0x85 || (c >= 0x91 && c <= 0x97) || c == 0x99
                       || (c >= 0xc0 && c <= 0xfe && c != 0xd7 && c != 0xdf && c != 0xf7);
        }
        return table;
    }();
    for (const char c : octets) {
        if (!western[quint8(c)]) {
            return false;
        }
    }
    return true;
}

std::optional<QByteArray> byLabel(const QByteArray &text,
                                  QByteArrayView label,
                                  LabelTrust trust,
                                  bool triedUtf8)
{
    const auto strictness = trust == LabelTrust::Insist ? Strictness::Replacing
                                                        : Strictness::Strict;
    if (isLatin1(label)) {
        return fromWindows1252(text, strictness);
    }
    if (isUtf8(label)) {
        return triedUtf8 ? std::nullopt : fromUtf8(text, strictness);
    }
    QByteArray name = iconvCharset(label);
    if (name.isEmpty() && isGb18030(label)) {
        name = QByteArrayLiteral("CP936");
    }
    return name.isEmpty() ? std::nullopt : fromIconv(text, name, strictness);
}

std::optional<QByteArray> byDetection(const QByteArray &text, QByteArrayView label)
{
    const QByteArray found = detectCharset(text);
    if (found.isEmpty() || octets::equalsIgnoringCase(found, label)) {
        return std::nullopt;
    }
    return byLabel(text, found, LabelTrust::Guess, false);
}

/// Nothing: the octets stay as they are.
std::optional<QByteArray> decoded(const QByteArray &text,
                                  QByteArrayView label,
                                  LabelTrust trust,
                                  bool keepsUtf16)
{
    const bool hasEightBit = octets::hasEightBit(text);
    if (!hasEightBit && (isAscii(label) || extendsAscii(label))) {
        return std::nullopt;
    }
    const bool isGuess = trust == LabelTrust::Guess;
    const bool triesUtf8 = hasEightBit && isGuess;
    if (triesUtf8 && isStrictUtf8(text)) {
        return text;
    }
    std::optional<QByteArray> result;
    const bool isBareAscii = octets::equalsIgnoringCase(label, "us-ascii")
                             || octets::equalsIgnoringCase(label, "ascii");
    if (isUtf16(label)) {
        const char *order = guessByteOrder(text);
        if (order != nullptr) {
            result = fromIconv(text, order, Strictness::Strict);
            if (result && keepsUtf16) {
                return text;
            }
        }
    } else if (!isBareAscii || !isGuess) {
        result = byLabel(text, label, trust, triesUtf8);
    }
    if (!result && !hasEightBit) {
        return std::nullopt;
    }
    if (!result && looksWestern(text)) {
        result = fromWindows1252(text, Strictness::Strict);
    }
    if (!result) {
        result = byDetection(text, label);
    }
    if (!result) {
        result = fromWindows1252(text, Strictness::Replacing);
    }
    return result;
}

}  // namespace

Characters toCharacters(const QByteArray &octets, QByteArrayView label, LabelTrust trust)
{
    std::optional<QByteArray> text = decoded(octets, label, trust, false);
    return text ? Characters{std::move(*text), true} : Characters{octets, false};
}

QByteArray headerCharacters(const QByteArray &octets, QByteArrayView label, LabelTrust trust)
{
    return decoded(octets, label, trust, true).value_or(octets);
}

}  // namespace portcullis::spam
