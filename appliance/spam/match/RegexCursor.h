// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/ByteSet.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::spam {

/// A place in a regular expression, and reading of its smallest parts: octets, classes, counts.
class RegexCursor
{
public:
    explicit RegexCursor(const QByteArray &text)
        : m_text(text)
    {
    }

    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] char peek(qsizetype ahead = 0) const
    {
        return m_at + ahead < m_text.size() ? m_text[m_at + ahead] : '\0';
    }
    [[nodiscard]] bool follows(const char *word) const
    {
        return QByteArrayView(m_text).sliced(m_at).startsWith(word);
    }
    bool take(const char *word);

    /// The octet that an escape stands for, inside and outside of brackets; -1: something else.
    int escapedByte();
    /// Adds what stands next within brackets; false: not read here.
    bool takeBracketItem(ByteSet &set);
    /// "{2,5}" as Perl reads it; false: nothing of the kind, or text that looks alike.
    bool takeBraces(int &least, int &most);

    /// \d \w \s \h \v \N and their opposites.
    static std::optional<ByteSet> shorthand(char letter);

protected:
    QByteArray m_text;
    qsizetype m_at = 0;

private:
    int hexByte();
    int octalByte();
    int bracketByte();
};

/// Never true of NUL.
bool isOneOf(char c, const char *characters);

}  // namespace portcullis::spam
