// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/MapFiles.h"
#include "tests/unit/config/ConfigFolder.h"

#include <QtTest/QtTest>

namespace portcullis::config {

class TestConfigLookups final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void init();
    void knowsRelayDomains_data();
    void knowsRelayDomains();
    void findsTransports_data();
    void findsTransports();
    void writesTransportsAsItReadsThem_data();
    void writesTransportsAsItReadsThem();
    void findsTlsPolicies_data();
    void findsTlsPolicies();
    void knowsTrustedNetworks_data();
    void knowsTrustedNetworks();
    void ownNetworksCanBeLeftOut();

private:
    std::unique_ptr<ConfigFolder> m_folder;
    ConfigPtr m_config;
};

void TestConfigLookups::init()
{
    m_folder = std::make_unique<ConfigFolder>();
    m_folder->write("pmg.conf", "section: mail\n\ttls 1\n\trelay 192.0.2.99\n");
    m_folder->write("domains", "example.com 1\n.example.org 1\n");
    m_folder->write("transport", "example.com smtp:[192.0.2.20]:2525\n"
                                 ".example.com smtp:mx.example.com\n"
                                 "info@example.com lmtp:inet:[2001:db8::5]:24\n");
    m_folder->write("tls_policy", "example.com encrypt\n.example.org verify\n"
                                  "[192.0.2.20]:2525 none\n[smart.example.net] dane-only\n");
    m_folder->write("mynetworks", "203.0.113.0/24\n2001:db8:7::/48\n");
    const auto loaded = m_folder->loader().load();
    QVERIFY2(loaded, loaded ? "" : qPrintable(loaded.error().detail));
    m_config = *loaded;
}

void TestConfigLookups::knowsRelayDomains_data()
{
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<bool>("expected");
    QTest::newRow("listed") << QByteArray("example.com") << true;
    QTest::newRow("other case") << QByteArray("EXAMPLE.com") << true;
    QTest::newRow("R1 trailing dot") << QByteArray("example.com.") << true;
    QTest::newRow("subdomain of an undotted entry") << QByteArray("a.example.com") << false;
    QTest::newRow("subdomain of a dotted entry") << QByteArray("a.b.example.org") << true;
    QTest::newRow("the dotted entry itself") << QByteArray("example.org") << true;
    QTest::newRow("R1 suffix without dot") << QByteArray("badexample.org") << false;
    QTest::newRow("R1 empty domain") << QByteArray() << false;
    QTest::newRow("R1 lone dot") << QByteArray(".") << false;
    QTest::newRow("R1 leading dot") << QByteArray(".example.com") << false;
    QTest::newRow("R1 foreign") << QByteArray("example.net") << false;
    QTest::newRow("R1 address literal") << QByteArray("[192.0.2.1]") << false;
}

void TestConfigLookups::knowsRelayDomains()
{
    QFETCH(QByteArray, domain);
    QFETCH(bool, expected);
    QCOMPARE(m_config->isRelayDomain(domain), expected);
}

void TestConfigLookups::findsTransports_data()
{
    QTest::addColumn<QByteArray>("local");
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("address before domain")
        << QByteArray("Info") << QByteArray("example.COM") << QByteArray("[2001:db8::5]:24");
    QTest::newRow("address with extension")
        << QByteArray("info+news") << QByteArray("example.com") << QByteArray("[2001:db8::5]:24");
    QTest::newRow("domain") << QByteArray("anna") << QByteArray("example.com")
                            << QByteArray("[192.0.2.20]:2525");
    QTest::newRow("subdomain") << QByteArray("anna") << QByteArray("a.b.example.com")
                               << QByteArray("mx.example.com:25");
    QTest::newRow("nothing") << QByteArray("anna") << QByteArray("example.org") << QByteArray();
}

void TestConfigLookups::findsTransports()
{
    QFETCH(QByteArray, local);
    QFETCH(QByteArray, domain);
    QFETCH(QByteArray, expected);
    const Transport *transport = m_config->transportFor(local, domain);
    QCOMPARE(transport == nullptr ? QByteArray() : transport->nextHop.toText(), expected);
}

void TestConfigLookups::writesTransportsAsItReadsThem_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("written");
    const auto row = [](const char *text, const char *written) {
        QTest::newRow(text) << QByteArray(text) << QByteArray(written);
    };
    row("smtp:[192.0.2.1]:25", "smtp:[192.0.2.1]:25");
    row("smtp:192.0.2.1", "smtp:[192.0.2.1]:25");
    row("smtp:mx.example.com:2525", "smtp:mx.example.com:2525");
    row("smtp:[MX.example.com]", "smtp:[mx.example.com]:25");
    row("smtp:[2001:db8::1]:26", "smtp:[2001:db8::1]:26");
    row("lmtp:inet:mail.example.com:24", "lmtp:inet:mail.example.com:24");
    row("lmtp:inet:[2001:db8::1]", "lmtp:inet:[2001:db8::1]:24");
}

void TestConfigLookups::writesTransportsAsItReadsThem()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, written);
    const auto hop = parseNextHop(text);
    QVERIFY2(hop, hop ? "" : qPrintable(hop.error().detail));
    QCOMPARE(toTransportValue(*hop), written);
    const auto again = parseNextHop(written);
    QVERIFY(again);
    QCOMPARE(*again, *hop);
}

void TestConfigLookups::findsTlsPolicies_data()
{
    QTest::addColumn<QByteArray>("host");
    QTest::addColumn<quint16>("port");
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<QByteArray>("level");
    const auto row = [](const char *name, const char *host, int port, const char *domain,
                        const char *level) {
        QTest::newRow(name) << QByteArray(host) << quint16(port) << QByteArray(domain)
                            << QByteArray(level);
    };
    row("next hop before domain", "192.0.2.20", 2525, "example.com", "none");
    row("other port is another next hop", "192.0.2.20", 25, "example.com", "encrypt");
    row("next hop without port", "smart.example.net", 587, "any.example", "dane-only");
    row("domain in other case", "x", 25, "EXAMPLE.COM", "encrypt");
    row("parent domain", "x", 25, "a.example.org", "verify");
    row("a parent's entry is not its own", "x", 25, "example.org", "may");
    row("default when tls is on", "x", 25, "example.net", "may");
}

void TestConfigLookups::findsTlsPolicies()
{
    QFETCH(QByteArray, host);
    QFETCH(quint16, port);
    QFETCH(QByteArray, domain);
    QFETCH(QByteArray, level);
    const TlsPolicy policy = m_config->tlsPolicyFor({Protocol::Smtp, host, port, false}, domain);
    QCOMPARE(levelName(policy.level), level);
}

void TestConfigLookups::knowsTrustedNetworks_data()
{
    QTest::addColumn<QString>("client");
    QTest::addColumn<bool>("isTrusted");
    QTest::addColumn<bool>("isOwn");
    const auto row = [](const char *name, const char *client, bool isTrusted, bool isOwn) {
        QTest::newRow(name) << QString::fromLatin1(client) << isTrusted << isOwn;
    };
    row("loopback", "127.0.0.1", true, true);
    row("any loopback", "127.9.9.9", true, true);
    row("IPv6 loopback", "::1", true, true);
    row("IPv4-mapped loopback", "::ffff:127.0.0.1", true, true);
    row("own address", "198.51.100.7", true, true);
    row("own subnet", "198.51.100.8", true, false);
    row("own subnet, IPv4-mapped", "::ffff:198.51.100.8", true, false);
    row("transport target", "192.0.2.20", true, false);
    row("IPv6 transport target", "2001:db8::5", true, false);
    row("relay", "192.0.2.99", true, false);
    row("listed network", "203.0.113.200", true, false);
    row("listed IPv6 network", "2001:db8:7:1::1", true, false);
    row("R1 stranger", "192.0.2.21", false, false);
    row("R1 IPv6 stranger", "2001:db8:8::1", false, false);
}

void TestConfigLookups::knowsTrustedNetworks()
{
    QFETCH(QString, client);
    QFETCH(bool, isTrusted);
    QFETCH(bool, isOwn);
    QCOMPARE(m_config->isTrusted(QHostAddress(client)), isTrusted);
    QCOMPARE(m_config->isOwnAddress(QHostAddress(client)), isOwn);
    QVERIFY(!m_config->mayXclient(QHostAddress(client)));
}

void TestConfigLookups::ownNetworksCanBeLeftOut()
{
    m_folder->write("pmg.conf", "section: mail\n\ttrust_own_networks 0\n");
    const auto config = m_folder->loader().load();
    QVERIFY(config);
    QVERIFY((*config)->isTrusted(QHostAddress(QStringLiteral("198.51.100.7"))));
    QVERIFY(!(*config)->isTrusted(QHostAddress(QStringLiteral("198.51.100.8"))));
}

}  // namespace portcullis::config

QTEST_GUILESS_MAIN(portcullis::config::TestConfigLookups)
#include "TestConfigLookups.moc"
