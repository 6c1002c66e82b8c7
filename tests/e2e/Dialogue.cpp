// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/e2e/Dialogue.h"

#include <QtCore/QFile>
#include <QtNetwork/QTcpSocket>

#include <algorithm>

namespace portcullis::test {

namespace {

constexpr int patience = 10'000;  ///< Milliseconds for a reply.

QByteArray unescaped(const QByteArray &text)
{
    QByteArray octets;
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            octets.append(text[i]);
            continue;
        }
        switch (text[++i]) {
        case 'r':
            octets.append('\r');
            break;
        case 'n':
            octets.append('\n');
            break;
        case 't':
            octets.append('\t');
            break;
        case 'x':
            octets.append(QByteArray::fromHex(text.mid(i + 1, 2)));
            i += 2;
            break;
        default:
            octets.append(text[i]);
        }
    }
    return octets;
}

/// Whether `line` begins with `pattern`; `?` stands for any character.
bool beginsWith(const QByteArray &line, const QByteArray &pattern)
{
    return line.size() >= pattern.size()
           && std::equal(pattern.begin(), pattern.end(), line.begin(),
                         [](char wanted, char found) { return wanted == '?' || wanted == found; });
}

/// The lines of the next reply, without CRLF; none if the connection ended.
QByteArrayList nextReply(QTcpSocket &socket)
{
    QByteArrayList lines;
    while (true) {
        while (!socket.canReadLine()) {
            if (!socket.waitForReadyRead(patience)) {
                return lines;
            }
        }
        lines.append(socket.readLine().trimmed());
        if (lines.last().size() < 4 || lines.last()[3] != '-') {
            return lines;
        }
    }
}

bool hasLine(const QByteArrayList &reply, const QByteArray &pattern)
{
    return std::any_of(reply.begin(), reply.end(),
                       [&](const QByteArray &line) { return beginsWith(line.mid(4), pattern); });
}

bool isClosed(QTcpSocket &socket)
{
    while (socket.state() == QAbstractSocket::ConnectedState && socket.bytesAvailable() == 0) {
        if (!socket.waitForReadyRead(patience)) {
            break;
        }
    }
    return socket.bytesAvailable() == 0 && socket.state() != QAbstractSocket::ConnectedState;
}

}  // namespace

Result<Dialogue> Dialogue::read(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return Error::permanent("dialogue.syntax",
                                path + QStringLiteral(": ") + file.errorString());
    }
    Dialogue dialogue;
    for (int number = 1; !file.atEnd(); ++number) {
        QByteArray line = file.readLine();
        line.chop(line.endsWith('\n') ? 1 : 0);
        const QByteArray mark = line.left(2);
        const QByteArray text = line.mid(3);
        using Kind = Step::Kind;
        if (line.isEmpty() || line.startsWith('#')) {
            continue;
        }
        if (line.startsWith("@ ")) {
            dialogue.m_settings.push_back(line.mid(2).split(' '));
        } else if (mark == "C:") {
            dialogue.m_steps.push_back({Kind::Send, text + "\r\n", number});
        } else if (mark == "C|") {
            dialogue.m_steps.push_back({Kind::Send, unescaped(text), number});
        } else if (mark == "S:" && text == "closed") {
            dialogue.m_steps.push_back({Kind::Closed, text, number});
        } else if (mark == "S:") {
            dialogue.m_steps.push_back({Kind::Reply, text, number});
        } else if (mark == "S+") {
            dialogue.m_steps.push_back({Kind::HasLine, text, number});
        } else if (mark == "S!") {
            dialogue.m_steps.push_back({Kind::HasNoLine, text, number});
        } else if (mark == "M|") {
            dialogue.m_messages.append(unescaped(text));
        } else {
            return Error::permanent("dialogue.syntax",
                                    QStringLiteral("%1:%2").arg(path).arg(number));
        }
    }
    return dialogue;
}

QByteArray Dialogue::play(quint16 port) const
{
    QTcpSocket socket;
    socket.connectToHost(QStringLiteral("127.0.0.1"), port);
    if (!socket.waitForConnected(patience)) {
        return "no connection";
    }
    QByteArrayList reply;
    for (const Step &step : m_steps) {
        bool isGood = true;
        switch (step.kind) {
        case Step::Kind::Send:
            socket.write(step.text);
            socket.flush();
            break;
        case Step::Kind::Reply:
            reply = nextReply(socket);
            isGood = !reply.isEmpty() && beginsWith(reply.last(), step.text);
            break;
        case Step::Kind::HasLine:
            isGood = hasLine(reply, step.text);
            break;
        case Step::Kind::HasNoLine:
            isGood = !hasLine(reply, step.text);
            break;
        case Step::Kind::Closed:
            isGood = isClosed(socket);
            break;
        }
        if (!isGood) {
            return "line " + QByteArray::number(step.line) + ": expected '" + step.text + "', got '"
                   + reply.join(" / ") + "'";
        }
    }
    return {};
}

}  // namespace portcullis::test
