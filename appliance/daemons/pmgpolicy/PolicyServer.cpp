// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmgpolicy/PolicyServer.h"

#include "appliance/base/Log.h"

#include <QtCore/QTimer>
#include <QtNetwork/QTcpSocket>

namespace portcullis {

namespace {

constexpr qint64 mostUnread = 65536;  ///< Octets of answers that a client may leave unread.

/// One Postfix process. Deletes itself when the connection has ended.
class PolicyConnection final : public QObject
{
public:
    PolicyConnection(QTcpSocket *socket,
                     const PolicyServer::Decide &decide,
                     const policy::DelegationLimits &limits,
                     QObject *parent)
        : QObject(parent)
        , m_socket(socket)
        , m_engine(
              [this, decide](const policy::DelegationRequest &request) {
                  decide(request, this, [this](const QByteArray &action) { onAnswer(action); });
              },
              [](const QByteArray &problem) {
                  log::write(log::Severity::Warning, "policy.malformed", {},
                             {{"problem", problem}, {"answer", "DUNNO"}});
              },
              limits)
    {
        socket->setParent(this);
        // What waits for its turn stays with the client.
        socket->setReadBufferSize(limits.waiting);
        socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
        m_idle.setSingleShot(true);
        m_idle.setInterval(limits.idle);
        connect(&m_idle, &QTimer::timeout, this, [this] { m_socket->disconnectFromHost(); });
        connect(socket, &QTcpSocket::readyRead, this, [this] { read(); });
        connect(socket, &QTcpSocket::disconnected, this, &QObject::deleteLater);
        m_idle.start();
    }

private:
    void read()
    {
        while (!m_engine.isDeciding() && !m_engine.isFinished() && m_socket->bytesAvailable() > 0) {
            m_engine.receive(m_socket->readAll());
            write();
        }
        m_idle.start();
    }

    void onAnswer(const QByteArray &action)
    {
        m_engine.answer(action);
        if (!m_isQueued) {
            // Later: this may have been said from inside receive().
            m_isQueued = true;
            QMetaObject::invokeMethod(
                this,
                [this] {
                    m_isQueued = false;
                    write();
                    read();
                },
                Qt::QueuedConnection);
        }
    }

    void write()
    {
        m_socket->write(m_engine.takeOutput());
        if (m_engine.isFinished()) {
            m_socket->disconnectFromHost();
        } else if (m_socket->bytesToWrite() > mostUnread) {
            log::write(log::Severity::Warning, "policy.cut-off", {},
                       {{"reason", "the client does not read its answers"}});
            m_socket->abort();
        }
    }

    QTcpSocket *m_socket;
    policy::DelegationEngine m_engine;
    QTimer m_idle;
    bool m_isQueued = false;
};

}  // namespace

PolicyServer::PolicyServer(Decide decide, const policy::DelegationLimits &limits)
    : m_decide(std::move(decide))
    , m_limits(limits)
{
    connect(&m_server, &QTcpServer::newConnection, this, &PolicyServer::acceptAll);
}

Status PolicyServer::listen(quint16 port)
{
    if (m_server.listen(QHostAddress(QHostAddress::LocalHost), port)) {
        return ok();
    }
    return Error::transient(
        "policy.bind", QStringLiteral("127.0.0.1:%1: %2").arg(port).arg(m_server.errorString()));
}

void PolicyServer::acceptAll()
{
    while (QTcpSocket *const socket = m_server.nextPendingConnection()) {
        if (m_connections >= m_limits.connections) {
            log::write(log::Severity::Warning, "policy.cut-off", {},
                       {{"reason", "too many connections"}});
            socket->abort();
            socket->deleteLater();
            continue;
        }
        ++m_connections;
        auto *const connection = new PolicyConnection(socket, m_decide, m_limits, this);
        connect(connection, &QObject::destroyed, this, [this] { --m_connections; });
    }
}

}  // namespace portcullis
