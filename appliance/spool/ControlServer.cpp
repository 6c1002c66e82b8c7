// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/ControlServer.h"

#include <QtCore/QFile>
#include <QtCore/QPointer>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalSocket>

#include <optional>

namespace portcullis::spool {

/// One client. Owns its socket; ends itself when the socket does.
class ControlConnection final : public QObject
{
public:
    ControlConnection(ControlServer &server, QLocalSocket *socket);
    ~ControlConnection() override { --m_server.m_connections; }
    Q_DISABLE_COPY_MOVE(ControlConnection)

private:
    void read();
    bool readHeader();
    void handle();
    void reply(const Result<ControlReply> &answer);
    void refuse(const Error &error);
    void send(const QByteArray &line, const QByteArray &body);

    ControlServer &m_server;
    QLocalSocket *m_socket;
    QTimer m_idle;
    std::optional<ControlHeader> m_header;
    bool m_isAnswering = false;
};

ControlConnection::ControlConnection(ControlServer &server, QLocalSocket *socket)
    : QObject(&server)
    , m_server(server)
    , m_socket(socket)
{
    ++m_server.m_connections;
    m_socket->setParent(this);
    // A client that sends without reading answers is not buffered for.
    m_socket->setReadBufferSize(m_server.m_limits.lineBytes + m_server.m_limits.requestBytes + 1);
    connect(m_socket, &QLocalSocket::readyRead, this, [this] { read(); });
    connect(m_socket, &QLocalSocket::disconnected, this, &QObject::deleteLater);
    m_idle.setSingleShot(true);
    m_idle.setInterval(m_server.m_limits.idle);
    connect(&m_idle, &QTimer::timeout, this, [this] {
        m_socket->abort();
        deleteLater();
    });
    m_idle.start();
}

bool ControlConnection::readHeader()
{
    if (!m_socket->canReadLine()) {
        if (m_socket->bytesAvailable() > m_server.m_limits.lineBytes) {
            refuse(Error::permanent("control.protocol", QStringLiteral("the line is too long")));
        }
        return false;
    }
    auto header = parseControlLine(m_socket->readLine());
    if (!header) {
        refuse(header.error());
        return false;
    }
    if (header->bytes > m_server.m_limits.requestBytes) {
        refuse(Error::permanent(
            "control.too-large",
            QStringLiteral("more than %1 bytes").arg(m_server.m_limits.requestBytes)));
        return false;
    }
    m_header = std::move(*header);
    return true;
}

void ControlConnection::read()
{
    m_idle.start();
    if (m_isAnswering || (!m_header && !readHeader())
        || m_socket->bytesAvailable() < m_header->bytes) {
        return;
    }
    handle();
}

void ControlConnection::handle()
{
    ControlRequest request;
    request.command = m_header->fields.value(QStringLiteral("command")).toString().toUtf8();
    request.arguments = m_header->fields.value(QStringLiteral("arguments")).toObject();
    request.body = m_socket->read(m_header->bytes);
    m_header.reset();
    m_isAnswering = true;
    m_idle.stop();
    const auto handler = m_server.m_handlers.constFind(request.command);
    if (handler == m_server.m_handlers.constEnd()) {
        reply(Error::permanent(
            "control.unknown-command",
            QStringLiteral("there is no command '%1'").arg(QString::fromUtf8(request.command))));
        return;
    }
    (*handler)(request,
               [guard = QPointer<ControlConnection>(this)](const Result<ControlReply> &answer) {
                   if (guard && guard->m_isAnswering) {
                       guard->reply(answer);
                   }
               });
}

void ControlConnection::reply(const Result<ControlReply> &answer)
{
    m_isAnswering = false;
    m_idle.start();
    if (answer) {
        send(toControlLine(
                 {{QStringLiteral("ok"), true}, {QStringLiteral("result"), answer->result}},
                 answer->body.size()),
             answer->body);
    } else {
        const Error &error = answer.error();
        const QJsonObject fields{{QStringLiteral("id"), QString::fromLatin1(error.id)},
                                 {QStringLiteral("persistence"), error.isTransient()
                                                                     ? QStringLiteral("transient")
                                                                     : QStringLiteral("permanent")},
                                 {QStringLiteral("detail"), error.detail}};
        send(toControlLine({{QStringLiteral("ok"), false}, {QStringLiteral("error"), fields}}, 0),
             {});
    }
    if (m_socket->bytesAvailable() > 0) {
        QTimer::singleShot(0, this, [this] { read(); });
    }
}

void ControlConnection::refuse(const Error &error)
{
    reply(error);
    // The stream is out of step: what follows cannot be told apart from requests.
    m_isAnswering = true;
    m_socket->disconnectFromServer();
}

void ControlConnection::send(const QByteArray &line, const QByteArray &body)
{
    m_socket->write(line);
    if (!body.isEmpty()) {
        m_socket->write(body);
    }
}

ControlServer::ControlServer(ControlLimits limits, QObject *parent)
    : QObject(parent)
    , m_limits(limits)
{
    m_server.setSocketOptions(QLocalServer::UserAccessOption);
    connect(&m_server, &QLocalServer::newConnection, this, [this] { acceptPending(); });
}

ControlServer::~ControlServer()
{
    m_server.close();
    const auto connections = findChildren<QObject *>(QString(), Qt::FindDirectChildrenOnly);
    for (QObject *child : connections) {
        if (auto *connection = dynamic_cast<ControlConnection *>(child)) {
            delete connection;
        }
    }
}

void ControlServer::addCommand(const QByteArray &name, const ControlHandler &handler)
{
    m_handlers.insert(name, handler);
}

Status ControlServer::listen(const QString &path)
{
    if (QFile::exists(path)) {
        QLocalSocket probe;
        probe.connectToServer(path);
        if (probe.waitForConnected(1000)) {
            return Error::permanent("control.in-use",
                                    QStringLiteral("another process serves %1").arg(path));
        }
        QLocalServer::removeServer(path);
    }
    if (!m_server.listen(path)) {
        return Error::permanent("control.listen",
                                QStringLiteral("%1: %2").arg(path, m_server.errorString()));
    }
    QFile::setPermissions(path, QFile::ReadOwner | QFile::WriteOwner | QFile::ReadGroup
                                    | QFile::WriteGroup);
    return ok();
}

void ControlServer::acceptPending()
{
    while (QLocalSocket *socket = m_server.nextPendingConnection()) {
        if (m_connections >= m_limits.connections) {
            socket->abort();
            socket->deleteLater();
            continue;
        }
        new ControlConnection(*this, socket);  // Owned by this object; ends with its socket.
    }
}

}  // namespace portcullis::spool
