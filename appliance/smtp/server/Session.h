// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/Deadlines.h"
#include "appliance/smtp/server/Listener.h"
#include "appliance/smtp/server/ServerEngine.h"

#include <QtCore/QObject>
#include <QtNetwork/QTcpSocket>

#include <array>
#include <memory>

namespace portcullis::smtp {

/// Where octets of the client's are read to: one for all sessions of a thread, as they come by the
/// thousand. 64 KiB, which is also what a socket may hold back for us.
using ReadBuffer = std::array<char, 64 * 1024>;

/// One connection: a socket around an engine. Lives on its worker's thread.
///
/// A session starts with a plain socket. STARTTLS takes the descriptor over into a new TLS socket,
/// so that no octet buffered before the handshake can turn up behind it (RFC 3207 §6).
class Session final : public QObject, private EngineHost
{
    Q_OBJECT
public:
    /// Takes over `descriptor` and one place of the listener's connections.
    Session(std::shared_ptr<ListenerState> listener,
            int descriptor,
            HandlerContext &context,
            ReadBuffer &buffer,
            const Clock &clock,
            QObject *parent);
    ~Session() override;

    /// Acts on deadlines; the worker calls it about once a second.
    void checkDeadlines();
    /// Lets go as soon as no message is under way.
    void shutDown();
    /// Cuts the connection now.
    void cut(const QByteArray &reason);

Q_SIGNALS:
    /// Once; the connection is closed and the handler told. The receiver deletes the session.
    void finished(Session *session);

private:
    [[nodiscard]] bool hasUnreadInput() const override;
    void engineAdvanced() override;
    void note(const char *id, const QByteArray &detail) override;

    void attach(std::unique_ptr<QTcpSocket> socket);
    [[nodiscard]] qint64 unwritten() const;
    void readInput();
    void pump();
    void startHandshake();
    void handshakeDone();
    void finish(const QByteArray &reason);

    std::shared_ptr<ListenerState> m_listener;
    std::shared_ptr<const ListenerConfig> m_config;
    ReadBuffer &m_buffer;
    const Clock &m_clock;
    std::unique_ptr<QTcpSocket> m_socket;
    std::unique_ptr<ServerEngine> m_engine;
    std::unique_ptr<SessionHandler> m_handler;
    Deadlines m_deadlines;
    bool m_isTls = false;
    bool m_isPumping = false;
    bool m_isFinished = false;
};

}  // namespace portcullis::smtp
