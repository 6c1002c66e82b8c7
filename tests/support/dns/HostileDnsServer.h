// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QObject>
#include <QtNetwork/QUdpSocket>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace portcullis::test {

/// A name server that misbehaves, over UDP on a free port of 127.0.0.1. Runs in the event loop of
/// the thread that made it. TCP is refused.
class HostileDnsServer final : public QObject
{
public:
    enum class Behaviour {
        Answers,  ///< The addresses given, to any question.
        NoName,   ///< NXDOMAIN.
        ServFail,
        Silent,
        Truncated,    ///< TC without records; there is no TCP to go to.
        Garbage,      ///< The right id and then noise.
        HeaderOnly,   ///< Two octets.
        ShortRdata,   ///< An A record with two octets of address.
        CountLies,    ///< Announces 1,000 records and has one.
        PointerLoop,  ///< The name of the record is a pointer to itself.
        CnameLoop,    ///< The name is an alias of itself.
        OtherName     ///< Answers a question that nobody asked.
    };
    struct Rule {
        Behaviour behaviour = Behaviour::NoName;
        std::vector<QByteArray> addresses{};  ///< "127.0.0.2"
        std::chrono::milliseconds delay{0};
        quint32 ttl = 300;
    };

    explicit HostileDnsServer(QObject *parent = nullptr);

    /// For all names that end with `suffix`; the longest suffix counts. Others get NXDOMAIN.
    void setRule(const QByteArray &suffix, const Rule &rule) { m_rules[suffix.toLower()] = rule; }

    [[nodiscard]] QString server() const;                             ///< "127.0.0.1:PORT"
    [[nodiscard]] int questionCount(const QByteArray &suffix) const;  ///< Of names ending so.

private:
    void onReadyRead();
    [[nodiscard]] Rule ruleOf(const QByteArray &name) const;

    QUdpSocket m_socket;
    std::map<QByteArray, Rule> m_rules;
    std::vector<QByteArray> m_questions;
};

}  // namespace portcullis::test
