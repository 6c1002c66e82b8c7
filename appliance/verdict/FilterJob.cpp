// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/FilterJob.h"

#include "appliance/verdict/Codec.h"

#include <algorithm>

namespace portcullis::verdict {

namespace {

/// Bytes handed to the socket at once: a large message must not be copied into its buffer whole.
constexpr qint64 sendWindow = 256 * 1024;

}  // namespace

FilterJob::FilterJob(const Settings &settings,
                     FilterRequest request,
                     Callback done,
                     QObject *parent)
    : QObject(parent)
    , m_socketPath(settings.socketPath)
    , m_request(std::move(request))
    , m_done(std::move(done))
    , m_reader(settings.scratchFolder)
{
    m_deadline.setSingleShot(true);
    m_deadline.setInterval(settings.timeout);
    connect(&m_deadline, &QTimer::timeout, this,
            [this] { fail("filter.timeout", QStringLiteral("no verdict within the time limit")); });
    connect(&m_socket, &QLocalSocket::connected, this, [this] {
        m_isConnected = true;
        m_socket.write(encodeFrameHead(encodeRequest(m_request)));
        sendMore();
    });
    connect(&m_socket, &QLocalSocket::bytesWritten, this, &FilterJob::sendMore);
    connect(&m_socket, &QLocalSocket::readyRead, this, &FilterJob::receive);
    connect(&m_socket, &QLocalSocket::errorOccurred, this, [this] {
        receive();
        if (m_isConnected) {
            fail("filter.crashed", QStringLiteral("the filter ended without a verdict"));
        } else {
            fail("filter.unavailable", m_socket.errorString());
        }
    });
}

void FilterJob::start()
{
    m_deadline.start();
    m_socket.connectToServer(m_socketPath);
}

void FilterJob::sendMore()
{
    const QByteArrayView content = m_request.content.view();
    while (m_sent < content.size() && m_socket.bytesToWrite() < sendWindow) {
        const qint64 count = std::min(sendWindow, content.size() - m_sent);
        m_socket.write(content.data() + m_sent, count);
        m_sent += count;
    }
}

void FilterJob::receive()
{
    while (m_done && m_socket.bytesAvailable() > 0) {
        const Status status = m_reader.feed(m_socket.read(sendWindow));
        if (!status) {
            finish(status.error());
        } else if (m_reader.isComplete()) {
            finish(decodeResponse(m_reader.take()));
        }
    }
}

void FilterJob::fail(const char *id, const QString &detail)
{
    finish(Error::transient(id, detail));
}

void FilterJob::finish(Result<FilterResponse> result)
{
    if (!m_done) {
        return;
    }
    if (result && !result->contents.empty()) {
        result->contents.front() = m_request.content;
    }
    m_deadline.stop();
    m_socket.disconnect(this);
    m_socket.abort();
    // Queued, because the callback may delete this job, and we may be inside the socket's own code.
    auto call = [done = std::exchange(m_done, nullptr), result = std::move(result)]() mutable {
        done(std::move(result));
    };
    QMetaObject::invokeMethod(this, std::move(call), Qt::QueuedConnection);
}

}  // namespace portcullis::verdict
