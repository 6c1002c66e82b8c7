// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/Listener.h"

#include "appliance/base/Log.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace portcullis::smtp {

namespace {

constexpr int backlog = 1024;                                  ///< Capped by net.core.somaxconn.
constexpr auto pauseOnError = std::chrono::milliseconds(250);  ///< Between tries to accept again.
constexpr int acceptsInARow = 64;  ///< Then other sessions of the thread have their turn.

/// An Internet address as the socket API wants it.
struct SocketAddress {
    SocketAddress(const QHostAddress &address, quint16 port)
    {
        if (address.protocol() == QAbstractSocket::IPv4Protocol) {
            auto *v4 = reinterpret_cast<sockaddr_in *>(&storage);  // NOLINT: the API's own idiom
            v4->sin_family = AF_INET;
            v4->sin_port = htons(port);
            v4->sin_addr.s_addr = htonl(address.toIPv4Address());
            length = sizeof *v4;
            return;
        }
        auto *v6 = reinterpret_cast<sockaddr_in6 *>(&storage);  // NOLINT: the API's own idiom
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        const Q_IPV6ADDR octets = address.toIPv6Address();
        std::memcpy(&v6->sin6_addr, &octets, sizeof octets);
        length = sizeof *v6;
    }

    [[nodiscard]] const sockaddr *raw() const
    {
        return reinterpret_cast<const sockaddr *>(&storage);  // NOLINT: the API's own idiom
    }

    sockaddr_storage storage{};
    socklen_t length = 0;
};

quint16 boundPort(int descriptor)
{
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto *raw = reinterpret_cast<sockaddr *>(&storage);  // NOLINT: the API's own idiom
    if (::getsockname(descriptor, raw, &length) != 0) {
        return 0;
    }
    return ntohs(storage.ss_family == AF_INET
                     ? reinterpret_cast<const sockaddr_in *>(&storage)->sin_port      // NOLINT
                     : reinterpret_cast<const sockaddr_in6 *>(&storage)->sin6_port);  // NOLINT
}

enum class Sharing { Exclusive, Reusable };

Result<int> boundSocket(const QHostAddress &address, quint16 port, Sharing sharing)
{
    const SocketAddress target(address, port);
    const int descriptor = ::socket(target.storage.ss_family,
                                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    const int off = 0;
    const bool isBound =
        descriptor >= 0 && ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
        && (sharing == Sharing::Exclusive
            || ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0)
        && (address != QHostAddress(QHostAddress::Any)
            || ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0)
        && ::bind(descriptor, target.raw(), target.length) == 0
        && ::listen(descriptor, backlog) == 0;
    if (!isBound) {
        const int error = errno;
        if (descriptor >= 0) {
            ::close(descriptor);
        }
        return Error::fromErrno(
            "smtp.bind", address.toString() + QLatin1Char(':') + QString::number(port), error);
    }
    return descriptor;
}

}  // namespace

std::shared_ptr<const ListenerConfig> ListenerConfig::from(const ServerSettings &server,
                                                           const ListenerSettings &listener)
{
    auto config = std::make_shared<ListenerConfig>();
    auto session = std::make_shared<SessionSettings>(listener.session);
    if (!server.identity) {
        session->extensions.setFlag(Extension::StartTls, false);
    }
    config->settings = listener;
    config->session = std::move(session);
    config->identity = server.identity;
    config->logsTls = server.logsTls;
    return config;
}

ListenerState::ListenerState(std::shared_ptr<const ListenerConfig> config)
    : m_config(std::move(config))
{
}

std::shared_ptr<const ListenerConfig> ListenerState::config() const
{
    const std::scoped_lock lock(m_mutex);
    return m_config;
}

void ListenerState::setConfig(std::shared_ptr<const ListenerConfig> config)
{
    const std::scoped_lock lock(m_mutex);
    m_config = std::move(config);
}

Result<std::vector<int>> bindReusable(const QHostAddress &address, quint16 &port, int count)
{
    if (port != 0) {
        ::close(TRY(boundSocket(address, port, Sharing::Exclusive)));
    }
    std::vector<int> descriptors;
    for (int i = 0; i < count; ++i) {
        const auto descriptor = boundSocket(address, port, Sharing::Reusable);
        if (!descriptor) {
            for (const int bound : descriptors) {
                ::close(bound);
            }
            return descriptor.error();
        }
        descriptors.push_back(*descriptor);
        port = boundPort(*descriptor);
    }
    return descriptors;
}

Listener::Listener(std::shared_ptr<ListenerState> state, int descriptor, Accept accept)
    : m_state(std::move(state))
    , m_descriptor(descriptor)
    , m_accept(std::move(accept))
    , m_notifier(descriptor, QSocketNotifier::Read)
{
    connect(&m_notifier, &QSocketNotifier::activated, this, &Listener::acceptAll);
    m_resume.setSingleShot(true);
    m_resume.setInterval(pauseOnError);
    connect(&m_resume, &QTimer::timeout, this, [this] { m_notifier.setEnabled(true); });
}

Listener::~Listener()
{
    m_notifier.setEnabled(false);
    ::close(m_descriptor);
}

void Listener::acceptAll()
{
    for (int i = 0; i < acceptsInARow; ++i) {
        const int connection = ::accept4(m_descriptor, nullptr, nullptr,
                                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0) {
            take(connection);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            pause(errno);
            return;
        }
    }
}

/// Out of descriptors or memory: the connection stays in the queue, and so the notifier would call
/// again at once. We look again after a pause.
void Listener::pause(int error)
{
    m_notifier.setEnabled(false);
    m_resume.start();
    log::write(log::Severity::Error, "smtp.accept-failed", {},
               {{"listener", m_state->config()->settings.name}, {"error", std::strerror(error)}});
}

void Listener::take(int connection)
{
    const auto config = m_state->config();
    if (m_state->connections.fetch_add(1) < config->settings.maxConnections) {
        m_accept(m_state, connection);
        return;
    }
    --m_state->connections;
    // No session is made: a flood must cost as little as possible.
    static constexpr char busy[] = "421 4.7.0 Too many connections, try again later\r\n";
    [[maybe_unused]] const ssize_t sent = ::send(connection, static_cast<const char *>(busy),
                                                 sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(connection);
    log::write(log::Severity::Warning, "smtp.too-many-connections", {},
               {{"listener", config->settings.name}});
}

}  // namespace portcullis::smtp
