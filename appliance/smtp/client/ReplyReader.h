// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/client/ClientLimits.h"
#include "appliance/smtp/Reply.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::smtp {

/// A reply with its lines, as EHLO needs them. `lines` have neither code nor line ending; control
/// characters and broken UTF-8 have become '?'.
struct ServerReply {
    Reply reply;
    std::vector<QByteArray> lines;
};

/// Cuts a next hop's bytes into replies (RFC 5321 §4.2). The peer is a stranger: memory and work are
/// bounded by ReplyLimits, whatever it sends.
class ReplyReader
{
public:
    explicit ReplyReader(ReplyLimits limits = {});

    /// Adds bytes. Cheap; parsing happens in next().
    void append(QByteArrayView bytes);

    /// The next complete reply, nothing if more bytes are needed.
    /// Errors, after which the reader is useless: `smtp.reply-syntax`, `smtp.reply-too-long`
    /// (transient: the connection is to be dropped).
    Result<std::optional<ServerReply>> next();

    /// Whether bytes are left that belong to no reply given out yet.
    [[nodiscard]] bool hasBufferedBytes() const { return m_position < m_buffer.size(); }

    /// Forgets all bytes, e.g. before a TLS handshake.
    void clear();

private:
    Status addLine(QByteArrayView line);
    ServerReply finish();

    ReplyLimits m_limits;
    QByteArray m_buffer;
    qsizetype m_position = 0;  ///< Start of the line that is not consumed yet.
    qsizetype m_searched = 0;  ///< No line end before this.
    qsizetype m_replyBytes = 0;
    bool m_isDropping = false;  ///< Inside the rest of a line that was too long.
    bool m_isLastLine = false;
    int m_code = 0;
    std::vector<QByteArray> m_lines;
};

/// The enhanced status code at the start of `text` if it fits the reply code (RFC 2034 §4,
/// RFC 3463 §2); empty otherwise. `length` receives the octets it takes with the space behind it.
QByteArray enhancedCodeOf(QByteArrayView text, int code, qsizetype *length = nullptr);

}  // namespace portcullis::smtp
