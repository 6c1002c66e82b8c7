// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Characters of UTF-8 the way Perl's regular expressions class them.
namespace portcullis::spam {

/// Whether Perl holds a text as characters or as octets of Latin-1: octets beyond ASCII are neither
/// space nor word to it.
enum class PerlText { Octets, Characters };

struct HtmlCharacter {
    char32_t code = 0;
    int size = 0;  ///< Octets; 0: there is none.
};

/// The character at a place; octets that are no UTF-8 stand for themselves.
HtmlCharacter characterAt(QByteArrayView text, qsizetype at);
/// The last character before a place.
HtmlCharacter characterBefore(QByteArrayView text, qsizetype end);

void appendCharacter(QByteArray &text, char32_t code);

[[nodiscard]] qsizetype countCharacters(QByteArrayView text);
/// How many characters are space.
[[nodiscard]] qsizetype countSpaces(QByteArrayView text, PerlText kind);
[[nodiscard]] bool isPerlSpace(char32_t code, PerlText kind);
[[nodiscard]] bool isPerlWord(char32_t code, PerlText kind);

/// Without space and U+00A0 at both ends.
[[nodiscard]] QByteArrayView trimmedCharacters(QByteArrayView text);
/// Without ASCII space at both ends.
[[nodiscard]] QByteArrayView trimmedOctets(QByteArrayView text);

[[nodiscard]] constexpr bool isAsciiSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace portcullis::spam
