// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Error.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::delivery {

/// What a policy host may send us.
struct HttpReplyLimits {
    qsizetype head = 16 * 1024;  ///< Octets. Range 1 KiB … 1 MiB. Status line and header fields.
    qsizetype body = 64 * 1024;  ///< Octets. Range 1 KiB … 16 MiB. RFC 8461 §3.3.
};

/// Reads the reply to one GET (RFC 9112), bytes in, body out: plain, with a length, or in chunks.
/// Not thread-safe; deterministic; every input is survived.
///
/// Our own, because QNetworkAccessManager of Qt 6.4 reads header fields without any bound.
class HttpReplyReader
{
public:
    explicit HttpReplyReader(HttpReplyLimits limits = {});

    void receive(QByteArrayView bytes);
    void end();  ///< The connection was closed.

    [[nodiscard]] bool isDone() const { return m_state == State::Done; }
    /// `http.syntax`, `http.too-long`, `http.cut`; permanent.
    [[nodiscard]] const std::optional<Error> &failure() const { return m_failure; }

    [[nodiscard]] int status() const { return m_status; }
    [[nodiscard]] const QByteArray &contentType() const { return m_contentType; }  ///< Lower case.
    [[nodiscard]] const QByteArray &body() const { return m_body; }

private:
    enum class State { Head, Body, ChunkSize, Chunk, ChunkEnd, Trailer, Done, Failed };

    bool step();
    bool readHead();
    bool readField(QByteArrayView line);
    bool readBody();
    bool readChunkSize();
    bool readChunk();
    std::optional<QByteArray> takeLine();
    bool appendToBody(QByteArrayView bytes);
    bool fail(const char *id, const char *reason);

    HttpReplyLimits m_limits;
    State m_state = State::Head;
    QByteArray m_buffer;
    qsizetype m_headSize = 0;  ///< All that is not body.
    bool m_hasStatusLine = false;
    bool m_isChunked = false;
    std::optional<qsizetype> m_length;
    qsizetype m_left = 0;  ///< Of the chunk.
    int m_status = 0;
    QByteArray m_contentType;
    QByteArray m_body;
    std::optional<Error> m_failure;
};

}  // namespace portcullis::delivery
