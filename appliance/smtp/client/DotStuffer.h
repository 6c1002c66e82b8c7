// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::smtp {

/// Puts a message on the wire after DATA (RFC 5321 §4.5.2), a block at a time, without copying: the
/// slices point into the message and into constants.
///
/// Whatever the message holds, the only line ending that leaves is CRLF: a bare CR or LF becomes
/// CRLF, so that no next hop can see an end of data where we saw none.
class DotStuffer
{
public:
    DotStuffer() = default;
    explicit DotStuffer(QByteArrayView message);  ///< `message` must outlive this.

    /// Slices of the next block: about `maxBytes`, less only at the end. The last block closes an
    /// unfinished line and ends with the dot.
    std::vector<QByteArrayView> next(qsizetype maxBytes);

    [[nodiscard]] bool isFinished() const { return m_isFinished; }

private:
    QByteArrayView m_rest;
    bool m_isLineStart = true;
    bool m_isFinished = false;
};

/// Whether any octet is above 127.
bool hasEightBitData(QByteArrayView bytes);

/// Header block of a message, without the empty line; the whole message if there is none.
QByteArrayView headerOf(QByteArrayView message);

}  // namespace portcullis::smtp
