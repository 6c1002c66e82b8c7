// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/RelayPolicy.h"

#include <QtTest/QTest>

using namespace portcullis;
using mail::Direction;

namespace {

config::Config gatewayOf(const char *relayDomain)
{
    config::Config config;
    config.relayDomains.insert({relayDomain, {relayDomain, false, {}}});
    config.trustedNetworks.push_back(config::Network::parse("10.0.0.0/8").value());
    config.ownAddresses.push_back(config::Network::parse("127.0.0.0/8").value());
    config.admin.email = "admin@ours.example";
    return config;
}

mail::Client clientAt(const QString &address)
{
    mail::Client client;
    client.address = QHostAddress(address);
    return client;
}

}  // namespace

class TestRelayPolicy : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void decidesWhoMaySendWhere_data();
    void decidesWhoMaySendWhere();
    void relaysNoForeignAddressHoweverWritten_data();
    void relaysNoForeignAddressHoweverWritten();
    void givesBarePostmasterToTheAdministrator();
    void refusesUnqualifiedSender();
};

void TestRelayPolicy::decidesWhoMaySendWhere_data()
{
    QTest::addColumn<Direction>("direction");
    QTest::addColumn<QString>("client");
    QTest::addColumn<QByteArray>("recipient");
    QTest::addColumn<int>("code");
    const QString stranger = QStringLiteral("192.0.2.1");
    const QString trusted = QStringLiteral("10.1.2.3");
    QTest::newRow("stranger to us")
        << Direction::In << stranger << QByteArray("a@ours.example") << 0;
    QTest::newRow("stranger to others")
        << Direction::In << stranger << QByteArray("a@x.example") << 550;
    QTest::newRow("stranger to a subdomain that we do not serve")
        << Direction::In << stranger << QByteArray("a@sub.ours.example") << 550;
    QTest::newRow("trusted client has no relay rights on the external port")
        << Direction::In << trusted << QByteArray("a@x.example") << 550;
    QTest::newRow("trusted to others")
        << Direction::Out << trusted << QByteArray("a@x.example") << 0;
    QTest::newRow("stranger on the internal port to us")
        << Direction::Out << stranger << QByteArray("a@ours.example") << 0;
    QTest::newRow("stranger on the internal port to others")
        << Direction::Out << stranger << QByteArray("a@x.example") << 550;
    QTest::newRow("mapped IPv4 address is no way around")
        << Direction::Out << QStringLiteral("::ffff:192.0.2.1") << QByteArray("a@x.example") << 550;
    QTest::newRow("mapped trusted address is trusted")
        << Direction::Out << QStringLiteral("::ffff:10.1.2.3") << QByteArray("a@x.example") << 0;
    QTest::newRow("unqualified domain") << Direction::Out << trusted << QByteArray("a@host") << 550;
}

void TestRelayPolicy::decidesWhoMaySendWhere()
{
    QFETCH(Direction, direction);
    QFETCH(QString, client);
    QFETCH(QByteArray, recipient);
    QFETCH(int, code);
    const auto refusal = mta::relayRefusal(gatewayOf("ours.example"), direction, clientAt(client),
                                           mail::Address::parse(recipient).value());
    QCOMPARE(refusal ? refusal->code : 0, code);
}

void TestRelayPolicy::relaysNoForeignAddressHoweverWritten_data()
{
    QTest::addColumn<QByteArray>("path");
    for (const char *path :
         {"<x%foreign.example@ours.example>", "<foreign.example!x@ours.example>",
          "<\"x@foreign.example\"@ours.example>", "<@ours.example:x@foreign.example>",
          "<@ours.example,@ours.example:x@foreign.example>", "<x@[192.0.2.9]>",
          "<x@[IPv6:2001:db8::9]>", "<x@FOREIGN.EXAMPLE>", "<x@foreign.example.>",
          "<\"x%foreign.example\"@ours.example>", "<x@ours.example@foreign.example>",
          "<x@foreign.example@ours.example>", "<\"\"@foreign.example>", "<x@>", "<x>",
          "<@foreign.example>", "<>"}) {
        QTest::newRow(qPrintable(QStringLiteral("R1 ") + QString::fromLatin1(path)))
            << QByteArray(path);
    }
}

void TestRelayPolicy::relaysNoForeignAddressHoweverWritten()
{
    QFETCH(QByteArray, path);
    const auto recipient = mail::Address::parsePath(path);
    if (!recipient) {
        return;  // Refused as syntax before anybody asks for relaying.
    }
    const auto refusal = mta::relayRefusal(gatewayOf("ours.example"), Direction::In,
                                           clientAt(QStringLiteral("192.0.2.1")), *recipient);
    QVERIFY(refusal.has_value());
    QCOMPARE(refusal->code, 550);
}

void TestRelayPolicy::givesBarePostmasterToTheAdministrator()
{
    const auto given = mail::Address::parsePath("<Postmaster>").value();
    QCOMPARE(mta::withDomain(gatewayOf("ours.example"), given).toString(),
             QByteArray("admin@ours.example"));
}

void TestRelayPolicy::refusesUnqualifiedSender()
{
    const auto refusal = mta::senderRefusal(gatewayOf("ours.example"), Direction::In,
                                            clientAt(QStringLiteral("192.0.2.1")),
                                            mail::Address::parse("a@host").value());
    QVERIFY(refusal.has_value());
    QCOMPARE(refusal->code, 504);
    QVERIFY(!mta::senderRefusal(gatewayOf("ours.example"), Direction::In, {}, {}).has_value());
}

QTEST_GUILESS_MAIN(TestRelayPolicy)
#include "TestRelayPolicy.moc"
