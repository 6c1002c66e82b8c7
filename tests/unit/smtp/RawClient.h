// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QElapsedTimer>
#include <QtCore/QtGlobal>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace portcullis::test {

/// A blocking client that sends exactly the octets it is told to, in the segments it is told to,
/// over TCP or OpenSSL. Waits at most 10 s for anything.
class RawClient
{
public:
    explicit RawClient(quint16 port)
        : m_descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        m_isConnected = ::connect(m_descriptor,
                                  reinterpret_cast<const sockaddr *>(&address),  // NOLINT
                                  sizeof address)
                        == 0;
    }
    RawClient(RawClient &&other) noexcept
        : m_descriptor(std::exchange(other.m_descriptor, -1))
        , m_isConnected(other.m_isConnected)
        , m_context(std::move(other.m_context))
        , m_tls(std::move(other.m_tls))
        , m_buffer(std::move(other.m_buffer))
    {
    }
    RawClient &operator=(RawClient &&) = delete;
    ~RawClient()
    {
        if (m_descriptor >= 0) {
            ::close(m_descriptor);
        }
    }

    [[nodiscard]] bool isConnected() const { return m_isConnected; }
    [[nodiscard]] int descriptor() const { return m_descriptor; }
    [[nodiscard]] SSL *tls() const { return m_tls.get(); }

    bool send(const QByteArray &octets)
    {
        const int length = static_cast<int>(octets.size());
        return m_tls ? SSL_write(m_tls.get(), octets.constData(), length) == length
                     : sendPlain(octets);
    }
    /// Past TLS, straight into the connection.
    bool sendPlain(const QByteArray &octets) const
    {
        return ::send(m_descriptor, octets.constData(), static_cast<size_t>(octets.size()),
                      MSG_NOSIGNAL)
               == octets.size();
    }

    /// The next whole reply; empty at the end of the connection.
    QByteArray reply()
    {
        QByteArray reply;
        while (true) {
            const qsizetype end = m_buffer.indexOf('\n');
            if (end < 0) {
                if (!readMore()) {
                    return reply;
                }
                continue;
            }
            const QByteArray line = m_buffer.left(end + 1);
            m_buffer.remove(0, end + 1);
            reply.append(line);
            if (line.size() < 4 || line[3] != '-') {
                return reply;
            }
        }
    }
    QByteArray ask(const QByteArray &line)
    {
        send(line + "\r\n");
        return reply();
    }
    /// Everything until the server closes.
    QByteArray rest()
    {
        while (readMore()) {
        }
        return std::exchange(m_buffer, {});
    }
    [[nodiscard]] bool isClosedByServer() { return rest().isEmpty() && m_isAtEnd; }

    /// Greeting and EHLO.
    QByteArray greet()
    {
        reply();
        return ask("EHLO client.example");
    }
    QByteArray sendMessage(const QByteArray &content = "Subject: x\r\n\r\nbody\r\n")
    {
        ask("MAIL FROM:<a@one.example>");
        ask("RCPT TO:<b@two.example>");
        ask("DATA");
        return ask(content + ".");
    }

    /// The handshake alone; `prepare` may change the context, `session` is to be resumed.
    template<typename Prepare>
    bool handshake(Prepare &&prepare, SSL_SESSION *session = nullptr)
    {
        m_context.reset(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_security_level(m_context.get(), 0);
        prepare(m_context.get());
        m_tls.reset(SSL_new(m_context.get()));
        SSL_set_fd(m_tls.get(), m_descriptor);
        if (session != nullptr) {
            SSL_set_session(m_tls.get(), session);
        }
        timeval timeout{10, 0};
        ::setsockopt(m_descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        return SSL_connect(m_tls.get()) == 1;
    }
    bool startTls()
    {
        return greet().contains("STARTTLS") && ask("STARTTLS").startsWith("220")
               && handshake([](SSL_CTX *) {});
    }

private:
    bool readMore()
    {
        char octets[4096];
        int length = 0;
        if (m_tls) {
            length = SSL_read(m_tls.get(), static_cast<char *>(octets), sizeof octets);
        } else {
            pollfd wait{m_descriptor, POLLIN, 0};
            if (::poll(&wait, 1, 10'000) != 1) {
                return false;
            }
            length = static_cast<int>(
                ::recv(m_descriptor, static_cast<char *>(octets), sizeof octets, 0));
        }
        if (length <= 0) {
            m_isAtEnd = true;
            return false;
        }
        m_buffer.append(static_cast<char *>(octets), length);
        return true;
    }

    struct FreeTls {
        void operator()(SSL *tls) const { SSL_free(tls); }
        void operator()(SSL_CTX *context) const { SSL_CTX_free(context); }
    };

    int m_descriptor;
    bool m_isConnected = false;
    bool m_isAtEnd = false;
    std::unique_ptr<SSL_CTX, FreeTls> m_context;
    std::unique_ptr<SSL, FreeTls> m_tls;
    QByteArray m_buffer;
};

}  // namespace portcullis::test
