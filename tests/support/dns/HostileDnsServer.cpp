// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/dns/HostileDnsServer.h"

#include <QtCore/QtEndian>
#include <QtCore/QTimer>
#include <QtNetwork/QHostAddress>

#include <algorithm>

namespace portcullis::test {

namespace {

constexpr qsizetype headerSize = 12;  // RFC 1035 §4.1.1

QByteArray number16(quint16 value)
{
    QByteArray octets(2, '\0');
    qToBigEndian(value, octets.data());
    return octets;
}

QByteArray number32(quint32 value)
{
    QByteArray octets(4, '\0');
    qToBigEndian(value, octets.data());
    return octets;
}

/// The question section of a query and the name in it, lower case.
struct Question {
    QByteArray id;
    QByteArray section;
    QByteArray name;
};

std::optional<Question> readQuestion(const QByteArray &query)
{
    Question question;
    question.id = query.left(2);
    qsizetype at = headerSize;
    while (at < query.size() && query.at(at) != '\0') {
        const auto length = static_cast<quint8>(query.at(at));
        if (length > 63 || at + 1 + length >= query.size()) {
            return std::nullopt;
        }
        question.name += (question.name.isEmpty() ? "" : ".") + query.mid(at + 1, length).toLower();
        at += 1 + length;
    }
    if (at + 5 > query.size()) {
        return std::nullopt;
    }
    question.section = query.mid(headerSize, at + 5 - headerSize);
    return question;
}

QByteArray header(const Question &question, quint16 flags, quint16 answers)
{
    constexpr quint16 response = 0x8180;  // QR, RD, RA
    return question.id + number16(response | flags) + number16(1) + number16(answers) + number32(0);
}

constexpr auto namePointer = "\xc0\x0c";  // The name of the question.

QByteArray record(const QByteArray &name, quint16 type, quint32 ttl, const QByteArray &data)
{
    return name + number16(type) + number16(1) + number32(ttl)
           + number16(static_cast<quint16>(data.size())) + data;
}

QByteArray address(const QByteArray &text)
{
    return number32(QHostAddress(QString::fromLatin1(text)).toIPv4Address());
}

QByteArray response(const Question &question, const HostileDnsServer::Rule &rule)
{
    using Behaviour = HostileDnsServer::Behaviour;
    constexpr quint16 truncation = 0x0200;
    constexpr quint16 typeA = 1;
    constexpr quint16 typeCname = 5;
    const QByteArray start = header(question, 0, 1) + question.section;
    const auto one = [&rule](const QByteArray &name) {
        return record(name, typeA, rule.ttl, address("127.0.0.2"));
    };
    switch (rule.behaviour) {
    case Behaviour::Answers: {
        QByteArray packet = header(question, 0, static_cast<quint16>(rule.addresses.size()))
                            + question.section;
        for (const QByteArray &each : rule.addresses) {
            packet += record(namePointer, typeA, rule.ttl, address(each));
        }
        return packet;
    }
    case Behaviour::NoName:
        return header(question, 3, 0) + question.section;
    case Behaviour::ServFail:
        return header(question, 2, 0) + question.section;
    case Behaviour::Silent:
        return {};
    case Behaviour::Truncated:
        return header(question, truncation, 0) + question.section;
    case Behaviour::Garbage:
        return question.id + QByteArray(200, '\xff');
    case Behaviour::HeaderOnly:
        return question.id;
    case Behaviour::ShortRdata:
        return start + record(namePointer, typeA, rule.ttl, "\x7f\x01");
    case Behaviour::CountLies:
        return header(question, 0, 1000) + question.section + one(namePointer);
    case Behaviour::PointerLoop:
        return start + one("\xc0" + QByteArray(1, static_cast<char>(start.size())));
    case Behaviour::CnameLoop:
        return start + record(namePointer, typeCname, rule.ttl, namePointer);
    case Behaviour::OtherName:
        return start
               + one(QByteArray("\x05"
                                "other\x04"
                                "test\0",
                                12));
    }
    return {};
}

}  // namespace

HostileDnsServer::HostileDnsServer(QObject *parent)
    : QObject(parent)
{
    m_socket.bind(QHostAddress::LocalHost);
    connect(&m_socket, &QUdpSocket::readyRead, this, &HostileDnsServer::onReadyRead);
}

QString HostileDnsServer::server() const
{
    return QStringLiteral("127.0.0.1:%1").arg(m_socket.localPort());
}

int HostileDnsServer::questionCount(const QByteArray &suffix) const
{
    return static_cast<int>(
        std::count_if(m_questions.begin(), m_questions.end(),
                      [&suffix](const QByteArray &name) { return name.endsWith(suffix); }));
}

HostileDnsServer::Rule HostileDnsServer::ruleOf(const QByteArray &name) const
{
    qsizetype longest = -1;
    Rule rule;
    for (const auto &[suffix, each] : m_rules) {
        if (name.endsWith(suffix) && suffix.size() > longest) {
            longest = suffix.size();
            rule = each;
        }
    }
    return rule;
}

void HostileDnsServer::onReadyRead()
{
    while (m_socket.hasPendingDatagrams()) {
        QByteArray query(static_cast<qsizetype>(m_socket.pendingDatagramSize()), '\0');
        QHostAddress peer;
        quint16 port = 0;
        m_socket.readDatagram(query.data(), query.size(), &peer, &port);
        const auto question = readQuestion(query);
        if (!question) {
            continue;
        }
        m_questions.push_back(question->name);
        const Rule rule = ruleOf(question->name);
        const QByteArray packet = response(*question, rule);
        if (!packet.isEmpty()) {
            QTimer::singleShot(rule.delay, this, [this, packet, peer, port] {
                m_socket.writeDatagram(packet, peer, port);
            });
        }
    }
}

}  // namespace portcullis::test
