// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/Schema.h"

#include <QtTest/QtTest>

#include <set>

namespace portcullis::schema {

class TestSchema final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everySectionOfTheGuideIsThere();
    void everyDefaultIsValidByItsOwnRule();
    void everyKeyIsNamedOnceAndDescribed();
    void readsValuesByTheirType_data();
    void readsValuesByTheirType();
    void refusesValuesAndSaysWhatIsAllowed_data();
    void refusesValuesAndSaysWhatIsAllowed();
    void tellsNamesFromAddresses_data();
    void tellsNamesFromAddresses();
};

namespace {

const KeySpec &keySpec(const char *section, const char *key)
{
    const SectionSpec *found = findSection(section);
    Q_ASSERT(found != nullptr && found->find(key) != nullptr);
    return *found->find(key);
}

}  // namespace

void TestSchema::everySectionOfTheGuideIsThere()
{
    for (const char *name : {"admin", "mail", "spam", "spamquar", "virusquar", "clamav"}) {
        QVERIFY2(findSection(name) != nullptr, name);
    }
    QVERIFY(findSection("Mail") == nullptr);
    QVERIFY(findSection("") == nullptr);
}

void TestSchema::everyDefaultIsValidByItsOwnRule()
{
    for (const SectionSpec &section : pmgConfSections()) {
        for (const KeySpec &key : section.keys) {
            if (key.defaultValue != nullptr) {
                const auto value = parseValue(key, key.defaultValue);
                QVERIFY2(value, key.name);
                QCOMPARE(toText(*value), QByteArray(key.defaultValue));
            }
        }
    }
}

void TestSchema::everyKeyIsNamedOnceAndDescribed()
{
    for (const SectionSpec &section : pmgConfSections()) {
        std::set<QByteArray> names;
        for (const KeySpec &key : section.keys) {
            QVERIFY2(names.insert(key.name).second, key.name);
            QVERIFY2(QByteArrayView(key.description).endsWith('.')
                         || QByteArrayView(key.description).endsWith("base64."),
                     key.name);
            QVERIFY2(!key.typeText().isEmpty(), key.name);
            QVERIFY2(key.minimum <= key.maximum, key.name);
        }
    }
}

void TestSchema::readsValuesByTheirType_data()
{
    QTest::addColumn<QByteArray>("section");
    QTest::addColumn<QByteArray>("key");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("written");
    const auto row = [](const char *name, const char *section, const char *key, const char *text,
                        const char *written) {
        QTest::newRow(name) << QByteArray(section) << QByteArray(key) << QByteArray(text)
                            << QByteArray(written);
    };
    row("boolean 1", "mail", "tls", "1", "1");
    row("boolean yes", "mail", "tls", "Yes", "1");
    row("boolean off", "mail", "tls", "off", "0");
    row("smallest number", "mail", "maxsize", "1024", "1024");
    row("largest port", "mail", "ext_port", "65535", "65535");
    row("leading zeros are decimal", "mail", "dwarning", "0010", "10");
    row("empty text", "mail", "banner", "", "");
    row("text in UTF-8", "mail", "banner", "Grüße", "Grüße");
    row("choice", "mail", "verifyreceivers", "550", "550");
    row("choice with hyphen", "spamquar", "viewimages", "on-demand", "on-demand");
    row("address of a person", "admin", "email", "post.master+x@mx.example.com",
        "post.master+x@mx.example.com");
    row("relay by name", "mail", "relay", "mail.example.com", "mail.example.com");
    row("relay by IPv4", "mail", "relay", "192.0.2.1", "192.0.2.1");
    row("relay by bracketed IPv6", "mail", "relay", "[2001:db8::1]", "[2001:db8::1]");
    row("path", "admin", "custom_check_path", "/usr/local/bin/x", "/usr/local/bin/x");
    row("proxy", "admin", "http_proxy", "http://u:p@proxy.example.com:3128/",
        "http://u:p@proxy.example.com:3128/");
    row("languages", "spam", "languages", "de en", "de en");
    row("networks", "mail", "xclient_hosts", "192.0.2.0/24, 2001:db8::/32 ::1",
        "192.0.2.0/24, 2001:db8::/32 ::1");
    row("name servers", "mail", "dns_servers", "127.0.0.1:5353 [::1]:53 ::1 9.9.9.9",
        "127.0.0.1:5353 [::1]:53 ::1 9.9.9.9");
    row("block lists", "mail", "dnsbl_sites",
        "zen.example.org=127.0.0.[2..8]*3,dnswl.example.org=127.0.[0..255].1*-2",
        "zen.example.org=127.0.0.[2..8]*3,dnswl.example.org=127.0.[0..255].1*-2");
}

void TestSchema::readsValuesByTheirType()
{
    QFETCH(QByteArray, section);
    QFETCH(QByteArray, key);
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, written);
    const auto value = parseValue(keySpec(section, key), text);
    QVERIFY2(value, value ? "" : qPrintable(value.error().detail));
    QCOMPARE(toText(*value), written);
}

void TestSchema::refusesValuesAndSaysWhatIsAllowed_data()
{
    QTest::addColumn<QByteArray>("section");
    QTest::addColumn<QByteArray>("key");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char *name, const char *section, const char *key,
                        const QByteArray &text, const char *reason) {
        QTest::newRow(name) << QByteArray(section) << QByteArray(key) << text
                            << QString::fromUtf8(reason);
    };
    row("no boolean", "mail", "tls", "maybe", "'maybe' is neither yes nor no; allowed: 1 or 0");
    row("no number", "mail", "maxsize", "10M",
        "'10M' is not a whole number; allowed: whole number, 1024 to 2147483647 bytes");
    row("negative", "mail", "dwarning", "-1",
        "'-1' is not a whole number; allowed: whole number, 0 to 2400 h");
    row("too small", "mail", "maxsize", "1023",
        "'1023' is too small; allowed: whole number, 1024 to 2147483647 bytes");
    row("too large for the key", "mail", "ext_port", "65536",
        "'65536' is too large; allowed: whole number, 1 to 65535");
    row("too large for the machine", "mail", "ext_port", "99999999999999999999999",
        "'99999999999999999999999' is too large; allowed: whole number, 1 to 65535");
    row("not among the choices", "mail", "verifyreceivers", "451",
        "'451' is not one of the choices; allowed: 450, 550");
    row("choices are case-sensitive", "mail", "bare_newline", "Reject",
        "'Reject' is not one of the choices; allowed: reject, replace");
    row("no address", "admin", "email", "postmaster",
        "'postmaster' has the wrong form; allowed: an address local@domain");
    row("host with a space", "mail", "relay", "a b",
        "'a b' has the wrong form; allowed: a host name or an IP address");
    row("mistyped address is no name", "mail", "relay", "192.0.2.300",
        "'192.0.2.300' has the wrong form; allowed: a host name or an IP address");
    row("forgotten host", "mail", "relay", "",
        "'' is empty; allowed: a host name or an IP address");
    row("relative path", "admin", "custom_check_path", "bin/x",
        "'bin/x' has the wrong form; allowed: an absolute path of a file");
    row("folder as path", "admin", "custom_check_path", "/usr/bin/",
        "'/usr/bin/' has the wrong form; allowed: an absolute path of a file");
    row("network with a wide prefix", "mail", "xclient_hosts", "10.0.0.0/33",
        "'10.0.0.0/33' has the wrong form; allowed: IP addresses and networks (CIDR)");
    row("server by name", "mail", "dns_servers", "dns.example.com",
        "'dns.example.com' has the wrong form; allowed: IP addresses, each with or without :port");
    row("text with a control character", "mail", "banner", "a\x1b[31m",
        "'a\x1b[31m' holds a control character; allowed: one line of text, at most 1024 "
        "characters");
    row("broken UTF-8", "mail", "banner", "\xff\xfe",
        "'' is not valid UTF-8; allowed: one line of text, at most 1024 characters");
    row("a long value is shown shortened", "mail", "ext_port", QByteArray(200, '7'),
        "'777777777777777777777777777777777777777777777777777777777777…' is too large; allowed: "
        "whole number, 1 to 65535");
}

void TestSchema::refusesValuesAndSaysWhatIsAllowed()
{
    QFETCH(QByteArray, section);
    QFETCH(QByteArray, key);
    QFETCH(QByteArray, text);
    QFETCH(QString, reason);
    const auto value = parseValue(keySpec(section, key), text);
    QVERIFY(!value);
    QCOMPARE(value.error().id, QByteArray("config.value"));
    QCOMPARE(value.error().persistence, Persistence::Permanent);
    QCOMPARE(value.error().detail, reason);
}

void TestSchema::tellsNamesFromAddresses_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("isName");
    QTest::addColumn<bool>("isAddress");
    QTest::newRow("host name") << QByteArray("mx-1.example.com") << true << false;
    QTest::newRow("single label") << QByteArray("localhost") << true << false;
    QTest::newRow("trailing dot") << QByteArray("example.com.") << false << false;
    QTest::newRow("empty label") << QByteArray("a..b") << false << false;
    QTest::newRow("hyphen at the edge") << QByteArray("-a.example") << false << false;
    QTest::newRow("label of 63") << QByteArray(63, 'a') << true << false;
    QTest::newRow("label of 64") << QByteArray(64, 'a') << false << false;
    QTest::newRow("name of 254") << (QByteArray(62, 'a') + '.').repeated(4) + "aa" << false
                                 << false;
    QTest::newRow("IPv4") << QByteArray("192.0.2.1") << false << true;
    QTest::newRow("short IPv4") << QByteArray("10.1") << false << false;
    QTest::newRow("IPv6") << QByteArray("2001:db8::1") << false << true;
    QTest::newRow("IPv6 with zone") << QByteArray("fe80::1%eth0") << false << false;
    QTest::newRow("NUL inside") << QByteArray("a\0b.example", 11) << false << false;
    QTest::newRow("nothing") << QByteArray() << false << false;
}

void TestSchema::tellsNamesFromAddresses()
{
    QFETCH(QByteArray, text);
    QFETCH(bool, isName);
    QFETCH(bool, isAddress);
    QCOMPARE(isDnsName(text), isName);
    QCOMPARE(isIpAddress(text), isAddress);
}

}  // namespace portcullis::schema

QTEST_GUILESS_MAIN(portcullis::schema::TestSchema)
#include "TestSchema.moc"
