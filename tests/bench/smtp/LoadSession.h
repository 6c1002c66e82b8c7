// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/bench/smtp/MessageSource.h"

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portcullis::bench {

/// What the load looks like. One object for all threads, read only.
struct LoadSettings {
    std::uint16_t port = 0;
    int connections = 20;        ///< At once, over all threads.
    long messages = 1000;        ///< In all.
    int messagesPerSession = 0;  ///< Then QUIT and a new connection; 0 = as many as there are.
    bool usesTls = false;        ///< STARTTLS; the certificate is not checked.
    bool pipelines = true;       ///< MAIL, RCPT and DATA in one write where announced (RFC 2920).
    std::string sender = "berta@example.net";
    std::string recipient = "anna@example.com";
};

/// What one thread has seen.
struct LoadResults {
    std::vector<std::uint32_t> latencies;  ///< From the dot to its reply, in microseconds.
    std::map<std::string, long> failures;  ///< Reply code, or what else went wrong, to messages.
    long sessions = 0;
};

/// Hands out the messages that are still to be sent, to all threads.
class Tickets
{
public:
    explicit Tickets(long count)
        : m_left(count)
    {
    }
    bool take() { return m_left.fetch_sub(1, std::memory_order_relaxed) > 0; }

private:
    std::atomic<long> m_left;
};

/// One SMTP client connection, driven by its thread's epoll. A failure costs the message that was under
/// way; the session then starts again with a new connection, and ends when no tickets are left.
class LoadSession
{
public:
    LoadSession(const LoadSettings &settings,
                Tickets &tickets,
                MessageSource &source,
                LoadResults &results,
                SSL_CTX *tls,
                int epoll);
    ~LoadSession();
    LoadSession(const LoadSession &) = delete;
    LoadSession &operator=(const LoadSession &) = delete;

    /// Connects, unless there is nothing left to send.
    void start();
    void onEvent(std::uint32_t events);
    [[nodiscard]] bool isDone() const { return m_isDone; }

private:
    enum class Step { Greeting, Ehlo, StartTls, TlsHandshake, Mail, Rcpt, Data, Dot, Quit };

    void connect();
    void disconnect();
    void restart();
    void fail(const std::string &reason);
    void handshake();
    void readInput();
    bool onReply(std::string_view line);
    void onPositive();
    void sendEnvelope();
    void sendMessage();
    void onMessageTaken();
    void send(std::string_view text);
    void flush();
    void watch(std::uint32_t events);

    const LoadSettings &m_settings;
    Tickets &m_tickets;
    MessageSource &m_source;
    LoadResults &m_results;
    SSL_CTX *m_tls;
    int m_epoll;
    int m_socket = -1;
    SSL *m_ssl = nullptr;
    Step m_step = Step::Greeting;
    std::string m_input;
    std::string m_output;
    std::size_t m_written = 0;
    std::uint32_t m_watched = 0;
    long m_connects = 0;  ///< Tells a new connection from the old one with the same number.
    int m_sentHere = 0;   ///< Messages of this connection.
    bool m_hasTicket = false;
    bool m_isDone = false;
    bool m_announcesPipelining = false;
    std::chrono::steady_clock::time_point m_dotAt;
};

}  // namespace portcullis::bench
