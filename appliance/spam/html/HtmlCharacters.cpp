// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlCharacters.h"

#include <QtCore/QChar>

namespace portcullis::spam {

namespace {

constexpr bool isTrailer(char c)
{
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

constexpr int sequenceLength(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

}  // namespace

HtmlCharacter characterAt(QByteArrayView text, qsizetype at)
{
    if (at >= text.size()) {
        return {};
    }
    const auto lead = static_cast<unsigned char>(text[at]);
    const int length = sequenceLength(lead);
    if (length == 1 || at + length > text.size()) {
        return {lead, 1};
    }
    char32_t code = lead & (0x7F >> length);
    for (int index = 1; index < length; ++index) {
        if (!isTrailer(text[at + index])) {
            return {lead, 1};
        }
        code = code << 6 | (static_cast<unsigned char>(text[at + index]) & 0x3F);
    }
    return {code, length};
}

HtmlCharacter characterBefore(QByteArrayView text, qsizetype end)
{
    if (end <= 0) {
        return {};
    }
    qsizetype start = end - 1;
    while (start > 0 && end - start < 4 && isTrailer(text[start])) {
        --start;
    }
    const HtmlCharacter character = characterAt(text.first(end), start);
    if (start + character.size == end) {
        return character;
    }
    return {static_cast<unsigned char>(text[end - 1]), 1};
}

void appendCharacter(QByteArray &text, char32_t code)
{
    const auto trailer = [code](int shift) { return char(0x80 | ((code >> shift) & 0x3F)); };
    if (code < 0x80) {
        text.append(char(code));
    } else if (code < 0x800) {
        const char octets[] = {char(0xC0 | (code >> 6)), trailer(0)};
        text.append(octets, 2);
    } else if (code < 0x10000) {
        const char octets[] = {char(0xE0 | (code >> 12)), trailer(6), trailer(0)};
        text.append(octets, 3);
    } else {
        const char octets[] = {char(0xF0 | (code >> 18)), trailer(12), trailer(6), trailer(0)};
        text.append(octets, 4);
    }
}

qsizetype countCharacters(QByteArrayView text)
{
    qsizetype count = 0;
    for (const char c : text) {
        count += isTrailer(c) ? 0 : 1;
    }
    return count;
}

qsizetype countSpaces(QByteArrayView text, PerlText kind)
{
    qsizetype count = 0;
    for (qsizetype at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (static_cast<unsigned char>(c) < 0x80) {
            count += isAsciiSpace(c) ? 1 : 0;
        } else if (kind == PerlText::Characters && !isTrailer(c)
                   && isPerlSpace(characterAt(text, at).code, kind)) {
            ++count;
        }
    }
    return count;
}

bool isPerlSpace(char32_t code, PerlText kind)
{
    if (code < 0x80) {
        return isAsciiSpace(char(code));
    }
    if (kind == PerlText::Octets) {
        return false;
    }
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A)
           || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F
           || code == 0x3000;
}

bool isPerlWord(char32_t code, PerlText kind)
{
    if (code < 0x80) {
        return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z')
               || (code >= 'a' && code <= 'z') || code == '_';
    }
    return kind == PerlText::Characters
           && (QChar::isLetterOrNumber(code) || QChar::isMark(code)
               || QChar::category(code) == QChar::Punctuation_Connector);
}

QByteArrayView trimmedCharacters(QByteArrayView text)
{
    while (true) {
        const HtmlCharacter first = characterAt(text, 0);
        if (!first.size || !isPerlSpace(first.code, PerlText::Characters)) {
            break;
        }
        text = text.sliced(first.size);
    }
    while (true) {
        const HtmlCharacter last = characterBefore(text, text.size());
        if (!last.size || !isPerlSpace(last.code, PerlText::Characters)) {
            break;
        }
        text = text.chopped(last.size);
    }
    return text;
}

QByteArrayView trimmedOctets(QByteArrayView text)
{
    while (!text.isEmpty() && isAsciiSpace(text.front())) {
        text = text.sliced(1);
    }
    while (!text.isEmpty() && isAsciiSpace(text.back())) {
        text = text.chopped(1);
    }
    return text;
}

}  // namespace portcullis::spam
