// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtNetwork/QSslConfiguration>
#include <QtNetwork/QTcpServer>

#include <functional>
#include <vector>

class QSslSocket;

namespace portcullis::test {

/// A next hop that says what the test tells it to: polite, refusing or hostile. Keeps every octet
/// it gets. Runs in the event loop of the test.
class ScriptedMx final : public QTcpServer
{
    Q_OBJECT
public:
    /// What it answers to a command line; "" says nothing, `hangUp` closes the connection.
    /// Return `polite(line)` for everything that is not the point of the test.
    using Script = std::function<QByteArray(int connection, const QByteArray &line)>;
    static constexpr const char *hangUp = "<hang up>";
    /// As `hangUp`, after writing what stands before it.

    explicit ScriptedMx(const QHostAddress &address = QHostAddress::LocalHost, quint16 port = 0);

    Script script;
    /// Named extensions of EHLO, one a line.
    QByteArray extensions = "PIPELINING\n8BITMIME\nSIZE 1000000\nENHANCEDSTATUSCODES";
    QByteArray greeting = "220 mx.example ESMTP\r\n";
    bool isLmtp = false;
    QSslConfiguration tls;  ///< For STARTTLS, if the extensions name it.

    [[nodiscard]] QByteArray polite(const QByteArray &line) const;

    struct Message {
        int connection = 0;
        QByteArray sender;                   ///< Line of MAIL.
        std::vector<QByteArray> recipients;  ///< Lines of RCPT that were accepted.
        QByteArray data;                     ///< As on the wire, dots still stuffed.
    };
    std::vector<Message> messages;  ///< Those answered with 2yz.
    std::vector<QByteArray> lines;  ///< All command lines of all connections.
    int connections = 0;
    int openConnections = 0;
    int mostOpenConnections = 0;

private:
    struct Peer {
        int number = 0;
        QByteArray buffer;
        bool isInData = false;
        Message message;
    };
    void incomingConnection(qintptr descriptor) override;
    void onReadable(QSslSocket *socket);
    void onLine(QSslSocket *socket, Peer &peer, const QByteArray &line);
    void onEndOfData(QSslSocket *socket, Peer &peer);
    bool say(QSslSocket *socket, QByteArray text);

    QHash<QSslSocket *, Peer> m_peers;
};

}  // namespace portcullis::test
