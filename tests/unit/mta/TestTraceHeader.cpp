// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/TraceHeader.h"

#include <QtTest/QTest>

using namespace portcullis;

class TestTraceHeader : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void saysWhoBroughtTheMessage();
    void keepsSeveralRecipientsSecret();
    void letsNoClientBreakTheField_data();
    void letsNoClientBreakTheField();
    void showsTlsOnlyIfAsked();
    void countsHopsInTheHeaderOnly();

private:
    static QByteArray fieldFor(const QByteArray &helo,
                               const QByteArray &name,
                               bool showsTls = false);
};

QByteArray TestTraceHeader::fieldFor(const QByteArray &helo, const QByteArray &name, bool showsTls)
{
    config::Config config;
    config.fqdn = "gate.ours.example";
    config.mail.tlsHeader = showsTls;
    mail::Client client;
    client.address = QHostAddress(QStringLiteral("192.0.2.7"));
    client.helo = helo;
    client.name = name;
    client.protocol = "ESMTPS";
    client.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384 256";
    mail::Envelope envelope;
    envelope.recipients = {{mail::Address::parse("a@ours.example").value(), {}, {}}};
    const Clock::WallTime at(std::chrono::seconds(1'700'000'000));
    return mta::receivedField(config, client, envelope, "Q1", at);
}

void TestTraceHeader::saysWhoBroughtTheMessage()
{
    QCOMPARE(fieldFor("mx.example", "mx.example"),
             QByteArray("Received: from mx.example (mx.example [192.0.2.7])\r\n"
                        "\tby gate.ours.example (Portcullis) with ESMTPS id Q1\r\n"
                        "\tfor <a@ours.example>;\r\n"
                        "\tTue, 14 Nov 2023 22:13:20 +0000\r\n"));
}

void TestTraceHeader::keepsSeveralRecipientsSecret()
{
    config::Config config;
    mail::Envelope envelope;
    const mail::Recipient recipient{mail::Address::parse("a@ours.example").value(), {}, {}};
    envelope.recipients = {recipient, recipient};
    QVERIFY(!mta::receivedField(config, {}, envelope, "Q1", {}).contains("ours.example"));
}

void TestTraceHeader::letsNoClientBreakTheField_data()
{
    QTest::addColumn<QByteArray>("helo");
    QTest::newRow("line break") << QByteArray("x\r\nX-Evil: 1");
    QTest::newRow("comment") << QByteArray("x) (by evil");
    QTest::newRow("end of date") << QByteArray("x; evil");
    QTest::newRow("very long") << QByteArray(5000, 'x');
    QTest::newRow("8-bit and NUL") << QByteArray("x\0\xff", 3);
}

void TestTraceHeader::letsNoClientBreakTheField()
{
    QFETCH(QByteArray, helo);
    const QByteArray field = fieldFor(helo, helo);
    QCOMPARE(field.count("\r\n"), 4);
    QCOMPARE(field.count('\n'), 4);
    QCOMPARE(field.count(';'), 1);
    QCOMPARE(field.count('('), 2);
    for (const QByteArray &line : field.split('\n')) {
        QVERIFY2(line.size() <= 998, "RFC 5322 §2.1.1");
    }
}

void TestTraceHeader::showsTlsOnlyIfAsked()
{
    QVERIFY(!fieldFor("a", "a").contains("TLS_AES"));
    QVERIFY(fieldFor("a", "a", true).contains("(using TLSv1.3 TLS_AES_256_GCM_SHA384 256)"));
}

void TestTraceHeader::countsHopsInTheHeaderOnly()
{
    QCOMPARE(mta::countReceived(
                 "Received: a\r\n\tb\r\nRECEIVED : no\r\nreceived:c\r\n\r\nReceived: d\r\n"),
             2);
    QCOMPARE(mta::countReceived(""), 0);
}

QTEST_GUILESS_MAIN(TestTraceHeader)
#include "TestTraceHeader.moc"
