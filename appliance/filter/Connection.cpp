// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/Connection.h"

#include "appliance/verdict/Codec.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace portcullis::filter {

namespace {

constexpr size_t readChunk = 256UL * 1024;

}  // namespace

Connection::Connection(int descriptor, QString scratchFolder)
    : m_descriptor(descriptor)
    , m_scratchFolder(std::move(scratchFolder))
{
}

Result<verdict::Frame> Connection::readFrame()
{
    static thread_local std::array<char, readChunk> buffer;
    verdict::FrameReader reader(m_scratchFolder);
    while (!reader.isComplete()) {
        const ssize_t count = ::read(m_descriptor, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return Error::transient("filter.connection",
                                    QStringLiteral("the session is gone before its request ended"));
        }
        TRY(reader.feed(QByteArrayView(buffer.data(), count)));
    }
    return reader.take();
}

Status Connection::writeFrame(const verdict::Frame &frame)
{
    TRY(writeAll(verdict::encodeFrameHead(frame)));
    for (const mail::Content &content : frame.contents) {
        TRY(writeAll(content.view()));
    }
    return ok();
}

void Connection::refuse(const Error &error)
{
    static_cast<void>(writeFrame(verdict::encodeFailure(error)));
    ::shutdown(m_descriptor, SHUT_WR);
    // Closing with bytes unread would reset the connection, and the answer with it.
    static thread_local std::array<char, readChunk> buffer;
    ssize_t count = 1;
    while (count > 0 || (count < 0 && errno == EINTR)) {
        count = ::read(m_descriptor, buffer.data(), buffer.size());
    }
}

Status Connection::writeAll(QByteArrayView bytes)
{
    while (!bytes.isEmpty()) {
        const ssize_t count = ::send(m_descriptor, bytes.data(), static_cast<size_t>(bytes.size()),
                                     MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return Error::fromErrno("filter.connection", QStringLiteral("answering"), errno);
        }
        bytes = bytes.sliced(count);
    }
    return ok();
}

}  // namespace portcullis::filter
