// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/HttpReplyReader.h"

#include <QtCore/QByteArrayList>

#include <algorithm>

namespace portcullis::delivery {

namespace {

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

}  // namespace

HttpReplyReader::HttpReplyReader(HttpReplyLimits limits)
    : m_limits(limits)
{
}

bool HttpReplyReader::fail(const char *id, const char *reason)
{
    m_state = State::Failed;
    m_buffer.clear();
    m_failure = Error::permanent(id, QString::fromUtf8(reason));
    return false;
}

void HttpReplyReader::receive(QByteArrayView bytes)
{
    if (m_state == State::Done || m_state == State::Failed) {
        return;
    }
    m_buffer.append(bytes);
    while (step()) {
    }
}

void HttpReplyReader::end()
{
    if (m_state == State::Done || m_state == State::Failed) {
        return;
    }
    // RFC 9112 §6.3: without a length the end of the connection is the end of the body.
    if (m_state == State::Body && !m_length) {
        m_state = State::Done;
        return;
    }
    fail("http.cut", "the connection ended before the reply");
}

/// One step onwards; false if more bytes are needed or there is no further.
bool HttpReplyReader::step()
{
    switch (m_state) {
    case State::Head:
        return readHead();
    case State::Body:
        return readBody();
    case State::ChunkSize:
        return readChunkSize();
    case State::Chunk:
        return readChunk();
    case State::ChunkEnd:
        if (const auto line = takeLine()) {
            m_state = State::ChunkSize;
            return line->isEmpty() || fail("http.syntax", "a chunk is longer than its size");
        }
        return false;
    case State::Trailer:
        if (const auto line = takeLine()) {
            m_state = line->isEmpty() ? State::Done : State::Trailer;
            return m_state == State::Trailer;
        }
        return false;
    case State::Done:
    case State::Failed:
        break;
    }
    return false;
}

std::optional<QByteArray> HttpReplyReader::takeLine()
{
    const qsizetype end = m_buffer.indexOf('\n');
    if (m_headSize + (end < 0 ? m_buffer.size() : end + 1) > m_limits.head) {
        fail("http.too-long", "the header is too long");
        return std::nullopt;
    }
    if (end < 0) {
        return std::nullopt;
    }
    m_headSize += end + 1;
    QByteArray line = m_buffer.first(end);
    m_buffer.remove(0, end + 1);
    if (line.endsWith('\r')) {
        line.chop(1);
    }
    return line;
}

bool HttpReplyReader::readHead()
{
    const auto line = takeLine();
    if (!line) {
        return false;
    }
    if (!m_hasStatusLine) {
        // "HTTP/1.1 200 OK"
        const bool isStatus = line->size() >= 12 && line->startsWith("HTTP/1.") && (*line)[8] == ' '
                              && std::all_of(line->begin() + 9, line->begin() + 12, isDigit);
        m_hasStatusLine = true;
        m_status = isStatus ? line->sliced(9, 3).toInt() : 0;
        return isStatus || fail("http.syntax", "this is no HTTP reply");
    }
    if (!line->isEmpty()) {
        return readField(*line);
    }
    if (m_status / 100 == 1) {
        m_hasStatusLine = false;  // RFC 9110 §15.2: an interim reply; the real one follows.
        return true;
    }
    m_state = m_isChunked ? State::ChunkSize : State::Body;
    return true;
}

bool HttpReplyReader::readField(QByteArrayView line)
{
    const qsizetype colon = line.indexOf(':');
    if (colon <= 0) {
        return fail("http.syntax", "a header line is no field");
    }
    const QByteArray name = line.first(colon).toByteArray().toLower();
    const QByteArray value = line.sliced(colon + 1).trimmed().toByteArray();
    if (name == "content-type") {
        m_contentType = value.toLower();
    } else if (name == "transfer-encoding") {
        if (value.toLower() != "chunked") {
            return fail("http.syntax", "an unknown transfer coding");
        }
        m_isChunked = true;
    } else if (name == "content-length") {
        constexpr qsizetype mostDigits = 12;
        if (value.isEmpty() || value.size() > mostDigits
            || !std::all_of(value.begin(), value.end(), isDigit)) {
            return fail("http.syntax", "Content-Length is no number");
        }
        m_length = value.toLongLong();
        if (*m_length > m_limits.body) {
            return fail("http.too-long", "the body is too long");
        }
    }
    return true;
}

bool HttpReplyReader::appendToBody(QByteArrayView bytes)
{
    if (m_body.size() + bytes.size() > m_limits.body) {
        return fail("http.too-long", "the body is too long");
    }
    m_body.append(bytes);
    return true;
}

bool HttpReplyReader::readBody()
{
    const qsizetype size = m_length ? std::min(*m_length - m_body.size(), m_buffer.size())
                                    : m_buffer.size();
    if (!appendToBody(QByteArrayView(m_buffer).first(size))) {
        return false;
    }
    m_buffer.clear();
    if (m_length && m_body.size() == *m_length) {
        m_state = State::Done;
    }
    return false;
}

bool HttpReplyReader::readChunkSize()
{
    const auto line = takeLine();
    if (!line) {
        return false;
    }
    const QByteArray digits = line->split(';').front().trimmed();  // RFC 9112 §7.1.1: extensions.
    constexpr qsizetype mostDigits = 8;
    bool isNumber = false;
    m_left = digits.size() <= mostDigits ? digits.toLongLong(&isNumber, 16) : 0;
    if (!isNumber || m_left < 0) {
        return fail("http.syntax", "a chunk has no size");
    }
    m_state = m_left == 0 ? State::Trailer : State::Chunk;
    return true;
}

bool HttpReplyReader::readChunk()
{
    const qsizetype size = std::min(m_left, m_buffer.size());
    if (!appendToBody(QByteArrayView(m_buffer).first(size))) {
        return false;
    }
    m_buffer.remove(0, size);
    m_left -= size;
    if (m_left > 0) {
        return false;
    }
    m_state = State::ChunkEnd;
    return true;
}

}  // namespace portcullis::delivery
