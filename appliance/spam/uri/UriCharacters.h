// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Classes of octets for the reading of URIs. ASCII only: the locale has no say.
namespace portcullis::spam::uri {

constexpr bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

constexpr char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool isLetter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

constexpr bool isAlphanumeric(char c)
{
    return isDigit(c) || isLetter(c);
}

/// What `\w` means.
constexpr bool isWord(char c)
{
    return isAlphanumeric(c) || c == '_';
}

/// What `\s` means.
constexpr bool isSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// -1: not a hexadecimal digit.
constexpr int hexValue(char c)
{
    if (isDigit(c)) {
        return c - '0';
    }
    const char letter = lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// `prefix` is in lower case.
constexpr bool startsCaseless(QByteArrayView text, QByteArrayView prefix)
{
    if (text.size() < prefix.size()) {
        return false;
    }
    for (qsizetype at = 0; at < prefix.size(); ++at) {
        if (lower(text[at]) != prefix[at]) {
            return false;
        }
    }
    return true;
}

/// Where `needle` (lower case) begins at or after `from`; -1: nowhere.
constexpr qsizetype findCaseless(QByteArrayView text, QByteArrayView needle, qsizetype from = 0)
{
    for (qsizetype at = from; at + needle.size() <= text.size(); ++at) {
        if (startsCaseless(text.sliced(at), needle)) {
            return at;
        }
    }
    return -1;
}

inline QByteArray toLower(QByteArrayView text)
{
    QByteArray result = text.toByteArray();
    for (char &c : result) {
        c = lower(c);
    }
    return result;
}

/// The length of "http://" or "https://" at the beginning; 0: neither.
constexpr qsizetype httpLength(QByteArrayView text)
{
    if (startsCaseless(text, "http://")) {
        return 7;
    }
    return startsCaseless(text, "https://") ? 8 : 0;
}

constexpr bool hasEscape(QByteArrayView text)
{
    for (qsizetype at = 0; at + 2 < text.size(); ++at) {
        if (text[at] == '%' && hexValue(text[at + 1]) >= 0 && hexValue(text[at + 2]) >= 0) {
            return true;
        }
    }
    return false;
}

/// Resolves what needs no percent escape, and escapes what does: an unescaped URI whose unsafe octets
/// stay escaped.
QByteArray withEscapesResolved(QByteArrayView uri);

}  // namespace portcullis::spam::uri
