// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/verdict/FilterJob.h"

#include "appliance/verdict/Codec.h"

#include <QtCore/QFile>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace portcullis::verdict {

namespace {

constexpr size_t readChunk = 64UL * 1024;
constexpr std::chrono::milliseconds pauseWhenFull{10};  ///< The filter's backlog is full.

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
}

FilterJob::~FilterJob()
{
    m_readable.reset();  // A notifier must not outlive its descriptor.
    m_writable.reset();
    if (m_socket >= 0) {
        ::close(m_socket);
    }
}

void FilterJob::start()
{
    m_deadline.start();
    connectToFilter();
}

void FilterJob::connectToFilter()
{
    if (!m_done) {
        return;  // Gave up while it waited for the backlog.
    }
    const QByteArray path = QFile::encodeName(m_socketPath);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= static_cast<qsizetype>(sizeof address.sun_path)) {
        fail("filter.unavailable", m_socketPath + QStringLiteral(": the path is too long"));
        return;
    }
    std::memcpy(address.sun_path, path.constData(), static_cast<size_t>(path.size()));
    m_socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
    const auto *generic = reinterpret_cast<const sockaddr *>(&address);
    if (m_socket >= 0 && ::connect(m_socket, generic, sizeof address) == 0) {
        beginTalk();
        return;
    }
    const int error = errno;
    if (m_socket >= 0) {
        ::close(m_socket);
        m_socket = -1;
    }
    if (error == EAGAIN) {
        QTimer::singleShot(pauseWhenFull, this, &FilterJob::connectToFilter);
        return;
    }
    fail("filter.unavailable", m_socketPath + QStringLiteral(": ") + qt_error_string(error));
}

void FilterJob::beginTalk()
{
    m_head = encodeFrameHead(encodeRequest(m_request));
    m_readable = std::make_unique<QSocketNotifier>(m_socket, QSocketNotifier::Read);
    connect(m_readable.get(), &QSocketNotifier::activated, this, &FilterJob::receive);
    sendMore();
}

void FilterJob::sendMore()
{
    const QByteArrayView content = m_request.content.view();
    const qsizetype total = m_head.size() + content.size();
    while (m_sent < total) {
        const QByteArrayView head = QByteArrayView(m_head).sliced(std::min(m_sent, m_head.size()));
        const QByteArrayView body = content.sliced(std::max(m_sent - m_head.size(), qsizetype(0)));
        std::array<iovec, 2> pieces{{
            {const_cast<char *>(head.data()), static_cast<size_t>(head.size())},
            {const_cast<char *>(body.data()), static_cast<size_t>(body.size())},
        }};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        const ssize_t count = ::sendmsg(m_socket, &message, MSG_NOSIGNAL);
        if (count >= 0) {
            m_sent += count;
        } else if (errno == EAGAIN) {
            if (!m_writable) {
                m_writable = std::make_unique<QSocketNotifier>(m_socket, QSocketNotifier::Write);
                connect(m_writable.get(), &QSocketNotifier::activated, this, &FilterJob::sendMore);
            }
            return;
        } else if (errno != EINTR) {
            break;  // What the filter said before it went is still to be read.
        }
    }
    if (m_writable) {
        m_writable->setEnabled(false);
    }
}

void FilterJob::receive()
{
    static thread_local std::array<char, readChunk> buffer;
    while (m_done) {
        const ssize_t count = ::read(m_socket, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0) {
            fail("filter.crashed", QStringLiteral("the filter ended without a verdict"));
            return;
        }
        const Status status = m_reader.feed(QByteArrayView(buffer.data(), count));
        if (!status) {
            finish(status.error());
        } else if (m_reader.isComplete()) {
            finish(decodeResponse(m_reader.take()));
        } else if (static_cast<size_t>(count) < buffer.size()) {
            return;  // Nothing more has come yet; the notifier tells.
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
    // Kept until the destructor: this may be one of their signals.
    for (QSocketNotifier *notifier : {m_readable.get(), m_writable.get()}) {
        if (notifier != nullptr) {
            notifier->setEnabled(false);
        }
    }
    if (m_socket >= 0) {
        ::close(std::exchange(m_socket, -1));
    }
    // Queued, because the callback may delete this job.
    auto call = [done = std::exchange(m_done, nullptr), result = std::move(result)]() mutable {
        done(std::move(result));
    };
    QMetaObject::invokeMethod(this, std::move(call), Qt::QueuedConnection);
}

}  // namespace portcullis::verdict
