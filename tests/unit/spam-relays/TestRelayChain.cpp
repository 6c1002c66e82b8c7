// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/relays/RelayChain.h"

#include <QtTest/QtTest>

using namespace portcullis::spam;

namespace {

QByteArray hop(const QByteArray &ip, const QByteArray &more = {})
{
    return "from host (name [" + ip + "]) by mx.our.example (Postfix) with ESMTP id 1234" + more;
}

QByteArray addresses(const std::vector<Relay> &relays)
{
    QByteArray text;
    for (const Relay &relay : relays) {
        text += (text.isEmpty() ? "" : " ") + relay.ip;
    }
    return text;
}

RelaySettings networks(const std::vector<QByteArray> &trusted,
                       const std::vector<QByteArray> &internal,
                       const std::vector<QByteArray> &msa = {})
{
    RuleSet rules;
    for (const QByteArray &word : trusted) {
        rules.directives["trusted_networks"].push_back({word, {}, 0});
    }
    for (const QByteArray &word : internal) {
        rules.directives["internal_networks"].push_back({word, {}, 0});
    }
    for (const QByteArray &word : msa) {
        rules.directives["msa_networks"].push_back({word, {}, 0});
    }
    return RelaySettings::fromRules(rules);
}

}  // namespace

class TestRelayChain final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void infersTrustFromPrivateAddresses();
    void trustsThoseWhoLoggedIn();
    void followsNetworks();
    void takesOneKindOfNetworksForTheOther();
    void trustsEverythingBehindSubmission();
    void restartsWhereMailWasFetched();
    void countsWhatItCannotRead();
    void addsOriginatingAddresses();
    void givesScannersSenderToTheNextHop();
    void stopsAtTheLimitOfFields();
    void readsDirectives();
    void matchesNetworks_data();
    void matchesNetworks();
    void knowsAddresses_data();
    void knowsAddresses();
    void findsTheReversePath_data();
    void findsTheReversePath();
};

void TestRelayChain::infersTrustFromPrivateAddresses()
{
    const RelayChain chain = readRelays(
        {hop("10.0.0.1"), hop("192.168.3.4"), hop("198.51.100.1"), hop("10.0.0.2")}, {});
    QCOMPARE(addresses(chain.trusted), "10.0.0.1 192.168.3.4");
    QCOMPARE(addresses(chain.untrusted), "198.51.100.1 10.0.0.2");
    QCOMPARE(addresses(chain.internal), "10.0.0.1 192.168.3.4");
    QCOMPARE(chain.lastTrusted, 1);
    QCOMPARE(chain.lastInternal, 1);
    QVERIFY(!chain.isAllTrusted());
    QVERIFY(RelayChain::toText(chain.trusted).contains("] [ ip=192.168.3.4 "));
    QVERIFY(chain.trusted.front().toText().contains(" intl=1 "));
    QVERIFY(chain.untrusted.front().toText().contains(" intl=0 "));
}

void TestRelayChain::trustsThoseWhoLoggedIn()
{
    const RelayChain chain = readRelays(
        {"from pc (dsl.isp.example [203.0.113.7]) by mx.our.example "
         "(Postfix) with ESMTPSA id 1234"},
        {});
    QVERIFY(chain.isAllTrusted());
    QCOMPARE(chain.trusted.front().auth, "ESMTPSA");
}

void TestRelayChain::followsNetworks()
{
    const auto settings = networks({"198.51.100.0/24 203.0.113.0/24"}, {"198.51.100."});
    const RelayChain chain = readRelays(
        {hop("198.51.100.9"), hop("203.0.113.9"), hop("192.0.2.9"), hop("198.51.100.8")}, settings);
    QCOMPARE(addresses(chain.trusted), "198.51.100.9 203.0.113.9");
    QCOMPARE(addresses(chain.internal), "198.51.100.9");
    QCOMPARE(addresses(chain.external), "203.0.113.9 192.0.2.9 198.51.100.8");
    QCOMPARE(chain.lastTrusted, 1);
    QCOMPARE(chain.lastInternal, 0);
}

void TestRelayChain::takesOneKindOfNetworksForTheOther()
{
    const std::vector<QByteArray> received{hop("198.51.100.9"), hop("10.0.0.1")};
    const RelayChain trusted = readRelays(received, networks({"198.51.100.0/24"}, {}));
    QCOMPARE(addresses(trusted.internal), "198.51.100.9");
    QCOMPARE(addresses(trusted.untrusted), "10.0.0.1");
    const RelayChain internal = readRelays(received, networks({}, {"198.51.100.0/24"}));
    QCOMPARE(addresses(internal.trusted), "198.51.100.9");
}

void TestRelayChain::trustsEverythingBehindSubmission()
{
    const auto settings = networks({"198.51.100.0/24"}, {}, {"198.51.100.25"});
    const RelayChain chain = readRelays({hop("198.51.100.25"), hop("203.0.113.9")}, settings);
    QVERIFY(chain.isAllTrusted());
    QVERIFY(chain.trusted.front().isMsa);
    QVERIFY(chain.trusted.front().toText().endsWith(" msa=1 ]"));
    QVERIFY(!chain.trusted.back().isMsa);
}

void TestRelayChain::restartsWhereMailWasFetched()
{
    const QByteArray fetched = "from mail.isp.example [127.0.0.1] by localhost with IMAP "
                               "(fetchmail-5.9.0) for anna@localhost (single-drop)";
    const RelayChain own = readRelays({hop("127.0.0.1"), fetched, hop("198.51.100.1")}, {});
    QCOMPARE(addresses(own.trusted), "");
    QCOMPARE(addresses(own.untrusted), "198.51.100.1");
    const RelayChain foreign = readRelays({hop("198.51.100.1"), fetched, hop("198.51.100.2")}, {});
    QCOMPARE(addresses(foreign.untrusted), "198.51.100.1 198.51.100.2");
}

void TestRelayChain::countsWhatItCannotRead()
{
    const RelayChain chain = readRelays({hop("10.0.0.1"), "from outer space, with love"}, {});
    QCOMPARE(chain.unparseable, 1);
    QVERIFY(!chain.isAllTrusted());
    QVERIFY(!chain.isEmpty());
    QCOMPARE(chain.lastTrusted, 1);
    QVERIFY(readRelays({}, {}).isEmpty());
    QVERIFY(readRelays({"by mx.our.example (Postfix, from userid 0) id 1"}, {}).isEmpty());
}

void TestRelayChain::addsOriginatingAddresses()
{
    const RelayChain chain = readRelays({hop("10.0.0.1")}, {}, {"[203.0.113.5]", "none"});
    QCOMPARE(addresses(chain.untrusted), "203.0.113.5");
    QCOMPARE(chain.untrusted.front().by, "");
}

void TestRelayChain::givesScannersSenderToTheNextHop()
{
    const RelayChain chain = readRelays(
        {"from 198.51.100.9 by mail.our.example (envelope-from <a@sender.example>, "
         "uid 502) with qmail-scanner-1.24 (clean)",
         hop("198.51.100.9"), hop("198.51.100.10")},
        {});
    QCOMPARE(chain.untrusted.front().envelopeFrom, "a@sender.example");
    QVERIFY(!chain.untrusted.back().hasEnvelopeFrom);
}

void TestRelayChain::stopsAtTheLimitOfFields()
{
    const std::vector<QByteArray> received(5, hop("198.51.100.9"));
    RelayLimits limits;
    limits.fields = 3;
    QCOMPARE(readRelays(received, {}, {}, limits).untrusted.size(), size_t(3));
}

void TestRelayChain::readsDirectives()
{
    RuleSet rules;
    rules.directives["originating_ip_headers"] = {{"X-Yahoo-Post-IP X-Originating-IP", {}, 0},
                                                  {"x-originating-ip X-AOL-IP", {}, 1}};
    rules.directives["envelope_sender_header"] = {{"X-Real-Sender", {}, 2}};
    const RelaySettings settings = RelaySettings::fromRules(rules);
    QCOMPARE(settings.originatingHeaders.size(), size_t(3));
    QCOMPARE(settings.envelopeSenderHeader, "X-Real-Sender");
    QVERIFY(!settings.areTrustedSet);
}

void TestRelayChain::matchesNetworks_data()
{
    QTest::addColumn<QByteArray>("entries");
    QTest::addColumn<QByteArray>("address");
    QTest::addColumn<bool>("isInside");
    QTest::newRow("prefix") << QByteArray("192.0.2.0/25") << QByteArray("192.0.2.127") << true;
    QTest::newRow("beyond prefix")
        << QByteArray("192.0.2.0/25") << QByteArray("192.0.2.128") << false;
    QTest::newRow("octets") << QByteArray("10.1.") << QByteArray("10.1.255.1") << true;
    QTest::newRow("octets without dot") << QByteArray("10") << QByteArray("10.1.255.1") << true;
    QTest::newRow("netmask") << QByteArray("192.0.2.0/255.255.255.0") << QByteArray("192.0.2.9")
                             << true;
    QTest::newRow("first match wins")
        << QByteArray("!192.0.2.5 192.0.2.0/24") << QByteArray("192.0.2.5") << false;
    QTest::newRow("exception too late")
        << QByteArray("192.0.2.0/24 !192.0.2.5") << QByteArray("192.0.2.5") << true;
    QTest::newRow("IPv6") << QByteArray("2001:db8::/32") << QByteArray("2001:db8:1::1") << true;
    QTest::newRow("IPv6 in brackets with zone")
        << QByteArray("[fe80::1%eth0]") << QByteArray("fe80::1") << true;
    QTest::newRow("IPv4 in IPv6") << QByteArray("192.0.2.0/24") << QByteArray("::ffff:192.0.2.7")
                                  << true;
    QTest::newRow("everything but") << QByteArray("!0/0 10/8") << QByteArray("10.0.0.1") << false;
    QTest::newRow("no address") << QByteArray("10/8") << QByteArray("ten") << false;
    QTest::newRow("no network") << QByteArray("ten/8 300.1.1.1 1.2.3.4/33") << QByteArray("1.2.3.4")
                                << false;
}

void TestRelayChain::matchesNetworks()
{
    QFETCH(QByteArray, entries);
    QFETCH(QByteArray, address);
    QFETCH(bool, isInside);
    NetworkSet set;
    for (const QByteArray &entry : entries.split(' ')) {
        set.add(entry);
    }
    QCOMPARE(set.contains(address), isInside);
}

void TestRelayChain::knowsAddresses_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("found");
    QTest::addColumn<bool>("isPrivate");
    QTest::newRow("IPv4") << QByteArray("(198.51.100.1)") << QByteArray("198.51.100.1") << false;
    QTest::newRow("private") << QByteArray("x=172.16.0.1;") << QByteArray("172.16.0.1") << true;
    QTest::newRow("not private") << QByteArray("172.32.0.1") << QByteArray("172.32.0.1") << false;
    QTest::newRow("carrier") << QByteArray("100.127.0.1") << QByteArray("100.127.0.1") << true;
    QTest::newRow("five numbers") << QByteArray("10.0.8.6.13219") << QByteArray("10.0.8.6") << true;
    QTest::newRow("too large") << QByteArray("1.2.3.256") << QByteArray() << false;
    QTest::newRow("leading zero") << QByteArray("01.2.3.4") << QByteArray() << false;
    QTest::newRow("in a word") << QByteArray("x1.2.3.4y") << QByteArray() << false;
    QTest::newRow("IPv6") << QByteArray("[2001:db8::1]") << QByteArray("2001:db8::1") << false;
    QTest::newRow("IPv6 prefix") << QByteArray("[IPv6:2001:db8::1]")
                                 << QByteArray("IPv6:2001:db8::1") << false;
    QTest::newRow("loopback") << QByteArray("[::1]") << QByteArray("::1") << true;
    QTest::newRow("link-local") << QByteArray("fe80::1:2") << QByteArray("fe80::1:2") << true;
    QTest::newRow("mapped") << QByteArray("::ffff:10.1.2.3") << QByteArray("::ffff:10.1.2.3")
                            << true;
    QTest::newRow("eight groups") << QByteArray("1:2:3:4:5:6:7:8") << QByteArray("1:2:3:4:5:6:7:8")
                                  << false;
    QTest::newRow("nine groups") << QByteArray("1:2:3:4:5:6:7:8:9") << QByteArray() << false;
    QTest::newRow("two gaps") << QByteArray("1::2::3") << QByteArray() << false;
    QTest::newRow("time") << QByteArray("12:34:56") << QByteArray() << false;
}

void TestRelayChain::knowsAddresses()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, found);
    QFETCH(bool, isPrivate);
    const TextSpan span = findAddress(text);
    QCOMPARE(text.mid(span.begin, span.length), found);
    QCOMPARE(isPrivateAddress(found), isPrivate);
}

void TestRelayChain::findsTheReversePath_data()
{
    QTest::addColumn<QByteArray>("said");  // Which clue is there: see below.
    QTest::addColumn<QByteArray>("found");
    QTest::newRow("nothing") << QByteArray() << QByteArray("(none)");
    QTest::newRow("Received") << QByteArray("received returnPath") << QByteArray("r@x.example");
    QTest::newRow("Return-Path") << QByteArray("returnPath") << QByteArray("p@x.example");
    QTest::newRow("Return-Path below Received")
        << QByteArray("returnPath below") << QByteArray("(none)");
    QTest::newRow("X-Envelope-From first")
        << QByteArray("xEnvelope returnPath") << QByteArray("e@x.example");
    QTest::newRow("X-Envelope-From below Received ends it")
        << QByteArray("xEnvelope below returnPath") << QByteArray("(none)");
    QTest::newRow("fetchmail's guess")
        << QByteArray("fetchmail returnPath") << QByteArray("(none)");
    QTest::newRow("configured") << QByteArray("configured returnPath") << QByteArray("c@x.example");
    QTest::newRow("configured and missing")
        << QByteArray("missing returnPath") << QByteArray("(none)");
}

void TestRelayChain::findsTheReversePath()
{
    QFETCH(QByteArray, said);
    QFETCH(QByteArray, found);
    RelaySettings settings;
    SenderClues clues;
    const bool isBelow = said.contains("below");
    if (said.contains("configured") || said.contains("missing")) {
        settings.envelopeSenderHeader = "X-Real-Sender";
    }
    if (said.contains("configured")) {
        clues.configured.address = "c@x.example";
    }
    if (said.contains("xEnvelope")) {
        clues.xEnvelopeFrom = {QByteArray("e@x.example"), isBelow};
    }
    if (said.contains("returnPath")) {
        clues.returnPath = {QByteArray("p@x.example"), isBelow};
    }
    if (said.contains("fetchmail")) {
        clues.xSender = "s@x.example";
        clues.hasFetchmail = true;
    }
    const RelayChain chain = readRelays(
        {hop("198.51.100.1", said.contains("received") ? " (envelope-from <r@x.example>)" : "")},
        settings);
    QCOMPARE(findEnvelopeFrom(chain, settings, clues).value_or("(none)"), found);
}

QTEST_APPLESS_MAIN(TestRelayChain)
#include "TestRelayChain.moc"
