// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/HeloTest.h"

#include <QtTest/QTest>

namespace portcullis::policy {

/// Codes and rows as Postfix has them (smtpd_helo_required, reject_invalid_helo_hostname,
/// reject_non_fqdn_helo_hostname), and RFC 5321 §2.3.5, §4.1.1.1, §4.1.2, §4.1.3.
class TestHelo : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void judgesNames_data();
    void judgesNames();
    void repliesHoldNothingForeign();
};

void TestHelo::judgesNames_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<int>("fault");
    QTest::addColumn<int>("code");
    const auto row = [](const char *what, const QByteArray &name, HeloFault fault, int code) {
        QTest::newRow(what) << name << int(fault) << code;
    };
    row("host name", "mail.example.org", HeloFault::None, 0);
    row("upper case", "MAIL.EXAMPLE.ORG", HeloFault::None, 0);
    row("the root's dot", "mail.example.org.", HeloFault::None, 0);
    row("underscore, as Windows hosts have it", "mail_1.example.org", HeloFault::None, 0);
    row("labels of digits", "1-2-3-4.dyn.123.example", HeloFault::None, 0);
    row("A-label", "xn--bcher-kva.example", HeloFault::None, 0);
    row("label of 63", QByteArray(63, 'a') + ".example", HeloFault::None, 0);
    row("IPv4 literal", "[192.0.2.7]", HeloFault::None, 0);
    row("IPv6 literal", "[IPv6:2001:db8::7]", HeloFault::None, 0);
    row("IPv6 literal, tag in another case", "[ipv6:2001:db8::7]", HeloFault::None, 0);
    row("name that starts with ours", "gate.example.com.evil.example", HeloFault::None, 0);
    row("host of our domain", "www.example.com", HeloFault::None, 0);

    row("nothing", "", HeloFault::Missing, 501);
    row("one label", "localhost", HeloFault::NotFqdn, 504);
    row("one label and the root's dot", "mailserver.", HeloFault::NotFqdn, 504);
    row("bare IPv4 address", "192.0.2.7", HeloFault::Invalid, 501);
    row("bare IPv6 address", "2001:db8::7", HeloFault::Invalid, 501);
    row("bare number", "12345", HeloFault::Invalid, 501);
    row("top-level domain of digits", "mail.123", HeloFault::Invalid, 501);
    row("two dots", "mail..example.org", HeloFault::Invalid, 501);
    row("two dots at the end", "mail.example.org..", HeloFault::Invalid, 501);
    row("dot in front", ".example.org", HeloFault::Invalid, 501);
    row("dot alone", ".", HeloFault::Invalid, 501);
    row("hyphen in front", "-mail.example.org", HeloFault::Invalid, 501);
    row("hyphen behind", "mail-.example.org", HeloFault::Invalid, 501);
    row("space", "mail example.org", HeloFault::Invalid, 501);
    row("address", "user@example.org", HeloFault::Invalid, 501);
    row("brackets of a path", "<mail.example.org>", HeloFault::Invalid, 501);
    row("slash", "mail/example.org", HeloFault::Invalid, 501);
    row("8-bit", "m\xc3\xa4il.example.org", HeloFault::Invalid, 501);
    row("NUL", QByteArray("mail\0.example.org", 17), HeloFault::Invalid, 501);
    row("label of 64", QByteArray(64, 'a') + ".example", HeloFault::Invalid, 501);
    row("name of 254", QByteArray("a.").repeated(125) + "exam", HeloFault::Invalid, 501);
    row("name of 1,000", QByteArray("a.").repeated(500) + "example", HeloFault::Invalid, 501);

    row("empty brackets", "[]", HeloFault::Literal, 501);
    row("open bracket", "[192.0.2.7", HeloFault::Literal, 501);
    row("name in brackets", "[mail.example.org]", HeloFault::Literal, 501);
    row("octet above 255", "[192.0.2.256]", HeloFault::Literal, 501);
    row("three octets", "[192.0.2]", HeloFault::Literal, 501);
    row("IPv6 without its tag", "[2001:db8::7]", HeloFault::Literal, 501);
    row("IPv4 with the tag of IPv6", "[IPv6:192.0.2.7]", HeloFault::Literal, 501);
    row("tag alone", "[IPv6:]", HeloFault::Literal, 501);
    row("zone of an interface", "[IPv6:fe80::1%eth0]", HeloFault::Literal, 501);
    row("brackets twice", "[[192.0.2.7]]", HeloFault::Literal, 501);

    row("our name", "gate.example.com", HeloFault::OurName, 550);
    row("our name in another case", "Gate.Example.COM", HeloFault::OurName, 550);
    row("our name and the root's dot", "gate.example.com.", HeloFault::OurName, 550);
    row("our short name", "gate", HeloFault::OurName, 550);
    row("our IPv4 address", "[192.0.2.1]", HeloFault::OurAddress, 550);
    row("our IPv4 address, mapped", "[IPv6:::ffff:192.0.2.1]", HeloFault::OurAddress, 550);
    row("our IPv6 address", "[IPv6:2001:DB8:0::1]", HeloFault::OurAddress, 550);
}

void TestHelo::judgesNames()
{
    QFETCH(QByteArray, name);
    QFETCH(int, fault);
    QFETCH(int, code);
    const HeloTest test({.ownNames = {"Gate.example.com.", "gate"},
                         .ownAddresses = {QHostAddress(QStringLiteral("192.0.2.1")),
                                          QHostAddress(QStringLiteral("2001:db8::1"))}});
    QCOMPARE(int(test.faultOf(name)), fault);
    const auto refusal = test.refusal(name);
    QCOMPARE(refusal ? refusal->code : 0, code);
    if (refusal) {
        QCOMPARE(refusal->enhanced, QByteArray(code == 550      ? "5.7.1"
                                               : name.isEmpty() ? "5.5.4"
                                                                : "5.5.2"));
        QCOMPARE(QByteArray(refusal->check), QByteArray("helo"));
    }
}

void TestHelo::repliesHoldNothingForeign()
{
    const HeloTest test;
    for (const QByteArray &name :
         {QByteArray("a\r\n250 ok"), QByteArray("\x1b[31m>"), QByteArray(900, '_'),
          QByteArray("a\0b", 3), QByteArray("\xff\xfe")}) {
        const auto refusal = test.refusal(name);
        QVERIFY(refusal.has_value());
        QVERIFY(refusal->text.size() < 250);
        for (const char c : refusal->text) {
            QVERIFY(c >= ' ' && c <= '~');
        }
        QCOMPARE(refusal->text.count('>'), 1);
    }
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestHelo)
#include "tst_helo.moc"
