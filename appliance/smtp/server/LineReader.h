// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::smtp {

/// Cuts command lines out of a stream of octets, ended by CRLF and nothing else (RFC 5321 §2.3.8).
///
/// A CR or LF alone does not end a line, it spoils it: what follows up to the real CRLF belongs to
/// the same refused line and can never become a command of its own.
class LineReader
{
public:
    /// Lines beyond `limit` octets (CRLF included) are skipped, beyond `drain` the caller hangs up.
    LineReader(qsizetype limit, qsizetype drain)
        : m_limit(limit)
        , m_drain(drain)
    {
    }

    enum class Outcome {
        Incomplete,  ///< All input was taken; come back with more.
        Line,        ///< line() is good: printable ASCII, HT, or octets above 127.
        Malformed,   ///< A whole line, with a bare CR or LF, a NUL or another control character.
        TooLong,     ///< A whole line, longer than the limit.
        Endless      ///< Longer than `drain`.
    };

    /// Takes octets from the front of `input`, up to the end of one line.
    Outcome read(QByteArrayView &input);

    /// The line without CRLF. Valid until the next read() and while the input lives.
    [[nodiscard]] QByteArrayView line() const { return m_line; }

    [[nodiscard]] bool isAtLineStart() const { return m_length == 0 || m_isComplete; }

    /// Forgets a half-read line.
    void reset();

private:
    Outcome finish(QByteArrayView piece);

    qsizetype m_limit;
    qsizetype m_drain;
    QByteArray m_partial;    ///< Front of a line that came in pieces; never beyond the limit.
    qsizetype m_length = 0;  ///< Octets of the current line so far.
    bool m_endsWithCr = false;
    bool m_isComplete = false;
    QByteArrayView m_line;
};

}  // namespace portcullis::smtp
