// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

namespace portcullis::spam {

// What HTML::Parser takes for space and for names in tags.

constexpr bool isTokenSpace(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

constexpr bool isTokenLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool startsName(char c)
{
    return isTokenLetter(c) || c == '_' || c == ':';
}

constexpr bool continuesName(char c)
{
    return startsName(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/// `lowerRight` is in lower case.
inline bool equalsWithoutCase(QByteArrayView left, QByteArrayView lowerRight)
{
    return left.size() == lowerRight.size()
           && qstrnicmp(left.data(), left.size(), lowerRight.data(), lowerRight.size()) == 0;
}

}  // namespace portcullis::spam
