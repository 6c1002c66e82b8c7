// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/HashListMail.h"
#include "appliance/spam/network/NetworkAddresses.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QList>
#include <QtTest/QtTest>

using namespace portcullis::spam;

/// What network tests are made of, without a network.
class TestNetworkParts final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void answersMeetConditions_data();
    void answersMeetConditions();
    void conditionsThatAreNone_data();
    void conditionsThatAreNone();
    void codesMeetConditions();
    void addressesAreReversed();
    void mailboxesAreFound_data();
    void mailboxesAreFound();
    void machinesAreNoPeople();
    void whoSentAgainCountsAlone();
};

void TestNetworkParts::answersMeetConditions_data()
{
    QTest::addColumn<QByteArray>("kind");
    QTest::addColumn<QByteArray>("condition");
    QTest::addColumn<QByteArray>("answer");
    QTest::addColumn<bool>("expected");
    const auto row = [](const char *kind, const char *condition, const char *answer,
                        bool expected) {
        QTest::addRow("%s %s of %s", kind, condition, answer)
            << QByteArray(kind) << QByteArray(condition) << QByteArray(answer) << expected;
    };
    row("relay", "127.0.0.2", "127.0.0.2", true);
    row("relay", "127.0.0.2", "127.0.0.22", false);
    row("relay", "4", "127.0.0.6", true);
    row("relay", "4", "192.0.0.4", false);
    row("relay", "^127\\.0\\.0\\.[45]$", "127.0.0.5", true);
    row("uri", "127.0.1.2", "127.0.1.2", true);
    row("uri", "127.0.1.20-127.0.1.39", "127.0.1.25", true);
    row("uri", "127.0.1.20-127.0.1.39", "127.0.1.40", false);
    row("uri", "0.0.0.16/0.0.0.16", "127.0.0.17", true);
    row("uri", "0x10", "127.0.0.16", true);
    row("uri", "16", "127.0.0.8", false);
    row("uri", "16", "a text", false);
    row("askdns", "/^v=spf1 \\+all$/", "v=spf1 +all", true);
    row("askdns", "m{^A}i", "abc", true);
    row("askdns", "'a text'", "a text", true);
    row("askdns", "\"a\"", "a text", false);
    row("askdns", "[NXDOMAIN]", "127.0.0.1", false);
}

void TestNetworkParts::answersMeetConditions()
{
    QFETCH(QByteArray, kind);
    QFETCH(QByteArray, condition);
    QFETCH(QByteArray, answer);
    QFETCH(bool, expected);
    const auto subtest = kind == "relay" ? DnsSubtest::ofRelayList(condition)
                         : kind == "uri" ? DnsSubtest::ofUriList(condition)
                                         : DnsSubtest::ofAskDns(condition);
    QVERIFY(subtest.has_value());
    QCOMPARE(subtest->matches(answer), expected);
}

void TestNetworkParts::conditionsThatAreNone_data()
{
    QTest::addColumn<QByteArray>("condition");
    for (const char *text : {"", "-", "127.0.0.1-", "127.0.0.256", "text", "/(/", "[NOSUCHCODE]",
                             "99999999999", "0xzz"}) {
        QTest::newRow(text) << QByteArray(text);
    }
}

void TestNetworkParts::conditionsThatAreNone()
{
    QFETCH(QByteArray, condition);
    QVERIFY(!DnsSubtest::ofAskDns(condition).has_value());
}

void TestNetworkParts::codesMeetConditions()
{
    const auto codes = DnsSubtest::ofAskDns("[NXDOMAIN, 4]");
    QVERIFY(codes.has_value());
    QCOMPARE(codes->matchesCode(3), std::optional(true));
    QCOMPARE(codes->matchesCode(4), std::optional(true));
    QCOMPARE(codes->matchesCode(0), std::optional(false));
    QVERIFY(!DnsSubtest::ofUriList("2")->matchesCode(3));
}

void TestNetworkParts::addressesAreReversed()
{
    QCOMPARE(reversedAddress("192.0.2.1"), QByteArray("1.2.0.192"));
    QCOMPARE(reversedAddress("2001:db8::1"),
             QByteArray("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"));
    QCOMPARE(reversedAddress("example.com"), QByteArray());
    QCOMPARE(listedName("example.com"), QByteArray("example.com"));
}

void TestNetworkParts::mailboxesAreFound_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char *text, const char *expected) {
        QTest::newRow(text) << QByteArray(text) << QByteArray(expected);
    };
    row("write to joe@a.example, or ann.lee@b.co.example.", "joe@a.example ann.lee@b.co.example");
    row("a..b@c.example", "b@c.example");
    row(".a@c.example", "a@c.example");
    row("a@c.nosuchtld", "");
    row("a@c.example-", "");
    row("a@-c.example", "");
    row("@a.example", "");
    row("a@b@c.example", "b@c.example");
    row("Joe <joe@a.example> says", "");
    row("joe@a.example wrote:", "");
    row("joe@a.example tel: 1", "joe@a.example");
    row("http://x.example/?u=joe@a.example", "");
}

void TestNetworkParts::mailboxesAreFound()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, expected);
    const DomainTable domains(readRuleText("util_rb_tld example\n"));
    const auto found = mailboxesIn(text, domains, {true, true});
    QCOMPARE(QByteArrayList(found.begin(), found.end()).join(' '), expected);
}

void TestNetworkParts::machinesAreNoPeople()
{
    for (const char *mailbox :
         {"postmaster@a.example", "Info@a.example", "request-0123456789abcdef@a.example",
          "0123abcd.89abcdef@a.example", "a=b=c@a.example", "undisclosed-recipients@a.example"}) {
        QVERIFY2(isImpersonal(mailbox), mailbox);
    }
    for (const char *mailbox : {"joe@a.example", "information@a.example", "a=b@a.example"}) {
        QVERIFY2(!isImpersonal(mailbox), mailbox);
    }
}

void TestNetworkParts::whoSentAgainCountsAlone()
{
    const RuleSet rules = readRuleText("util_rb_tld example\n");
    const TextSettings settings = TextSettings::fromRules(rules);
    const DomainTable domains(rules);
    const QByteArray plain = "Return-Path: <back@a.example>\r\nFrom: Ann <ann@a.example>\r\n\r\n";
    MessageText text(portcullis::mail::Content(plain), settings, domains);
    QCOMPARE(senderMailboxes(text), (std::vector<QByteArray>{"ann@a.example", "back@a.example"}));
    MessageText again(portcullis::mail::Content("Resent-From: list@b.example\r\n" + plain),
                      settings, domains);
    QCOMPARE(senderMailboxes(again), std::vector<QByteArray>{"list@b.example"});
}

QTEST_GUILESS_MAIN(TestNetworkParts)
#include "TestNetworkParts.moc"
