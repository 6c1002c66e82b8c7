// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/ControlClient.h"

#include <QtCore/QDeadlineTimer>
#include <QtNetwork/QLocalSocket>

namespace portcullis::spool {

namespace {

constexpr int connectTimeout = 5000;  ///< Milliseconds; the socket is local.

Error lostConnection(const QLocalSocket &socket, bool isTimeout)
{
    return isTimeout
               ? Error::transient("control.timeout", QStringLiteral("no answer in time"))
               : Error::transient("control.lost",
                                  QStringLiteral("connection lost: %1").arg(socket.errorString()));
}

Error errorFrom(const QJsonObject &fields)
{
    const QJsonObject error = fields.value(QStringLiteral("error")).toObject();
    const bool isTransient = error.value(QStringLiteral("persistence")).toString()
                             == QStringLiteral("transient");
    return {error.value(QStringLiteral("id")).toString().toLatin1(),
            isTransient ? Persistence::Transient : Persistence::Permanent,
            error.value(QStringLiteral("detail")).toString()};
}

Status waitForBytes(QLocalSocket &socket, const QDeadlineTimer &deadline)
{
    if (!socket.waitForReadyRead(static_cast<int>(deadline.remainingTime()))
        && socket.bytesAvailable() == 0) {
        return lostConnection(socket, deadline.hasExpired());
    }
    return ok();
}

}  // namespace

ControlClient::ControlClient(std::unique_ptr<QLocalSocket> socket, ControlLimits limits)
    : m_socket(std::move(socket))
    , m_limits(limits)
{
}

ControlClient::~ControlClient() = default;
ControlClient::ControlClient(ControlClient &&) noexcept = default;
ControlClient &ControlClient::operator=(ControlClient &&) noexcept = default;

Result<ControlClient> ControlClient::connect(const QString &path, ControlLimits limits)
{
    auto socket = std::make_unique<QLocalSocket>();
    socket->connectToServer(path);
    if (!socket->waitForConnected(connectTimeout)) {
        return Error::transient("control.not-running",
                                QStringLiteral("%1: %2").arg(path, socket->errorString()));
    }
    return ControlClient(std::move(socket), limits);
}

Result<ControlReply> ControlClient::call(const ControlRequest &request,
                                         std::chrono::milliseconds timeout)
{
    const QDeadlineTimer deadline(timeout);
    m_socket->write(toControlLine({{QStringLiteral("command"), QString::fromUtf8(request.command)},
                                   {QStringLiteral("arguments"), request.arguments}},
                                  request.body.size()));
    m_socket->write(request.body);
    while (m_socket->bytesToWrite() > 0) {
        if (!m_socket->waitForBytesWritten(static_cast<int>(deadline.remainingTime()))) {
            return lostConnection(*m_socket, deadline.hasExpired());
        }
    }
    while (!m_socket->canReadLine()) {
        if (m_socket->bytesAvailable() > m_limits.lineBytes) {
            return Error::permanent("control.protocol", QStringLiteral("the reply is too long"));
        }
        TRY(waitForBytes(*m_socket, deadline));
    }
    const ControlHeader header = TRY(parseControlLine(m_socket->readLine()));
    if (header.bytes > m_limits.replyBytes) {
        return Error::permanent("control.protocol", QStringLiteral("the reply is too long"));
    }
    ControlReply reply;
    while (reply.body.size() < header.bytes) {
        if (m_socket->bytesAvailable() == 0) {
            TRY(waitForBytes(*m_socket, deadline));
        }
        reply.body += m_socket->read(header.bytes - reply.body.size());
    }
    if (!header.fields.value(QStringLiteral("ok")).toBool()) {
        return errorFrom(header.fields);
    }
    reply.result = header.fields.value(QStringLiteral("result")).toObject();
    return reply;
}

}  // namespace portcullis::spool
