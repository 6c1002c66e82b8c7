// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// A reading position in one Received line whose words are separated by single spaces.
///
/// Each step either finds what it is asked for, moves behind it and says true, or says false; then the
/// position means nothing. Copies are cheap: a form that does not fit is left with its copy. No step
/// looks at a byte more than a bounded number of times.
class HopLine
{
public:
    explicit HopLine(QByteArrayView text, qsizetype at = 0)
        : m_text(text)
        , m_at(at)
    {
    }

    [[nodiscard]] QByteArrayView text() const { return m_text; }
    [[nodiscard]] QByteArrayView rest() const { return m_text.sliced(m_at); }
    [[nodiscard]] bool atEnd() const { return m_at >= m_text.size(); }
    [[nodiscard]] bool has(QByteArrayView piece) const { return m_text.contains(piece); }

    /// Anywhere in the line, with no letter or digit before or behind.
    [[nodiscard]] bool hasWords(QByteArrayView words) const;

    bool literal(QByteArrayView expected);
    bool literalAnyCase(QByteArrayView expected);
    /// One of "HELO" and "EHLO".
    bool greeting();
    bool digits();

    bool word() { return word(m_ignored); }
    bool word(QByteArrayView &value);
    /// As word(), but nothing will do, too.
    bool maybeWord(QByteArrayView &value);
    /// The rest of this word, which must end with `end`; the value is without it and may be empty.
    bool wordEnding(QByteArrayView end) { return wordEnding(end, m_ignored); }
    bool wordEnding(QByteArrayView end, QByteArrayView &value);
    /// This word up to its last `separator`.
    bool wordUpToLast(QByteArrayView separator, QByteArrayView &value);

    bool address() { return address(m_ignored); }
    bool address(QByteArrayView &value);
    /// "ident@" if it is there, and an address, both within this word.
    bool identAndAddress(QByteArrayView separator, QByteArrayView &ident, QByteArrayView &address);

    /// The "%eth0" behind a link-local address, if there is one (RFC 4007 §11).
    void skipZone();
    /// "(something)", without a parenthesis inside.
    bool comment();
    /// Everything up to and with the next `piece`, of which no more than `most` bytes are before it.
    bool through(QByteArrayView piece, qsizetype most = unbounded);
    /// The first (last) place where `before`, a word and `after` stand in a row.
    bool firstWordBetween(QByteArrayView before, QByteArrayView after, QByteArrayView &value);
    bool lastWordBetween(QByteArrayView before, QByteArrayView after, QByteArrayView &value);

    static constexpr qsizetype unbounded = 1'000'000'000;

private:
    [[nodiscard]] qsizetype wordEnd() const;
    bool wordBetweenAt(qsizetype at,
                       QByteArrayView before,
                       QByteArrayView after,
                       QByteArrayView &value);

    QByteArrayView m_text;
    qsizetype m_at;
    QByteArrayView m_ignored;
};

/// The text up to its last letter or digit: what is left of a word before closing punctuation.
QByteArrayView upToLastWordByte(QByteArrayView text);

}  // namespace portcullis::spam
