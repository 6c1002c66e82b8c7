// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/HopLine.h"

#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

// QByteArrayView::lastIndexOf() of Qt 6.4 looks one byte behind the view for a piece of one byte.
qsizetype lastPlaceOf(QByteArrayView text, QByteArrayView piece)
{
    return piece.size() == 1 ? text.lastIndexOf(piece.front()) : text.lastIndexOf(piece);
}

}  // namespace

qsizetype HopLine::wordEnd() const
{
    const qsizetype space = m_text.indexOf(' ', m_at);
    return space < 0 ? m_text.size() : space;
}

bool HopLine::hasWords(QByteArrayView words) const
{
    for (qsizetype at = m_text.indexOf(words); at >= 0; at = m_text.indexOf(words, at + 1)) {
        const qsizetype end = at + words.size();
        if ((at == 0 || !isWordByte(m_text[at - 1]))
            && (end >= m_text.size() || !isWordByte(m_text[end]))) {
            return true;
        }
    }
    return false;
}

bool HopLine::literal(QByteArrayView expected)
{
    const bool fits = rest().startsWith(expected);
    m_at += fits ? expected.size() : 0;
    return fits;
}

bool HopLine::literalAnyCase(QByteArrayView expected)
{
    const QByteArrayView left = rest();
    const bool fits = left.size() >= expected.size()
                      && left.first(expected.size()).compare(expected, Qt::CaseInsensitive) == 0;
    m_at += fits ? expected.size() : 0;
    return fits;
}

bool HopLine::greeting()
{
    return literal("HELO") || literal("EHLO");
}

bool HopLine::digits()
{
    const qsizetype begin = m_at;
    while (!atEnd() && m_text[m_at] >= '0' && m_text[m_at] <= '9') {
        ++m_at;
    }
    return m_at > begin;
}

bool HopLine::maybeWord(QByteArrayView &value)
{
    const qsizetype end = wordEnd();
    value = m_text.sliced(m_at, end - m_at);
    m_at = end;
    return true;
}

bool HopLine::word(QByteArrayView &value)
{
    return maybeWord(value) && !value.isEmpty();
}

bool HopLine::wordEnding(QByteArrayView end, QByteArrayView &value)
{
    maybeWord(value);
    if (!value.endsWith(end)) {
        return false;
    }
    value.chop(end.size());
    return true;
}

bool HopLine::wordUpToLast(QByteArrayView separator, QByteArrayView &value)
{
    const QByteArrayView left = m_text.sliced(m_at, wordEnd() - m_at);
    const qsizetype at = lastPlaceOf(left, separator);
    if (at < 0) {
        return false;
    }
    value = left.first(at);
    m_at += at + separator.size();
    return true;
}

bool HopLine::address(QByteArrayView &value)
{
    const qsizetype length = addressLengthAt(m_text, m_at);
    value = m_text.sliced(m_at, length);
    m_at += length;
    return length > 0;
}

bool HopLine::identAndAddress(QByteArrayView separator,
                              QByteArrayView &ident,
                              QByteArrayView &address)
{
    const QByteArrayView left = m_text.sliced(m_at, wordEnd() - m_at);
    QByteArrayView before = left;
    for (qsizetype at = lastPlaceOf(before, separator); at >= 0;
         at = lastPlaceOf(before, separator)) {
        before = left.first(at + separator.size() - 1);
        const qsizetype begin = at + separator.size();
        if (const qsizetype length = addressLengthAt(left, begin); length > 0) {
            ident = left.first(at);
            address = left.sliced(begin, length);
            m_at += begin + length;
            return true;
        }
    }
    return false;
}

void HopLine::skipZone()
{
    if (!literal("%")) {
        return;
    }
    const auto isZoneByte = [](char c) {
        return isWordByte(c) || c == '.' || c == '~' || c == '-';
    };
    while (!atEnd() && isZoneByte(m_text[m_at])) {
        ++m_at;
    }
}

bool HopLine::comment()
{
    return literal("(") && !rest().startsWith(')') && through(")");
}

bool HopLine::through(QByteArrayView piece, qsizetype most)
{
    const qsizetype found = m_text.indexOf(piece, m_at);
    if (found < 0 || found - m_at > most) {
        return false;
    }
    m_at = found + piece.size();
    return true;
}

bool HopLine::wordBetweenAt(qsizetype at,
                            QByteArrayView before,
                            QByteArrayView after,
                            QByteArrayView &value)
{
    HopLine attempt(m_text, at + before.size());
    if (!attempt.word(value) || !attempt.literal(after)) {
        return false;
    }
    m_at = attempt.m_at;
    return true;
}

bool HopLine::firstWordBetween(QByteArrayView before, QByteArrayView after, QByteArrayView &value)
{
    for (qsizetype at = m_text.indexOf(before, m_at); at >= 0;
         at = m_text.indexOf(before, at + 1)) {
        if (wordBetweenAt(at, before, after, value)) {
            return true;
        }
    }
    return false;
}

bool HopLine::lastWordBetween(QByteArrayView before, QByteArrayView after, QByteArrayView &value)
{
    for (qsizetype at = m_text.lastIndexOf(before); at >= m_at;
         at = at > 0 ? m_text.lastIndexOf(before, at - 1) : -1) {
        if (wordBetweenAt(at, before, after, value)) {
            return true;
        }
    }
    return false;
}

QByteArrayView upToLastWordByte(QByteArrayView text)
{
    const auto last = std::find_if(text.rbegin(), text.rend(), isWordByte);
    return text.first(text.rend() - last);
}

}  // namespace portcullis::spam
