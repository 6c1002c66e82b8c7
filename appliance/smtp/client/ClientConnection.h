// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/client/ClientEngine.h"
#include "appliance/smtp/client/PeerVerifier.h"

#include <QtCore/QBasicTimer>
#include <QtCore/QObject>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QSslConfiguration>

#include <chrono>
#include <memory>
#include <optional>

class QSslSocket;
class QTcpSocket;

namespace portcullis::smtp {

/// Where a connection goes and what it must be like.
struct ConnectionTarget {
    QHostAddress address;
    quint16 port = 25;
    QByteArray hostName;  ///< Of the MX host or configured host; sent as SNI. May be empty.
    PeerPolicy tls;
    ClientSettings settings;  ///< `settings.tls` is set from `tls` by the connection.
    ClientTimeouts timeouts;
    QSslConfiguration tlsConfiguration = QSslConfiguration::defaultConfiguration();

    /// "mx.example.org[192.0.2.1]:25", as logs and the queue show it.
    [[nodiscard]] QByteArray toText() const;
};

class ClientConnection;

/// Who owns a connection. Calls come from the event loop, never from within open(), send(), quit().
class ConnectionOwner
{
public:
    virtual ~ConnectionOwner() = default;

    /// send() may be called: after connecting, greeting and, where asked for, TLS; and again when a
    /// refused transaction has been reset.
    virtual void onReady(ClientConnection &connection) = 0;
    /// The answer to send(). If the connection is not ready again, onReady() or onClosed() follows.
    virtual void onResult(ClientConnection &connection, MailResult result) = 0;
    /// The connection is gone; it may be destroyed with deleteLater(). Once, always the last call.
    virtual void onClosed(ClientConnection &connection, const Error &reason) = 0;
};

/// A ClientEngine on a socket. Lives in one thread with an event loop.
///
/// Failure ids besides the engine's: `smtp.connect`, `smtp.lost`, `smtp.timeout`, `tls.handshake`
/// and those of verifyPeer(); all transient. `smtp.idle` after quit() or when the server closed an unused connection.
class ClientConnection final : public QObject
{
    Q_OBJECT
public:
    ClientConnection(ConnectionTarget target, ConnectionOwner &owner, QObject *parent = nullptr);
    ~ClientConnection() override;
    Q_DISABLE_COPY_MOVE(ClientConnection)

    void open();
    void send(OutgoingMail mail);  ///< Only while isReady().
    void quit();                   ///< Ends politely; onClosed() follows.
    void abort();                  ///< Ends at once; onClosed() follows.

    [[nodiscard]] bool isReady() const;
    [[nodiscard]] const ConnectionTarget &target() const { return m_target; }
    [[nodiscard]] const ServerFeatures &features() const { return m_engine.features(); }
    [[nodiscard]] int transactions() const { return m_engine.transactions(); }
    [[nodiscard]] std::chrono::steady_clock::time_point openedAt() const { return m_openedAt; }
    /// "TLSv1.3 TLS_AES_256_GCM_SHA384 256", with " verified" where the policy asked for proof;
    /// empty: plain text.
    [[nodiscard]] QByteArray tls() const { return m_tls; }
    /// What the peer failed to prove to an advisory policy.
    [[nodiscard]] const std::optional<Error> &peerProblem() const { return m_peerProblem; }
    /// The server's reply that ended the connection; code 0 if it was none.
    [[nodiscard]] const Reply &failureReply() const { return m_engine.failureReply(); }

protected:
    void timerEvent(QTimerEvent *event) override;

private:
    void onConnected();
    void onReadable();
    void onWritten();
    void onSocketGone();
    void onEncrypted();
    void pump();
    void writeBody();
    void startTls();
    void watchPhase();
    void close(const Error &reason);
    void report(const Error &reason);

    ConnectionTarget m_target;
    ConnectionOwner &m_owner;
    ClientEngine m_engine;
    QTcpSocket *m_socket = nullptr;
    QSslSocket *m_tlsSocket = nullptr;  ///< m_socket, where TLS is possible.
    QByteArray m_readBuffer;
    QByteArray m_writeBuffer;
    QByteArray m_tls;
    std::optional<Error> m_peerProblem;
    QBasicTimer m_timer;
    ClientPhase m_watchedPhase = ClientPhase::Closed;
    std::chrono::steady_clock::time_point m_openedAt;
    std::chrono::steady_clock::time_point m_deadline;
    std::chrono::steady_clock::time_point m_transactionDeadline;
    bool m_isConnected = false;
    bool m_isReadyTold = false;
    bool m_isClosed = false;
    bool m_isPumping = false;
};

}  // namespace portcullis::smtp
