// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/BlockingResolver.h"

#include <QtCore/QFile>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace portcullis {

namespace {

using std::chrono::steady_clock;

/// The service answers this much before we stop listening, so that what it has found arrives.
constexpr std::chrono::milliseconds answerMargin{100};
constexpr std::chrono::milliseconds connectPause{20};  ///< Between attempts to reach a new service.

std::chrono::milliseconds timeUntil(steady_clock::time_point deadline)
{
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()));
}

/// Waits for `events`; false at the deadline.
bool waitFor(int socket, short events, steady_clock::time_point deadline)
{
    for (;;) {
        const auto left = timeUntil(deadline);
        pollfd waiting{socket, events, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready > 0) {
            return true;
        }
        if ((ready == 0 && left.count() == 0) || (ready < 0 && errno != EINTR)) {
            return false;
        }
    }
}

void fillUp(std::vector<Result<DnsAnswer>> &results, size_t size, const Error &error)
{
    while (results.size() < size) {
        results.emplace_back(error);
    }
}

}  // namespace

BlockingResolver::BlockingResolver(QString socketPath, BlockingResolverLimits limits)
    : m_path(std::move(socketPath))
    , m_limits(limits)
{
}

BlockingResolver::~BlockingResolver()
{
    disconnect();
}

void BlockingResolver::disconnect()
{
    if (m_socket >= 0) {
        ::close(m_socket);
        m_socket = -1;
    }
    m_received.clear();
    failStarted();
}

bool BlockingResolver::connectNow()
{
    const QByteArray path = QFile::encodeName(m_path);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= static_cast<qsizetype>(sizeof address.sun_path)) {
        return false;
    }
    std::memcpy(address.sun_path, path.constData(), static_cast<size_t>(path.size()));
    m_socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
    const auto *generic = reinterpret_cast<const sockaddr *>(&address);
    if (m_socket < 0 || ::connect(m_socket, generic, sizeof address) != 0) {
        disconnect();
        return false;
    }
    return true;
}

bool BlockingResolver::connectUntil(SteadyTime deadline)
{
    const SteadyTime now = steady_clock::now();
    if (connectNow()) {
        return true;
    }
    if (now < m_restsUntil) {
        return false;
    }
    const SteadyTime end = std::min(deadline, now + m_limits.patience);
    while (steady_clock::now() < end) {
        std::this_thread::sleep_for(std::min(connectPause, timeUntil(end)));
        if (connectNow()) {
            return true;
        }
    }
    m_restsUntil = steady_clock::now() + m_limits.rest;
    return false;
}

BlockingResolver::Exchange BlockingResolver::send(const QByteArray &frame, SteadyTime deadline)
{
    QByteArrayView left(frame);
    while (!left.isEmpty()) {
        const ssize_t sent = ::send(m_socket, left.data(), static_cast<size_t>(left.size()),
                                    MSG_NOSIGNAL);
        if (sent > 0) {
            left = left.sliced(sent);
        } else if (sent < 0 && errno == EAGAIN) {
            if (!waitFor(m_socket, POLLOUT, deadline)) {
                return Exchange::Late;
            }
        } else if (sent == 0 || errno != EINTR) {
            return Exchange::Broken;
        }
    }
    return Exchange::Done;
}

/// Reads until `size` bytes are there.
BlockingResolver::Exchange BlockingResolver::receive(qsizetype size, SteadyTime deadline)
{
    constexpr qsizetype step = 64 * 1024;
    while (m_received.size() < size) {
        if (!waitFor(m_socket, POLLIN, deadline)) {
            return Exchange::Late;
        }
        const qsizetype had = m_received.size();
        m_received.resize(had + step);
        const ssize_t got = ::recv(m_socket, m_received.data() + had, step, 0);
        m_received.resize(had + std::max<qsizetype>(got, 0));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            return Exchange::Broken;
        }
    }
    return Exchange::Done;
}

BlockingResolver::Exchange BlockingResolver::receiveResponse(SteadyTime deadline,
                                                             resolverwire::Response &response)
{
    using namespace resolverwire;
    if (const Exchange got = receive(headSize, deadline); got != Exchange::Done) {
        return got;
    }
    const auto size = payloadSize(m_received, FrameKind::Response);
    if (!size) {
        return Exchange::Broken;
    }
    const qsizetype whole = headSize + qsizetype(*size);
    if (const Exchange got = receive(whole, deadline); got != Exchange::Done) {
        return got;
    }
    auto decoded = decodeResponse(QByteArrayView(m_received).sliced(headSize, *size));
    m_received.remove(0, whole);
    if (!decoded) {
        return Exchange::Broken;
    }
    response = std::move(*decoded);
    return Exchange::Done;
}

BlockingResolver::Exchange BlockingResolver::exchange(const resolverwire::Request &request,
                                                      SteadyTime deadline,
                                                      std::vector<Result<DnsAnswer>> &answers)
{
    if (const Exchange sent = send(encode(request), deadline); sent != Exchange::Done) {
        return sent;
    }
    for (;;) {
        resolverwire::Response response;
        if (const Exchange got = receiveResponse(deadline, response); got != Exchange::Done) {
            return got;
        }
        if (response.id != request.id) {
            keep(std::move(response));
            continue;
        }
        if (response.answers.size() != request.questions.size()) {
            return Exchange::Broken;
        }
        std::ranges::move(response.answers, std::back_inserter(answers));
        return Exchange::Done;
    }
}

/// Puts aside what start() asked for; the rest are answers that we gave up waiting for.
void BlockingResolver::keep(resolverwire::Response response)
{
    const auto started = m_started.find(response.id);
    if (started == m_started.end()) {
        return;
    }
    if (response.answers.size() != started->second) {
        response.answers.clear();
    }
    fillUp(response.answers, started->second,
           Error::transient("dns.servfail", QStringLiteral("the resolver service talks nonsense")));
    m_arrived.push_back({response.id, std::move(response.answers)});
    m_started.erase(started);
}

/// The connection is gone, and with it the answers to come.
void BlockingResolver::failStarted()
{
    for (const auto &[ticket, count] : m_started) {
        Arrival failed{ticket, {}};
        fillUp(failed.answers, count,
               Error::transient("dns.servfail",
                                QStringLiteral("the resolver service %1 is away").arg(m_path)));
        m_arrived.push_back(std::move(failed));
    }
    m_started.clear();
}

BlockingResolver::Ticket BlockingResolver::start(const std::vector<Question> &questions,
                                                 std::chrono::milliseconds deadline)
{
    // The socket takes some 200 KB before it makes us wait; a service that reads nothing is hung.
    constexpr std::chrono::milliseconds sendTime{100};
    resolverwire::Request request{++m_lastId, deadline, questions};
    const QByteArray frame = encode(request);
    bool isSent = false;
    for (int attempt = 0; attempt < 2 && !isSent; ++attempt) {
        if (m_socket < 0 && !connectNow()) {
            break;
        }
        isSent = send(frame, steady_clock::now() + sendTime) == Exchange::Done;
        if (!isSent) {
            disconnect();
        }
    }
    m_started.emplace(request.id, questions.size());
    if (!isSent) {
        failStarted();
    }
    return request.id;
}

std::vector<BlockingResolver::Arrival> BlockingResolver::collect(SteadyTime until)
{
    while (m_arrived.empty() && !m_started.empty()) {
        resolverwire::Response response;
        const Exchange got = receiveResponse(until, response);
        if (got == Exchange::Done) {
            keep(std::move(response));
        } else if (got == Exchange::Broken) {
            disconnect();
        } else {
            break;
        }
    }
    return std::exchange(m_arrived, {});
}

void BlockingResolver::forget(const std::vector<Ticket> &tickets)
{
    for (const Ticket ticket : tickets) {
        m_started.erase(ticket);
        std::erase_if(m_arrived, [ticket](const Arrival &own) { return own.ticket == ticket; });
    }
}

void BlockingResolver::ask(const Question *questions,
                           size_t count,
                           SteadyTime deadline,
                           std::vector<Result<DnsAnswer>> &results)
{
    const size_t wanted = results.size() + count;
    resolverwire::Request request;
    request.questions.assign(questions, questions + count);
    // A connection may have ended while nobody looked: one more attempt with a new one.
    for (int attempt = 0; attempt < 2 && results.size() < wanted; ++attempt) {
        if (m_socket < 0 && !connectUntil(deadline)) {
            break;
        }
        request.id = ++m_lastId;
        const auto left = timeUntil(deadline);
        request.deadline = left - std::min(answerMargin, left / 4);
        const Exchange outcome = exchange(request, deadline, results);
        if (outcome == Exchange::Late) {
            // A service that does not answer in time is hung: the next one may be better.
            disconnect();
            fillUp(results, wanted,
                   Error::transient("dns.timeout",
                                    QStringLiteral("the resolver service does not answer")));
        } else if (outcome == Exchange::Broken) {
            disconnect();
        }
    }
    fillUp(results, wanted,
           Error::transient("dns.servfail",
                            QStringLiteral("the resolver service %1 is away").arg(m_path)));
}

std::vector<Result<DnsAnswer>> BlockingResolver::lookup(const std::vector<Question> &questions,
                                                        std::chrono::milliseconds deadline)
{
    const SteadyTime end = steady_clock::now() + deadline;
    const size_t most = resolverwire::Limits().questions;
    std::vector<Result<DnsAnswer>> results;
    results.reserve(questions.size());
    for (size_t at = 0; at < questions.size(); at += most) {
        ask(questions.data() + at, std::min(most, questions.size() - at), end, results);
    }
    return results;
}

Result<DnsAnswer> BlockingResolver::lookup(const QByteArray &name,
                                           DnsType type,
                                           std::chrono::milliseconds deadline)
{
    return lookup({{name, type}}, deadline).front();
}

}  // namespace portcullis
