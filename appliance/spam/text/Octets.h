// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <cstring>

/// Small tools for octets that every file of this folder needs.
namespace portcullis::spam::octets {

/// Perl's \s for octets.
constexpr bool isSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

constexpr bool isBlank(char c)
{
    return c == ' ' || c == '\t';
}

constexpr bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

constexpr bool isLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Perl's \w for octets.
constexpr bool isWord(char c)
{
    return isLetter(c) || isDigit(c) || c == '_';
}

constexpr char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
}

inline bool equalsIgnoringCase(QByteArrayView a, QByteArrayView b)
{
    return a.size() == b.size() && qstrnicmp(a.data(), a.size(), b.data(), b.size()) == 0;
}

inline bool startsIgnoringCase(QByteArrayView text, QByteArrayView prefix)
{
    return text.size() >= prefix.size() && equalsIgnoringCase(text.first(prefix.size()), prefix);
}

/// Position of `c` at or after `from`; -1: none.
inline qsizetype find(QByteArrayView text, char c, qsizetype from = 0)
{
    if (from >= text.size()) {
        return -1;
    }
    const void *found = std::memchr(text.data() + from, c, size_t(text.size() - from));
    return found == nullptr ? -1 : static_cast<const char *>(found) - text.data();
}

/// Behind the space that begins at `from`.
inline qsizetype skipSpace(QByteArrayView text, qsizetype from)
{
    while (from < text.size() && isSpace(text[from])) {
        ++from;
    }
    return from;
}

inline QByteArrayView trimmedEnd(QByteArrayView text)
{
    while (!text.isEmpty() && isSpace(text.back())) {
        text.chop(1);
    }
    return text;
}

inline QByteArrayView trimmed(QByteArrayView text)
{
    return trimmedEnd(text.sliced(skipSpace(text, 0)));
}

/// Whether an octet above 127 is in the text.
bool hasEightBit(QByteArrayView text);

/// CRLF made LF; other CRs stay. The text itself, without a copy, if there is nothing to do: then it
/// must outlive the result.
QByteArray withLineFeeds(QByteArrayView text);

/// Line `at` of a text with LF line ends: with its LF, which the last line may lack.
inline QByteArrayView lineAt(QByteArrayView text, qsizetype at)
{
    const qsizetype end = find(text, '\n', at);
    return text.sliced(at, (end < 0 ? text.size() : end + 1) - at);
}

}  // namespace portcullis::spam::octets
