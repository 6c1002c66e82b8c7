// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/smtp/LoadSession.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace portcullis::bench {

namespace {

constexpr std::size_t readSize = 16 * 1024;

}  // namespace

LoadSession::LoadSession(const LoadSettings &settings,
                         Tickets &tickets,
                         MessageSource &source,
                         LoadResults &results,
                         SSL_CTX *tls,
                         int epoll)
    : m_settings(settings)
    , m_tickets(tickets)
    , m_source(source)
    , m_results(results)
    , m_tls(tls)
    , m_epoll(epoll)
{
}

LoadSession::~LoadSession()
{
    disconnect();
}

void LoadSession::start()
{
    m_hasTicket = m_hasTicket || m_tickets.take();
    if (m_hasTicket) {
        connect();
    } else {
        m_isDone = true;
    }
}

void LoadSession::connect()
{
    m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(m_socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(m_settings.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(m_socket, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0
        && errno != EINPROGRESS) {
        fail("connect");
        return;
    }
    ++m_results.sessions;
    ++m_connects;
    m_step = Step::Greeting;
    m_sentHere = 0;
    epoll_event event{};
    event.events = m_watched = EPOLLIN;
    event.data.ptr = this;
    ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, m_socket, &event);
}

void LoadSession::disconnect()
{
    if (m_ssl != nullptr) {
        SSL_free(m_ssl);
        m_ssl = nullptr;
    }
    if (m_socket >= 0) {
        ::close(m_socket);
        m_socket = -1;
    }
    m_input.clear();
    m_output.clear();
    m_written = 0;
}

void LoadSession::restart()
{
    disconnect();
    start();
}

/// The message under way is lost; without one (before the first) a ticket is spent all the same, so
/// that a server that refuses everybody ends the run.
void LoadSession::fail(const std::string &reason)
{
    ++m_results.failures[reason];
    m_hasTicket = false;
    restart();
}

void LoadSession::watch(std::uint32_t events)
{
    if (events != m_watched) {
        m_watched = events;
        epoll_event event{};
        event.events = events;
        event.data.ptr = this;
        ::epoll_ctl(m_epoll, EPOLL_CTL_MOD, m_socket, &event);
    }
}

void LoadSession::onEvent(std::uint32_t events)
{
    if (m_step == Step::TlsHandshake) {
        handshake();
        return;
    }
    const long before = m_connects;
    if ((events & EPOLLOUT) != 0) {
        flush();
    }
    if (before == m_connects && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        readInput();
    }
}

void LoadSession::handshake()
{
    const int done = SSL_do_handshake(m_ssl);
    if (done == 1) {
        m_step = Step::Ehlo;
        watch(EPOLLIN);
        send("EHLO load.example.net\r\n");
        return;
    }
    switch (SSL_get_error(m_ssl, done)) {
    case SSL_ERROR_WANT_READ:
        watch(EPOLLIN);
        break;
    case SSL_ERROR_WANT_WRITE:
        watch(EPOLLIN | EPOLLOUT);
        break;
    default:
        fail("tls");
    }
}

void LoadSession::readInput()
{
    std::array<char, readSize> buffer{};
    const long count = m_ssl != nullptr ? SSL_read(m_ssl, buffer.data(), int(buffer.size()))
                                        : long(::recv(m_socket, buffer.data(), buffer.size(), 0));
    if (count <= 0) {
        const bool isEarly = m_ssl != nullptr
                                 ? SSL_get_error(m_ssl, int(count)) == SSL_ERROR_WANT_READ
                                 : count < 0 && (errno == EAGAIN || errno == EINTR);
        if (isEarly) {
            return;
        }
        if (m_step == Step::Quit) {
            restart();
        } else {
            fail("closed");
        }
        return;
    }
    m_input.append(buffer.data(), std::size_t(count));
    std::size_t start = 0;
    for (std::size_t end = 0; (end = m_input.find("\r\n", start)) != std::string::npos;) {
        const std::string line = m_input.substr(start, end - start);
        start = end + 2;
        if (!onReply(line)) {
            return;  // Another connection by now.
        }
    }
    m_input.erase(0, start);
}

/// False if this connection is over.
bool LoadSession::onReply(std::string_view line)
{
    const long before = m_connects;
    const bool isLast = line.size() < 4 || line[3] != '-';
    if (m_step == Step::Ehlo && line.size() > 4 && line.substr(4) == "PIPELINING") {
        m_announcesPipelining = true;
    }
    if (!isLast) {
        return true;
    }
    if (m_step == Step::Quit) {
        restart();
        return false;
    }
    const char expected = m_step == Step::Data ? '3' : '2';
    if (line.empty() || line[0] != expected) {
        fail(std::string(line.substr(0, 3)));
        return false;
    }
    onPositive();
    return m_connects == before && !m_isDone;
}

void LoadSession::onPositive()
{
    switch (m_step) {
    case Step::Greeting:
        m_step = Step::Ehlo;
        send("EHLO load.example.net\r\n");
        break;
    case Step::Ehlo:
        if (m_settings.usesTls && m_ssl == nullptr) {
            m_step = Step::StartTls;
            send("STARTTLS\r\n");
        } else {
            sendEnvelope();
        }
        break;
    case Step::StartTls:
        m_ssl = SSL_new(m_tls);
        SSL_set_fd(m_ssl, m_socket);
        SSL_set_connect_state(m_ssl);
        m_step = Step::TlsHandshake;
        handshake();
        break;
    case Step::Mail:
        m_step = Step::Rcpt;
        if (!m_announcesPipelining || !m_settings.pipelines) {
            send("RCPT TO:<" + m_settings.recipient + ">\r\n");
        }
        break;
    case Step::Rcpt:
        m_step = Step::Data;
        if (!m_announcesPipelining || !m_settings.pipelines) {
            send("DATA\r\n");
        }
        break;
    case Step::Data:
        sendMessage();
        break;
    case Step::Dot:
        onMessageTaken();
        break;
    case Step::TlsHandshake:
    case Step::Quit:
        break;
    }
}

void LoadSession::sendEnvelope()
{
    m_step = Step::Mail;
    std::string commands = "MAIL FROM:<" + m_settings.sender + ">\r\n";
    if (m_announcesPipelining && m_settings.pipelines) {
        commands += "RCPT TO:<" + m_settings.recipient + ">\r\nDATA\r\n";
    }
    send(commands);
}

void LoadSession::sendMessage()
{
    m_step = Step::Dot;
    m_source.appendNext(m_output);
    m_dotAt = std::chrono::steady_clock::now();
    flush();
}

void LoadSession::onMessageTaken()
{
    const auto passed = std::chrono::steady_clock::now() - m_dotAt;
    m_results.latencies.push_back(
        std::uint32_t(std::chrono::duration_cast<std::chrono::microseconds>(passed).count()));
    ++m_sentHere;
    const bool isFull = m_settings.messagesPerSession > 0
                        && m_sentHere >= m_settings.messagesPerSession;
    m_hasTicket = m_tickets.take();
    if (m_hasTicket && !isFull) {
        sendEnvelope();
    } else {
        m_step = Step::Quit;
        send("QUIT\r\n");
    }
}

void LoadSession::send(std::string_view text)
{
    m_output.append(text);
    flush();
}

void LoadSession::flush()
{
    while (m_written < m_output.size()) {
        const char *data = m_output.data() + m_written;
        const std::size_t size = m_output.size() - m_written;
        const long count = m_ssl != nullptr ? SSL_write(m_ssl, data, int(size))
                                            : long(::send(m_socket, data, size, MSG_NOSIGNAL));
        if (count > 0) {
            m_written += std::size_t(count);
            continue;
        }
        const bool mustWait = m_ssl != nullptr
                                  ? SSL_get_error(m_ssl, int(count)) == SSL_ERROR_WANT_WRITE
                                  : errno == EAGAIN || errno == EINTR;
        if (mustWait) {
            watch(EPOLLIN | EPOLLOUT);
            return;
        }
        // The peer has gone; what it said before is still to be read, and then the end.
        break;
    }
    m_output.clear();
    m_written = 0;
    watch(EPOLLIN);
}

}  // namespace portcullis::bench
