// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/mx/ScriptedMx.h"

#include <QtNetwork/QSslSocket>

#include <algorithm>

namespace portcullis::test {

ScriptedMx::ScriptedMx(const QHostAddress &address, quint16 port)
{
    listen(address, port);
}

QByteArray ScriptedMx::polite(const QByteArray &line) const
{
    const QByteArray verb = line.left(4).toUpper();
    if (verb == "EHLO" || verb == "LHLO") {
        QByteArray reply = "250-mx.example\r\n";
        for (const QByteArray &extension : extensions.split('\n')) {
            reply += "250-" + extension + "\r\n";
        }
        return reply + "250 HELP\r\n";
    }
    if (verb == "DATA") {
        return "354 go on\r\n";
    }
    if (verb == "STAR") {
        return "220 go on\r\n";
    }
    if (verb == "QUIT") {
        return QByteArray("221 bye\r\n") + hangUp;
    }
    if (verb == ".") {
        return "250 2.0.0 kept\r\n";
    }
    return "250 2.0.0 ok\r\n";
}

void ScriptedMx::incomingConnection(qintptr descriptor)
{
    auto *socket = new QSslSocket(this);
    socket->setSocketDescriptor(descriptor);
    m_peers[socket].number = ++connections;
    mostOpenConnections = std::max(mostOpenConnections, ++openConnections);
    connect(socket, &QSslSocket::readyRead, this, [this, socket] { onReadable(socket); });
    connect(socket, &QSslSocket::disconnected, this, [this, socket] {
        --openConnections;
        m_peers.remove(socket);
        socket->deleteLater();
    });
    say(socket, greeting);
}

bool ScriptedMx::say(QSslSocket *socket, QByteArray text)
{
    const bool endsHere = text.endsWith(hangUp);
    if (endsHere) {
        text.chop(static_cast<qsizetype>(qstrlen(hangUp)));
    }
    socket->write(text);
    if (endsHere) {
        socket->disconnectFromHost();
    }
    return !endsHere;
}

void ScriptedMx::onReadable(QSslSocket *socket)
{
    auto found = m_peers.find(socket);
    if (found == m_peers.end()) {
        return;
    }
    found->buffer += socket->readAll();
    while (true) {
        found = m_peers.find(socket);
        if (found == m_peers.end() || socket->state() != QAbstractSocket::ConnectedState) {
            return;
        }
        Peer &peer = *found;
        if (peer.isInData) {
            const bool isEmpty = peer.buffer.startsWith(".\r\n");
            const qsizetype end = isEmpty ? 0 : peer.buffer.indexOf("\r\n.\r\n") + 2;
            if (!isEmpty && end < 2) {
                return;
            }
            peer.message.data = peer.buffer.left(end);
            peer.buffer.remove(0, end + 3);
            peer.isInData = false;
            onEndOfData(socket, peer);
            continue;
        }
        const qsizetype end = peer.buffer.indexOf("\r\n");
        if (end < 0) {
            return;
        }
        const QByteArray line = peer.buffer.left(end);
        peer.buffer.remove(0, end + 2);
        onLine(socket, peer, line);
    }
}

void ScriptedMx::onLine(QSslSocket *socket, Peer &peer, const QByteArray &line)
{
    lines.push_back(line);
    const QByteArray reply = script ? script(peer.number, line) : polite(line);
    const bool isAccepted = reply.startsWith('2') || reply.startsWith('3');
    const QByteArray verb = line.left(4).toUpper();
    if (isAccepted && verb == "MAIL") {
        peer.message = {};
        peer.message.connection = peer.number;
        peer.message.sender = line;
    } else if (isAccepted && verb == "RCPT") {
        peer.message.recipients.push_back(line);
    } else if (isAccepted && verb == "DATA") {
        peer.isInData = true;
    }
    if (!say(socket, reply)) {
        return;
    }
    if (isAccepted && verb == "STAR") {
        socket->setSslConfiguration(tls);
        socket->startServerEncryption();
    }
}

void ScriptedMx::onEndOfData(QSslSocket *socket, Peer &peer)
{
    const Message message = peer.message;
    const size_t replies = isLmtp ? message.recipients.size() : 1;
    bool isKept = false;
    QByteArray text;
    for (size_t i = 0; i < replies; ++i) {
        const QByteArray line = isLmtp ? ". " + message.recipients[i] : QByteArray(".");
        const QByteArray reply = script ? script(peer.number, line) : polite(line.left(1));
        isKept = isKept || reply.startsWith('2');
        text += reply;
    }
    // A single dot may follow refused recipients (RFC 2920 §3.1); that is no message.
    if (isKept && !message.recipients.empty()) {
        messages.push_back(message);
    }
    say(socket, text);
}

}  // namespace portcullis::test
