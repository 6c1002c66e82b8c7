// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/config/ConfigFolder.h"

#include <QtTest/QtTest>

using namespace std::chrono_literals;

namespace portcullis::config {

class TestConfigLoader final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void missingFilesMeanDefaults();
    void readsEveryFile();
    void defaultsFollowMemory_data();
    void defaultsFollowMemory();
    void optionsOverrideTheFiles();
    void namesFileLineKeyAndReason_data();
    void namesFileLineKeyAndReason();
    void namesAllFaultsAtOnce();
    void retiredKeysAreOnlyWarnedAbout();
    void digestChangesWithAnyFile();
    void unreadableFileIsTransient();
};

void TestConfigLoader::missingFilesMeanDefaults()
{
    const ConfigFolder folder;
    const auto loaded = folder.loader().load();
    QVERIFY2(loaded, loaded ? "" : qPrintable(loaded.error().detail));
    const Config &config = **loaded;
    QCOMPARE(config.mail.extPort, quint16(25));
    QCOMPARE(config.mail.intPort, quint16(26));
    QCOMPARE(config.mail.maxSize, qint64(10485760));
    QVERIFY(config.mail.beforeQueueFiltering);
    QVERIFY(!config.mail.tls);
    QVERIFY(!config.mail.relay);
    QVERIFY(!config.mail.smarthost);
    QCOMPARE(config.mail.queueLifetime, std::chrono::hours(120));
    QCOMPARE(config.mail.delayWarning, 4h);
    QCOMPARE(config.mail.bareNewline, BareNewline::Reject);
    QCOMPARE(config.mail.verifyReceivers, 0);
    QVERIFY(config.admin.clamav);
    QCOMPARE(config.admin.customCheckPath, QStringLiteral("/usr/local/bin/pmg-custom-check"));
    QCOMPARE(config.spam.clamavHeuristicScore, 3);
    QCOMPARE(config.clamav.archiveMaxRecursion, 5);
    QCOMPARE(config.spamQuarantine.lifetime, std::chrono::days(7));
    QCOMPARE(config.fqdn, QByteArray("mx1.example.net"));
    QCOMPARE(config.hostName, QByteArray("mx1"));
    QCOMPARE(config.domain, QByteArray("example.net"));
    QVERIFY(config.relayDomains.empty());
    QVERIFY(config.warnings.empty());
}

void TestConfigLoader::readsEveryFile()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n"
                             "\trelay 192.0.2.10\n\trelayport 2525\n\trelayprotocol lmtp\n"
                             "\tsmarthost smart.example.com\n\ttls 1\n\tmaxsize 2048\n"
                             "\tbare_newline replace\n\tverifyreceivers 550\n"
                             "\txclient_hosts 203.0.113.0/24 ::1\n\tdns_servers 127.0.0.1:53\n"
                             "\tmyhostname Gate.Example.Org\n\n"
                             "section: admin\n\temail boss@example.com\n");
    folder.write("domains", "#main\nExample.com 1\n.example.org 1\n");
    folder.write("mynetworks", "203.0.113.0/24 #branch\n2001:db8::/32\n");
    folder.write("transport", "#b\nexample.com smtp:[192.0.2.20]:25\n"
                              "info@example.com lmtp:inet:mail.example.com:24\n");
    folder.write("tls_policy", "example.com secure match=mx.example.com:.example.com\n");
    folder.write("tls_inbound_domains", "bank.example\n");
    const auto loaded = folder.loader().load();
    QVERIFY2(loaded, loaded ? "" : qPrintable(loaded.error().detail));
    const Config &config = **loaded;
    QCOMPARE(config.mail.relay, std::optional(NextHop{Protocol::Lmtp, "192.0.2.10", 2525, false}));
    QCOMPARE(config.mail.smarthost,
             std::optional(NextHop{Protocol::Smtp, "smart.example.com", 25, false}));
    QCOMPARE(config.mail.maxSize, qint64(2048));
    QCOMPARE(config.mail.bareNewline, BareNewline::Replace);
    QCOMPARE(config.mail.verifyReceivers, 550);
    QCOMPARE(config.mail.xclientHosts.size(), size_t(2));
    QCOMPARE(config.mail.dnsServers, std::vector<QString>{QStringLiteral("127.0.0.1:53")});
    QCOMPARE(config.fqdn, QByteArray("gate.example.org"));
    QCOMPARE(config.admin.email, QByteArray("boss@example.com"));
    QCOMPARE(config.relayDomains.at("example.com").comment, QStringLiteral("main"));
    QVERIFY(config.relayDomains.at("example.org").includesSubdomains);
    QCOMPARE(config.transports.at("info@example.com").nextHop.protocol, Protocol::Lmtp);
    QCOMPARE(config.tlsPolicies.at("example.com").match,
             (std::vector<QByteArray>{"mx.example.com", ".example.com"}));
    QVERIFY(config.requiresInboundTls("BANK.example"));
}

void TestConfigLoader::defaultsFollowMemory_data()
{
    QTest::addColumn<qint64>("megabytes");
    QTest::addColumn<int>("filters");
    QTest::addColumn<int>("sessions");
    QTest::addColumn<int>("policies");
    QTest::newRow("tiny machine") << qint64(256) << 3 << 13 << 2;
    QTest::newRow("1 GB") << qint64(1024) << 5 << 50 << 5;
    QTest::newRow("4 GB") << qint64(4096) << 13 << 100 << 5;
    QTest::newRow("64 GB") << qint64(65536) << 38 << 100 << 5;
}

void TestConfigLoader::defaultsFollowMemory()
{
    QFETCH(qint64, megabytes);
    QFETCH(int, filters);
    QFETCH(int, sessions);
    QFETCH(int, policies);
    QCOMPARE(defaultMaxFilters(megabytes), filters);
    QCOMPARE(defaultMaxSmtpd(megabytes), sessions);
    QCOMPARE(defaultMaxPolicy(megabytes), policies);
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\tmax_filters 7\n");
    Machine machine = ConfigFolder::machine();
    machine.memoryMegabytes = megabytes;
    const auto config = ConfigLoader(folder.paths(), {}, machine).load();
    QVERIFY(config);
    QCOMPARE((*config)->mail.maxFilters, 7);
    QCOMPARE((*config)->mail.maxSmtpdIn, sessions);
}

void TestConfigLoader::optionsOverrideTheFiles()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\text_port 2500\n\tdns_servers 192.0.2.53\n");
    Overrides overrides;
    overrides.extPort = 0;
    overrides.listen = {QHostAddress(QHostAddress::LocalHost)};
    overrides.dnsServers = {QStringLiteral("127.0.0.1:5353")};
    overrides.databaseDsn = "host=/tmp";
    const auto config = folder.loader(overrides).load();
    QVERIFY2(config, config ? "" : qPrintable(config.error().detail));
    QCOMPARE((*config)->mail.extPort, quint16(0));
    QCOMPARE((*config)->mail.intPort, quint16(26));
    QCOMPARE((*config)->mail.listen.size(), size_t(1));
    QCOMPARE((*config)->mail.dnsServers, overrides.dnsServers);
    QCOMPARE((*config)->admin.databaseDsn, QByteArray("host=/tmp"));
}

void TestConfigLoader::namesFileLineKeyAndReason_data()
{
    QTest::addColumn<QByteArray>("file");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("id");
    QTest::addColumn<QString>("detail");
    const auto row = [](const char *name, const char *file, const char *bytes, const char *id,
                        const char *detail) {
        QTest::newRow(name) << QByteArray(file) << QByteArray(bytes) << QByteArray(id)
                            << QString::fromUtf8(detail);
    };
    row("wrong value", "pmg.conf", "section: mail\n\tmaxsize big\n", "config.value",
        "pmg.conf:2: mail/maxsize: 'big' is not a whole number; allowed: whole number, 1024 to "
        "2147483647 bytes");
    row("unknown key", "pmg.conf", "section: mail\n\n\trelais 192.0.2.1\n", "config.unknown-key",
        "pmg.conf:3: mail/relais: unknown key");
    row("key of another section", "pmg.conf", "section: spam\n\trelay 192.0.2.1\n",
        "config.unknown-key", "pmg.conf:2: spam/relay: unknown key");
    row("unknown section", "pmg.conf", "section: males\n", "config.unknown-section",
        "pmg.conf:1: males: unknown section");
    row("other section type", "pmg.conf", "ldap: mail\n\ttls 1\n", "config.unknown-section",
        "pmg.conf:1: mail: unknown section");
    row("broken syntax", "pmg.conf", "section mail\n", "config.syntax",
        "pmg.conf:1: expected 'section: NAME'; a key must be indented below its section");
    row("half-written file", "pmg.conf", "section: mail\n\trel", "config.unknown-key",
        "pmg.conf:2: mail/rel: unknown key");
    row("ports that clash", "pmg.conf", "section: mail\n\tint_port 25\n", "config.value",
        "pmg.conf: mail/int_port: 25 is the external port as well");
    row("domain with a slash", "domains", "exa/mple.com 1\n", "config.value",
        "domains:1: exa/mple.com: 'exa/mple.com' is not a domain");
    row("domain with a strange value", "domains", "example.com OK\n", "config.value",
        "domains:1: example.com: 'OK' is unexpected here; the value is 1");
    row("network with host bits", "mynetworks", "192.0.2.1/24\n", "config.value",
        "mynetworks:1: 192.0.2.1/24: '192.0.2.1/24' has bits set behind its prefix; did you mean "
        "192.0.2.0/24?");
    row("network by name", "mynetworks", "# x\noffice\n", "config.value",
        "mynetworks:2: office: 'office' is neither an IP address nor a network (CIDR)");
    row("two networks on a line", "mynetworks", "10.0.0.0/8 192.0.2.1\n", "config.value",
        "mynetworks:1: 10.0.0.0/8: one network a line, then a comment after '#'");
    row("IPv4 in IPv6 with a wide prefix", "mynetworks", "::ffff:0.0.0.0/64\n", "config.value",
        "mynetworks:1: ::ffff:0.0.0.0/64: '::ffff:0.0.0.0/64' mixes IPv4 and IPv6");
    row("transport without protocol", "transport", "example.com 192.0.2.1\n", "config.value",
        "transport:1: example.com: '192.0.2.1' must start with smtp: or lmtp:inet:");
    row("transport to port 0", "transport", "example.com smtp:[192.0.2.1]:0\n", "config.value",
        "transport:1: example.com: 'smtp:[192.0.2.1]:0' has a port outside 1 to 65535");
    row("transport with open bracket", "transport", "example.com smtp:[192.0.2.1\n", "config.value",
        "transport:1: example.com: 'smtp:[192.0.2.1' has unbalanced brackets");
    row("transport with bare IPv6", "transport", "example.com smtp:2001:db8::1\n", "config.value",
        "transport:1: example.com: 'smtp:2001:db8::1' names no host or IP address (IPv6 needs "
        "brackets)");
    row("transport of nobody", "transport", "@example.com smtp:mx\n", "config.value",
        "transport:1: @example.com: '@example.com' is neither a domain nor an address");
    row("unknown TLS policy", "tls_policy", "example.com always\n", "config.value",
        "tls_policy:1: example.com: 'always' is no TLS policy; allowed: none, may, encrypt, dane, "
        "dane-only, fingerprint, verify, secure");
    row("fingerprint without one", "tls_policy", "example.com fingerprint\n", "config.value",
        "tls_policy:1: example.com: 'fingerprint' needs match=FINGERPRINT");
    row("match where nothing is matched", "tls_policy", "example.com may match=a.example\n",
        "config.value",
        "tls_policy:1: example.com: 'may match=a.example' has match=, which needs verify, secure "
        "or "
        "fingerprint");
    row("broken fingerprint", "tls_policy", "example.com fingerprint match=AB:CG\n", "config.value",
        "tls_policy:1: example.com: 'fingerprint match=AB:CG' has a fingerprint that is neither "
        "SHA-256 nor SHA-1 in hexadecimal");
    row("unknown attribute", "tls_policy", "example.com verify ciphers=low\n", "config.value",
        "tls_policy:1: example.com: 'ciphers=low' is unknown; allowed: match=NAME[:NAME], "
        "protocols=>=TLSv1.2, protocols=>=TLSv1.3");
}

void TestConfigLoader::namesFileLineKeyAndReason()
{
    QFETCH(QByteArray, file);
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, id);
    QFETCH(QString, detail);
    const ConfigFolder folder;
    folder.write(file.constData(), bytes);
    const auto loaded = folder.loader().load();
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().id, id);
    QCOMPARE(loaded.error().detail, folder.paths().etc() + QLatin1Char('/') + detail);
}

void TestConfigLoader::namesAllFaultsAtOnce()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: mail\n\tmaxsize 1\n\tfoo 2\n");
    folder.write("domains", QByteArray("a_/b 1\n"));
    const auto loaded = folder.loader().load();
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().detail.split(QStringLiteral("; /")).size(), 3);
    QByteArray many = "section: mail\n";
    for (int i = 0; i < 30; ++i) {
        many += "\tfoo" + QByteArray::number(i) + " 1\n";
    }
    folder.write("pmg.conf", many);
    QVERIFY(folder.loader().load().error().detail.endsWith(QStringLiteral("; and 21 more")));
}

void TestConfigLoader::retiredKeysAreOnlyWarnedAbout()
{
    const ConfigFolder folder;
    folder.write("pmg.conf", "section: clamav\n\tsafebrowsing 1\n");
    const auto loaded = folder.loader().load();
    QVERIFY(loaded);
    QCOMPARE((*loaded)->warnings.size(), size_t(1));
    QVERIFY(
        (*loaded)->warnings.front().contains(QStringLiteral("pmg.conf:2: clamav/safebrowsing")));
}

void TestConfigLoader::digestChangesWithAnyFile()
{
    const ConfigFolder folder;
    std::set<QByteArray> digests{(*folder.loader().load())->digest};
    std::set<QByteArray> stamps{folder.loader().stamp()};
    const auto changed = [&](const char *name, const QByteArray &bytes) {
        folder.write(name, bytes);
        const auto loaded = folder.loader().load();
        return loaded && digests.insert((*loaded)->digest).second
               && stamps.insert(folder.loader().stamp()).second;
    };
    QVERIFY(changed("pmg.conf", "section: mail\n"));
    QVERIFY(changed("domains", "a.example 1\n"));
    QVERIFY(changed("mynetworks", "192.0.2.0/24\n"));
    QVERIFY(changed("transport", "a.example smtp:b\n"));
    QVERIFY(changed("tls_policy", "a.example none\n"));
    QVERIFY(changed("tls_inbound_domains", "a.example\n"));
}

void TestConfigLoader::unreadableFileIsTransient()
{
    const ConfigFolder folder;
    QVERIFY(QDir().mkpath(folder.file("domains")));
    const auto loaded = folder.loader().load();
    QVERIFY(!loaded);
    QCOMPARE(loaded.error().id, QByteArray("config.unreadable"));
    QVERIFY(loaded.error().isTransient());
}

}  // namespace portcullis::config

QTEST_GUILESS_MAIN(portcullis::config::TestConfigLoader)
#include "TestConfigLoader.moc"
