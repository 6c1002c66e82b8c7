// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/Session.h"

#include "appliance/base/Log.h"

#include <QtNetwork/QSslCipher>
#include <QtNetwork/QSslSocket>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace portcullis::smtp {

namespace {

constexpr qint64 writeBuffer = 64 * 1024;  ///< Replies the client has not read; we stop reading.

/// IPv4 inside IPv6, as a dual-stack socket reports it, is IPv4 to everybody else.
QHostAddress plainAddress(const QHostAddress &address)
{
    bool isIpv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIpv4);
    return isIpv4 ? QHostAddress(ipv4) : address;
}

void setSocketOptions(int descriptor)
{
    const int on = 1;
    // Replies are small and waited for; a dead peer must not hold a session that waits for us.
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

QByteArray describe(const QSslSocket &socket)
{
    const QSslCipher cipher = socket.sessionCipher();
    return cipher.protocolString().toLatin1() + ' ' + cipher.name().toLatin1() + ' '
           + QByteArray::number(cipher.usedBits());
}

}  // namespace

bool isInNetworks(const QHostAddress &address, const std::vector<Network> &networks)
{
    const QHostAddress plain = plainAddress(address);
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network &network) { return plain.isInSubnet(network); });
}

Session::Session(std::shared_ptr<ListenerState> listener,
                 int descriptor,
                 HandlerContext &context,
                 ReadBuffer &buffer,
                 const Clock &clock,
                 QObject *parent)
    : QObject(parent)
    , m_listener(std::move(listener))
    , m_config(m_listener->config())
    , m_buffer(buffer)
    , m_clock(clock)
    , m_deadlines(m_config->session->limits, clock.monotonic())
{
    setSocketOptions(descriptor);
    auto socket = std::make_unique<QTcpSocket>();
    const bool isUsable = socket->setSocketDescriptor(descriptor);
    if (!isUsable) {
        ::close(descriptor);
    }
    mail::Client client;
    client.address = plainAddress(socket->peerAddress());
    client.port = socket->peerPort();
    const SessionRights rights{isInNetworks(client.address, m_config->settings.xclientNetworks),
                               isInNetworks(client.address, m_config->settings.xforwardNetworks)};
    m_engine = std::make_unique<ServerEngine>(m_config->session, rights, std::move(client),
                                              static_cast<EngineHost &>(*this));
    m_handler = context.createHandler(m_engine->control(), m_config->settings);
    attach(std::move(socket));
    // From the event loop, so that our owner has connected finished() first.
    QMetaObject::invokeMethod(
        this,
        [this, isUsable] {
            if (!isUsable || m_isFinished) {
                finish("connection lost");
                return;
            }
            m_isPumping = true;
            m_engine->start(*m_handler);
            m_isPumping = false;
            pump();
        },
        Qt::QueuedConnection);
}

Session::~Session()
{
    finish("server stopped");
    // Only here, at the top of the event loop: a TLS socket does not bear to be closed from within
    // one of its own signals.
    if (m_socket->state() == QAbstractSocket::ConnectedState) {
        m_socket->disconnectFromHost();
        m_socket->flush();  // close_notify
    }
}

void Session::attach(std::unique_ptr<QTcpSocket> socket)
{
    m_socket = std::move(socket);
    m_socket->setReadBufferSize(qint64(m_buffer.size()));  // more stays with the kernel
    connect(m_socket.get(), &QTcpSocket::readyRead, this, &Session::pump);
    connect(m_socket.get(), &QTcpSocket::bytesWritten, this, &Session::pump);
    // Queued, so that octets that came before the end are read first.
    connect(
        m_socket.get(), &QTcpSocket::disconnected, this,
        [this] { finish("connection closed by client"); }, Qt::QueuedConnection);
    connect(
        m_socket.get(), &QTcpSocket::errorOccurred, this,
        [this] { finish(m_socket->errorString().toUtf8()); }, Qt::QueuedConnection);
}

qint64 Session::unwritten() const
{
    // A TLS socket counts clear text and records apart.
    return m_socket->bytesToWrite()
           + (m_isTls ? static_cast<const QSslSocket &>(*m_socket).encryptedBytesToWrite() : 0);
}

bool Session::hasUnreadInput() const
{
    if (m_socket->bytesAvailable() > 0) {
        return true;
    }
    int waiting = 0;
    // Inside TLS the kernel's count includes records that carry no data of the client's.
    return !m_isTls
           && ::ioctl(static_cast<int>(m_socket->socketDescriptor()), FIONREAD, &waiting) == 0
           && waiting > 0;
}

void Session::engineAdvanced()
{
    pump();
}

void Session::note(const char *id, const QByteArray &detail)
{
    log::write(log::Severity::Notice, id, {},
               {{"listener", m_config->settings.name},
                {"client", m_engine->client().address.toString().toLatin1()},
                {"detail", detail}});
}

void Session::readInput()
{
    while (m_engine->wantsInput() && unwritten() < writeBuffer) {
        const qint64 length = m_socket->read(m_buffer.data(), qint64(m_buffer.size()));
        if (length <= 0) {
            break;
        }
        m_engine->receive(QByteArrayView(m_buffer.data(), length));
    }
}

void Session::pump()
{
    if (m_isPumping || m_isFinished) {
        return;
    }
    m_isPumping = true;
    if (m_engine->phase() != ServerEngine::Phase::Handshake) {
        readInput();
        if (hasUnreadInput()) {
            m_engine->noticeUnreadInput();
        }
    }
    const QByteArray output = m_engine->takeOutput();
    if (!output.isEmpty()) {
        m_socket->write(output);
    }
    m_deadlines.observe(*m_engine, unwritten() > 0, m_clock.monotonic());
    m_isPumping = false;
    const bool isWritten = unwritten() == 0;
    if (m_engine->phase() == ServerEngine::Phase::Closing) {
        if (isWritten) {
            finish({});
        }
    } else if (m_engine->phase() == ServerEngine::Phase::Handshake && isWritten && !m_isTls) {
        startHandshake();
    }
}

void Session::startHandshake()
{
    m_isTls = true;
    const int descriptor = ::fcntl(static_cast<int>(m_socket->socketDescriptor()), F_DUPFD_CLOEXEC,
                                   0);
    auto socket = std::make_unique<QSslSocket>();
    if (descriptor < 0 || !socket->setSocketDescriptor(descriptor)) {
        if (descriptor >= 0) {
            ::close(descriptor);
        }
        finish("no descriptor for TLS");
        return;
    }
    // The plain socket goes with all it has buffered. We may stand in one of its signals.
    m_socket->disconnect(this);
    m_socket->abort();
    m_socket.release()->deleteLater();
    QSslSocket *tls = socket.get();
    attach(std::move(socket));
    tls->setSslConfiguration(m_config->identity->configuration());
    connect(tls, &QSslSocket::encrypted, this, &Session::handshakeDone);
    connect(tls, &QSslSocket::encryptedBytesWritten, this, &Session::pump);
    tls->startServerEncryption();
}

void Session::handshakeDone()
{
    const auto &tls = static_cast<const QSslSocket &>(*m_socket);
    const QByteArray description = describe(tls);
    m_engine->tlsEstablished(description);
    if (m_config->logsTls) {
        log::write(log::Severity::Info, "smtp.tls", {},
                   {{"listener", m_config->settings.name},
                    {"client", m_engine->client().address.toString().toLatin1()},
                    {"tls", description}});
    }
    pump();
}

void Session::checkDeadlines()
{
    using Expired = Deadlines::Expired;
    if (m_isFinished) {
        return;
    }
    const auto now = m_clock.monotonic();
    m_deadlines.observe(*m_engine, unwritten() > 0, now);
    switch (m_deadlines.check(*m_engine, now)) {
    case Expired::No:
        return;
    case Expired::Command:
        m_engine->abort({421, "4.4.2", "Timeout waiting for a command"}, "command timeout");
        break;
    case Expired::Data:
        m_engine->abort({421, "4.4.2", "Message comes too slowly"}, "data timeout");
        break;
    case Expired::Session:
        m_engine->abort({421, "4.4.2", "Session is too old"}, "session lifetime");
        break;
    case Expired::Handshake:
        finish("TLS handshake timeout");
        return;
    case Expired::Write:
        finish("client does not read");
        return;
    }
    pump();
}

void Session::shutDown()
{
    m_engine->shutDown();
    pump();
}

void Session::cut(const QByteArray &reason)
{
    finish(reason);
}

void Session::finish(const QByteArray &reason)
{
    if (m_isFinished) {
        return;
    }
    m_isFinished = true;
    m_socket->disconnect(this);
    m_engine->close(reason);
    --m_listener->connections;
    Q_EMIT finished(this);
}

}  // namespace portcullis::smtp
