// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ClientConnection.h"

#include <QtCore/QTimerEvent>
#include <QtNetwork/QNetworkProxy>
#include <QtNetwork/QSslCipher>
#include <QtNetwork/QSslSocket>

#include <algorithm>

namespace portcullis::smtp {

namespace {

// How much of a message lies in the socket's buffer at most, and how much is added at once. One
// typical mail is one block: it leaves with one write.
constexpr qint64 writeBlock = 128 * 1024;
constexpr qint64 readBlock = 16 * 1024;

TlsUse tlsUseOf(const PeerPolicy &policy)
{
    if (policy.needsTls()) {
        return TlsUse::Required;
    }
    return policy.level == config::TlsLevel::None ? TlsUse::None : TlsUse::IfOffered;
}

ClientSettings engineSettings(const ConnectionTarget &target)
{
    ClientSettings settings = target.settings;
    settings.tls = tlsUseOf(target.tls);
    return settings;
}

QByteArray describeTls(const QSslSocket &socket, bool isProven)
{
    const QSslCipher cipher = socket.sessionCipher();
    return cipher.protocolString().toUtf8() + ' ' + cipher.name().toUtf8() + ' '
           + QByteArray::number(cipher.usedBits()) + (isProven ? " verified" : "");
}

}  // namespace

QByteArray ConnectionTarget::toText() const
{
    return hostName + '[' + address.toString().toUtf8() + "]:" + QByteArray::number(port);
}

ClientConnection::ClientConnection(ConnectionTarget target, ConnectionOwner &owner, QObject *parent)
    : QObject(parent)
    , m_target(std::move(target))
    , m_owner(owner)
    , m_engine(engineSettings(m_target))
{
}

ClientConnection::~ClientConnection()
{
    if (m_socket != nullptr) {
        m_socket->disconnect(this);
    }
}

void ClientConnection::open()
{
    if (m_target.tls.level == config::TlsLevel::None) {
        m_socket = new QTcpSocket(this);
    } else {
        m_tlsSocket = new QSslSocket(this);
        m_socket = m_tlsSocket;
    }
    m_socket->setProxy(QNetworkProxy::NoProxy);
    connect(m_socket, &QTcpSocket::connected, this, &ClientConnection::onConnected);
    connect(m_socket, &QTcpSocket::readyRead, this, &ClientConnection::onReadable);
    connect(m_socket, &QTcpSocket::disconnected, this, &ClientConnection::onSocketGone);
    connect(m_socket, &QTcpSocket::errorOccurred, this, &ClientConnection::onSocketGone);
    m_openedAt = std::chrono::steady_clock::now();
    m_deadline = m_openedAt + m_target.timeouts.connect;
    m_transactionDeadline = std::chrono::steady_clock::time_point::max();
    // A coarse look at the deadlines instead of a timer for each phase: phases are many a message.
    const auto shortest = std::min({m_target.timeouts.connect, m_target.timeouts.greeting,
                                    m_target.timeouts.dataEnd, m_target.timeouts.quit,
                                    ClientTimeouts::Time(2000)});
    m_timer.start(std::max(10, static_cast<int>(shortest.count() / 2)), Qt::CoarseTimer, this);
    m_socket->connectToHost(m_target.address, m_target.port);
}

void ClientConnection::onConnected()
{
    m_isConnected = true;
    // Nagle's algorithm would hold the last piece of a message back for 40 ms.
    m_socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
    m_socket->setReadBufferSize(readBlock);
    connect(m_socket, &QTcpSocket::bytesWritten, this, &ClientConnection::onWritten);
    watchPhase();
}

bool ClientConnection::isReady() const
{
    return !m_isClosed && m_isConnected && m_engine.isReady();
}

void ClientConnection::send(OutgoingMail mail)
{
    m_transactionDeadline = std::chrono::steady_clock::now() + m_target.timeouts.transaction;
    m_engine.send(std::move(mail));
    // The owner is never called from within its own call: pump() would report a result at once.
    if (m_engine.phase() == ClientPhase::Ready) {
        QMetaObject::invokeMethod(this, &ClientConnection::pump, Qt::QueuedConnection);
    } else {
        m_socket->write(m_engine.takeOutput());
        watchPhase();
    }
}

void ClientConnection::quit()
{
    if (!isReady()) {
        abort();
        return;
    }
    m_engine.quit();
    m_socket->write(m_engine.takeOutput());
    m_socket->flush();
    watchPhase();
}

void ClientConnection::abort()
{
    QMetaObject::invokeMethod(
        this,
        [this] { close(Error::transient("smtp.lost", QStringLiteral("connection ended by us"))); },
        Qt::QueuedConnection);
}

void ClientConnection::onReadable()
{
    if (m_engine.wantsTls()) {
        return;  // During the handshake the socket keeps what it reads to itself.
    }
    m_readBuffer.resize(readBlock);
    while (!m_isClosed && !m_engine.wantsTls() && m_socket->bytesAvailable() > 0) {
        const qint64 size = m_socket->read(m_readBuffer.data(), m_readBuffer.size());
        if (size <= 0) {
            break;
        }
        m_engine.receive(QByteArrayView(m_readBuffer.constData(), size));
        pump();
    }
}

void ClientConnection::pump()
{
    if (m_isClosed || m_isPumping) {
        return;
    }
    m_isPumping = true;
    while (!m_isClosed) {
        if (const QByteArray output = m_engine.takeOutput(); !output.isEmpty()) {
            m_socket->write(output);
        }
        writeBody();
        if (m_engine.wantsTls() && m_watchedPhase != ClientPhase::Handshake) {
            startTls();
            break;
        }
        watchPhase();
        if (auto result = m_engine.takeResult()) {
            m_transactionDeadline = std::chrono::steady_clock::time_point::max();
            m_isReadyTold = m_engine.isReady();
            m_owner.onResult(*this, std::move(*result));
            continue;
        }
        if (m_engine.failure()) {
            const Error reason = *m_engine.failure();
            close(reason);
            break;
        }
        if (m_engine.isReady() && !m_isReadyTold) {
            m_isReadyTold = true;
            m_owner.onReady(*this);
            continue;
        }
        break;
    }
    m_isPumping = false;
}

void ClientConnection::writeBody()
{
    while (m_engine.hasBody() && m_socket->bytesToWrite() < writeBlock) {
        const auto slices = m_engine.takeBody(writeBlock);
        if (slices.size() <= 2) {
            for (const QByteArrayView slice : slices) {
                m_socket->write(slice.data(), slice.size());
            }
            continue;
        }
        m_writeBuffer.resize(0);
        for (const QByteArrayView slice : slices) {
            m_writeBuffer.append(slice);
        }
        m_socket->write(m_writeBuffer);
    }
}

void ClientConnection::onWritten()
{
    if (m_engine.phase() == ClientPhase::DataBlock) {
        m_deadline = std::chrono::steady_clock::now() + m_target.timeouts.dataBlock;
        pump();
    }
}

void ClientConnection::startTls()
{
    if (m_socket->bytesAvailable() > 0) {
        close(Error::transient("smtp.starttls-injection",
                               QStringLiteral("plain text behind the reply to STARTTLS")));
        return;
    }
    QSslConfiguration configuration = m_target.tlsConfiguration;
    configuration.setProtocol(m_target.tls.minimumProtocol);
    configuration.setPeerVerifyMode(QSslSocket::QueryPeer);
    m_tlsSocket->setSslConfiguration(configuration);
    m_tlsSocket->setPeerVerifyName(QString::fromLatin1(m_target.hostName));
    // Which errors matter is decided by verifyPeer(), once the handshake is done.
    m_tlsSocket->ignoreSslErrors();
    connect(m_tlsSocket, &QSslSocket::encrypted, this, &ClientConnection::onEncrypted);
    watchPhase();
    m_tlsSocket->startClientEncryption();
}

void ClientConnection::onEncrypted()
{
    const QList<QSslCertificate> chain = m_tlsSocket->peerCertificateChain();
    const QList<QSslError> errors = m_tlsSocket->sslHandshakeErrors();
    const auto verdict = verifyPeer(m_target.tls,
                                    {{chain.begin(), chain.end()}, {errors.begin(), errors.end()}});
    if (!verdict.has_value()) {
        if (!m_target.tls.isAdvisory) {
            close(verdict.error());
            return;
        }
        m_peerProblem = verdict.error();
    }
    m_tls = describeTls(*m_tlsSocket, m_target.tls.asksForProof() && !m_peerProblem);
    m_engine.tlsEstablished();
    pump();
}

void ClientConnection::onSocketGone()
{
    if (m_isClosed) {
        return;
    }
    const QString what = m_socket->errorString();
    if (!m_isConnected) {
        close(Error::transient("smtp.connect", what));
        return;
    }
    if (m_engine.wantsTls()) {
        close(Error::transient("tls.handshake", what));
        return;
    }
    onReadable();  // The last words, often a 421, are read before the end is noticed.
    const ClientPhase phase = m_engine.phase();
    const bool isIdle = phase == ClientPhase::Ready || phase == ClientPhase::Quit;
    close(Error::transient(isIdle ? "smtp.idle" : "smtp.lost",
                           QStringLiteral("connection lost during %1: %2")
                               .arg(QString::fromUtf8(nameOf(phase)), what)));
}

void ClientConnection::watchPhase()
{
    const ClientPhase phase = m_engine.phase();
    const bool isRepeated = phase == ClientPhase::Recipient || phase == ClientPhase::DataEnd;
    if (phase == m_watchedPhase && !isRepeated) {
        return;
    }
    m_watchedPhase = phase;
    const ClientTimeouts &limits = m_target.timeouts;
    const auto limit = [&]() -> std::chrono::milliseconds {
        switch (phase) {
        case ClientPhase::Greeting:
            return limits.greeting;
        case ClientPhase::Hello:
        case ClientPhase::StartTls:
            return limits.hello;
        case ClientPhase::Handshake:
            return limits.handshake;
        case ClientPhase::Mail:
            return limits.mail;
        case ClientPhase::Recipient:
            return limits.recipient;
        case ClientPhase::DataStart:
            return limits.dataStart;
        case ClientPhase::DataBlock:
            return limits.dataBlock;
        case ClientPhase::DataEnd:
            return limits.dataEnd;
        case ClientPhase::Reset:
            return limits.reset;
        case ClientPhase::Quit:
            return limits.quit;
        case ClientPhase::Ready:
        case ClientPhase::Closed:
            break;
        }
        return std::chrono::hours(24);  // Unused connections are closed by their owner.
    }();
    m_deadline = std::chrono::steady_clock::now() + limit;
}

void ClientConnection::timerEvent(QTimerEvent *event)
{
    if (event->timerId() != m_timer.timerId()) {
        QObject::timerEvent(event);
        return;
    }
    if (m_isClosed
        || std::chrono::steady_clock::now() < std::min(m_deadline, m_transactionDeadline)) {
        return;
    }
    const QString phase = QString::fromUtf8(m_isConnected ? nameOf(m_engine.phase())
                                                          : QByteArray("connecting"));
    close(Error::transient("smtp.timeout", QStringLiteral("time is up during ") + phase));
}

void ClientConnection::close(const Error &reason)
{
    if (m_isClosed) {
        return;
    }
    m_isClosed = true;
    m_timer.stop();
    m_socket->disconnect(this);
    m_engine.abort(reason);
    m_socket->abort();
    // Not from within the owner's call, nor while the socket is on the stack.
    QMetaObject::invokeMethod(
        this, [this, reason] { report(reason); }, Qt::QueuedConnection);
}

void ClientConnection::report(const Error &reason)
{
    if (auto result = m_engine.takeResult()) {
        m_owner.onResult(*this, std::move(*result));
    }
    m_owner.onClosed(*this, reason);
}

}  // namespace portcullis::smtp
