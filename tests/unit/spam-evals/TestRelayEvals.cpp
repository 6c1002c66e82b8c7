// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/RelayEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;
using portcullis::spam::test::FakeScan;
using portcullis::spam::test::rulesOf;

/// The functions of the plugin RelayEval.
class TestRelayEvals final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void hits_data();
    void hits();
};

void TestRelayEvals::hits_data()
{
    QTest::addColumn<QByteArray>("call");
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<int>("expected");
    const auto row = [](const char *name, const char *call, const QByteArray &header,
                        int expected) {
        QTest::newRow(name) << QByteArray(call) << header << expected;
    };
    const auto hop = [](const char *helo, const char *name, const char *ip,
                        const char *by = "mx.our.example") {
        return QByteArray("Received: from ") + helo + " (" + name + " [" + ip + "]) by " + by
               + " (Postfix) with ESMTP id 1234\n";
    };
    row("numeric greeting", "check_for_numeric_helo",
        hop("198.51.100.9", "unknown", "198.51.100.9"), 1);
    row("bracketed greeting", "check_for_numeric_helo",
        hop("[198.51.100.9]", "unknown", "198.51.100.9"), 0);
    row("illegal addresses are history", "check_for_illegal_ip", hop("a", "b", "0.0.0.0"), 0);
    row("all trusted", "check_all_trusted", hop("a", "b", "10.0.0.1"), 1);
    row("not all trusted", "check_all_trusted",
        hop("a", "b", "10.0.0.1") + hop("c", "d", "198.51.100.1"), 0);
    row("unreadable is not trusted", "check_all_trusted",
        hop("a", "b", "10.0.0.1") + "Received: from outer space, with love\n", 0);
    row("no relays", "check_no_relays", "Received: by a (Postfix, from userid 0) id 1\n", 1);
    row("a relay", "check_no_relays", hop("a", "b", "10.0.0.1"), 0);
    row("unreadable", "check_relays_unparseable", "Received: from outer space, with love\n", 1);
    row("readable", "check_relays_unparseable", hop("a", "b", "10.0.0.1"), 0);
    row("origin with a name", "check_for_sender_no_reverse", hop("a", "b.example", "198.51.100.1"),
        1);
    row("origin without a name", "check_for_sender_no_reverse", hop("a", "unknown", "198.51.100.1"),
        0);
    row("own domain hands over", "check_for_from_domain_in_received_headers x.example true",
        hop("a", "out.x.example", "198.51.100.1", "in.x.example") + "From: a@x.example\n", 1);
    row("other domain hands over", "check_for_from_domain_in_received_headers x.example false",
        hop("a", "out.y.example", "198.51.100.1", "in.x.example") + "From: a@x.example\n", 1);
    row("other sender", "check_for_from_domain_in_received_headers x.example false",
        hop("a", "out.y.example", "198.51.100.1") + "From: a@y.example\n", 0);
    const QByteArray straight = hop("a", "one.first.example", "198.51.100.1")
                                + hop("b", "two.second.example", "198.51.100.2",
                                      "one.first.example")
                                + hop("c", "three.third.example", "198.51.100.3",
                                      "two.second.example");
    row("trail without breaks", "check_for_forged_received_trail", straight, 0);
    const QByteArray broken = hop("a", "one.first.example", "198.51.100.1")
                              + hop("b", "two.second.example", "198.51.100.2", "x.fourth.example")
                              + hop("c", "three.third.example", "198.51.100.3", "y.fifth.example");
    row("trail with two breaks", "check_for_forged_received_trail", broken, 1);
    row("greeting from another network", "check_for_forged_received_ip_helo",
        hop("203.0.113.1", "unknown", "198.51.100.1"), 1);
    row("greeting from a private network", "check_for_forged_received_ip_helo",
        hop("10.0.113.1", "unknown", "198.51.100.1"), 0);
    row("greeting of another address", "helo_ip_mismatch",
        hop("203.0.113.1", "unknown", "198.51.100.1"), 1);
    row("greeting of a neighbour", "helo_ip_mismatch",
        hop("198.51.100.200", "unknown", "198.51.100.1"), 0);
    row("nameless yahoo.com", "check_for_no_rdns_dotcom_helo",
        hop("mx.yahoo.com", "unknown", "198.51.100.1"), 1);
    row("named yahoo.com", "check_for_no_rdns_dotcom_helo",
        hop("mx.yahoo.com", "pc.isp.example", "198.51.100.1"), 0);
    row("nameless other", "check_for_no_rdns_dotcom_helo",
        hop("notyahoo.com", "unknown", "198.51.100.1"), 0);
}

void TestRelayEvals::hits()
{
    QFETCH(QByteArray, call);
    QFETCH(QByteArray, header);
    QFETCH(int, expected);
    const QList<QByteArray> words = call.split(' ');
    FakeScan scan(rulesOf(""), header + "\nText\n");
    RelayEvals module;
    QCOMPARE(scan.ask(module, words[0], {words.begin() + 1, words.end()}), expected);
}

QTEST_APPLESS_MAIN(TestRelayEvals)
#include "TestRelayEvals.moc"
