// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Triplet.h"

#include <QtTest/QtTest>

namespace portcullis::policy::greylist {

class TestTriplet final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void normalisesSenders_data();
    void normalisesSenders();
    void r6HostileSendersStayStorable_data();
    void r6HostileSendersStayStorable();
    void masksNetworks_data();
    void masksNetworks();
    void boundsNetworks_data();
    void boundsNetworks();
    void namesKnownSenders();
};

void TestTriplet::normalisesSenders_data()
{
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char *name, const char *path, const char *expected) {
        QTest::newRow(name) << QByteArray(path) << QByteArray(expected);
    };
    row("null path", "<>", "");
    row("plain", "<anna@example.org>", "anna@example.org");
    row("lower case", "<Anna.B@Example.ORG>", "anna.b@example.org");
    row("extension", "<anna+shop@example.org>", "anna@example.org");
    row("VERP after plus", "<list-bounces+bob=example.net@example.org>",
        "list-bounces@example.org");
    row("two plus signs", "<a+b+c@example.org>", "a@example.org");
    row("plus in front is no extension", "<+bob@example.org>", "+bob@example.org");
    row("digit group", "<bounce-4711@example.org>", "bounce-#@example.org");
    row("several groups", "<b-12-345-x6@example.org>", "b-#-#-x#@example.org");
    row("digits only", "<4915112345@example.org>", "#@example.org");
    row("digits of the domain stay", "<a@mail7.example.org>", "a@mail7.example.org");
    row("BATV", "<prvs=0123abcdef=anna@example.org>", "prvs=#=anna@example.org");
    row("BATV with nothing behind", "<prvs=12@example.org>", "prvs=#@example.org");
    row("SRS0", "<SRS0=Hh9x=T7=example.net=anna@example.org>",
        "srs#=#=#=example.net=anna@example.org");
    row("SRS1", "<SRS1=Hh9x=example.net==abc=xy=anna@example.org>",
        "srs#=#=example.net==abc=xy=anna@example.org");
    row("quoted at sign", R"(<"a@b"@example.org>)", R"("a@b"@example.org)");
    row("without domain", "<postmaster>", "postmaster");
    row("UTF-8 capitals", "<\xc3\x84nna1@ex\xc3\xa4mple.org>", "\xc3\xa4nna#@ex\xc3\xa4mple.org");
}

void TestTriplet::normalisesSenders()
{
    QFETCH(QByteArray, path);
    QFETCH(QByteArray, expected);
    const auto address = mail::Address::parsePath(path);
    QVERIFY2(address, path.constData());
    QCOMPARE(normalisedSender(*address), expected);
}

void TestTriplet::r6HostileSendersStayStorable_data()
{
    QTest::addColumn<QByteArray>("local");
    QTest::newRow("R6 longest") << QByteArray(900, 'x');
    QTest::newRow("R6 longest in UTF-8") << QByteArray("\xe2\x82\xac").repeated(300);
    QTest::newRow("R6 outside the BMP") << QByteArray("\xf0\x9f\x98\x80").repeated(200);
    QTest::newRow("R6 only signs") << QByteArray("+=").repeated(30);
    QTest::newRow("R6 only digits") << QByteArray(64, '7');
}

void TestTriplet::r6HostileSendersStayStorable()
{
    QFETCH(QByteArray, local);
    mail::AddressLimits wide;
    wide.localPart = 1000;
    wide.path = 2000;
    const auto address = mail::Address::parsePath('<' + local + "@example.org>", wide);
    QVERIFY2(address, address ? "" : qPrintable(address.error().detail));
    const QByteArray key = normalisedSender(*address);
    QVERIFY(key.size() <= 256);
    QCOMPARE(QString::fromUtf8(key).toUtf8(), key);
    QVERIFY(!key.contains('\0'));
    QCOMPARE(normalisedSender(*address), key);
}

void TestTriplet::masksNetworks_data()
{
    QTest::addColumn<QString>("client");
    QTest::addColumn<int>("mask4");
    QTest::addColumn<int>("mask6");
    QTest::addColumn<QByteArray>("expected");
    const auto row = [](const char *name, const char *client, int mask4, int mask6,
                        const char *expected) {
        QTest::newRow(name) << QString::fromLatin1(client) << mask4 << mask6
                            << QByteArray(expected);
    };
    row("default IPv4", "203.0.113.77", 24, 64, "203.0.113.0/24");
    row("one host", "203.0.113.77", 32, 64, "203.0.113.77/32");
    row("everybody", "203.0.113.77", 0, 64, "0.0.0.0/0");
    row("odd length", "203.0.113.77", 26, 64, "203.0.113.64/26");
    row("mapped IPv4", "::ffff:203.0.113.77", 24, 64, "203.0.113.0/24");
    row("default IPv6", "2001:db8:1:2:3:4:5:6", 24, 64, "2001:db8:1:2::/64");
    row("IPv6 host", "2001:db8::1", 24, 128, "2001:db8::1/128");
    row("IPv6 odd length", "2001:db8:ffff::1", 24, 33, "2001:db8:8000::/33");
    row("IPv6 everybody", "2001:db8::1", 24, 0, "::/0");
    row("out of range", "203.0.113.77", 99, 64, "203.0.113.77/32");
}

void TestTriplet::masksNetworks()
{
    QFETCH(QString, client);
    QFETCH(int, mask4);
    QFETCH(int, mask6);
    QFETCH(QByteArray, expected);
    GreylistSettings settings;
    settings.mask4 = mask4;
    settings.mask6 = mask6;
    QCOMPARE(networkOf(QHostAddress(client), settings), expected);
}

void TestTriplet::boundsNetworks_data()
{
    QTest::addColumn<QString>("client");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("IPv4") << QStringLiteral("203.0.113.77") << QByteArray("203.0.113.0/24");
    QTest::newRow("R6 IPv6 rotating within a /48")
        << QStringLiteral("2001:db8:1:ffff::1") << QByteArray("2001:db8:1::/48");
}

void TestTriplet::boundsNetworks()
{
    QFETCH(QString, client);
    QFETCH(QByteArray, expected);
    QCOMPARE(boundedNetworkOf(QHostAddress(client)), expected);
}

void TestTriplet::namesKnownSenders()
{
    const auto known = knownSenderOf({"203.0.113.0/24", "a@example.org", "b@example.net"});
    QVERIFY(known);
    QCOMPARE(*known, (Triplet{"203.0.113.0/24", "@example.org", ""}));
    QVERIFY(!knownSenderOf({"203.0.113.0/24", "", "b@example.net"}));
    QVERIFY(!knownSenderOf({"203.0.113.0/24", "postmaster", "b@example.net"}));
    QVERIFY(!knownSenderOf(*known));
    QVERIFY(!knownSenderOf(replyOf("a@example.org", "b@example.net")));
}

}  // namespace portcullis::policy::greylist

QTEST_GUILESS_MAIN(portcullis::policy::greylist::TestTriplet)
#include "TestTriplet.moc"
