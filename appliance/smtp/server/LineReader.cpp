// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/LineReader.h"

#include <algorithm>

namespace portcullis::smtp {

namespace {

/// RFC 5321 §4.1.2 knows no control characters in commands; HT is borne as white space (§4.1.1.1).
bool isCommandOctet(char c)
{
    const auto byte = static_cast<uchar>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

}  // namespace

void LineReader::reset()
{
    m_partial.clear();
    m_length = 0;
    m_endsWithCr = false;
    m_isComplete = false;
    m_line = {};
}

LineReader::Outcome LineReader::read(QByteArrayView &input)
{
    if (m_isComplete) {
        reset();
    }
    qsizetype end = -1;
    for (qsizetype from = 0; end < 0;) {
        const qsizetype newline = input.indexOf('\n', from);
        if (newline < 0) {
            break;
        }
        const bool isCrLf = newline > 0 ? input[newline - 1] == '\r' : m_endsWithCr;
        if (isCrLf) {
            end = newline + 1;
        }
        from = newline + 1;
    }
    const QByteArrayView piece = end < 0 ? input : input.first(end);
    if (piece.isEmpty()) {
        return Outcome::Incomplete;
    }
    input = input.sliced(piece.size());
    m_length += piece.size();
    if (m_length > m_drain) {
        return Outcome::Endless;
    }
    if (end >= 0) {
        return finish(piece);
    }
    m_endsWithCr = piece.back() == '\r';
    const qsizetype room = std::max<qsizetype>(0, m_limit - m_partial.size());
    m_partial.append(piece.first(std::min(room, piece.size())));
    return Outcome::Incomplete;
}

LineReader::Outcome LineReader::finish(QByteArrayView piece)
{
    m_isComplete = true;
    if (m_length > m_limit) {
        return Outcome::TooLong;
    }
    if (m_partial.isEmpty()) {
        m_line = piece.chopped(2);
    } else {
        m_partial.append(piece);
        m_line = QByteArrayView(m_partial).chopped(2);
    }
    return std::all_of(m_line.begin(), m_line.end(), isCommandOctet) ? Outcome::Line
                                                                     : Outcome::Malformed;
}

}  // namespace portcullis::smtp
