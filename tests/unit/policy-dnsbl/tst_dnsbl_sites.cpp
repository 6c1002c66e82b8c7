// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblSites.h"
#include "shared/schema/Schema.h"

#include <QtTest/QTest>

namespace portcullis::policy {

namespace {

QHostAddress at(const char *text)
{
    return QHostAddress(QString::fromLatin1(text));
}

QString errorOf(const Result<DnsblSites> &sites)
{
    return sites ? QString() : sites.error().toString();
}

}  // namespace

/// The rows follow postconf(5), postscreen_dnsbl_sites and postscreen_dnsbl_threshold.
class TestDnsblSites : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsEntries_data();
    void readsEntries();
    void saysWhatIsWrong_data();
    void saysWhatIsWrong();
    void isReadAlikeByTheSettings();
    void filtersAnswers_data();
    void filtersAnswers();
    void scoresAsPostscreen_data();
    void scoresAsPostscreen();
    void asksAListOnce();
    void hidesKeys();
    void asksByReversedAddress_data();
    void asksByReversedAddress();
    void tellsSettingsApart();
};

void TestDnsblSites::readsEntries_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArrayList>("domains");
    QTest::addColumn<QList<int>>("weights");
    const auto row = [](const char *name, const QByteArray &text, const QByteArrayList &domains,
                        const QList<int> &weights) {
        QTest::newRow(name) << text << domains << weights;
    };
    row("nothing", "", {}, {});
    row("separators only", " ,\t;, ", {}, {});
    row("one domain weighs 1", "zen.example.org", {"zen.example.org"}, {1});
    row("commas and white space", "a.example, b.example\tc.example\n d.example,,e.example",
        {"a.example", "b.example", "c.example", "d.example", "e.example"}, {1, 1, 1, 1, 1});
    row("PMG's semicolons", "a.example;b.example=127.0.0.[2;4]*3;c.example",
        {"a.example", "b.example", "c.example"}, {1, 3, 1});
    row("weights", "a.example*2 b.example*-3 c.example*0", {"a.example", "b.example", "c.example"},
        {2, -3, 0});
    row("filters", "a.example=127.0.0.4 b.example=127.0.[0..255].[1;3..5]*9",
        {"a.example", "b.example"}, {1, 9});
    row("case and the root's dot", "ZEN.Example.ORG.", {"zen.example.org"}, {1});
    row("underscore", "a_b.example", {"a_b.example"}, {1});
}

void TestDnsblSites::readsEntries()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArrayList, domains);
    QFETCH(QList<int>, weights);
    const auto entries = schema::parseDnsblEntries(text);
    QVERIFY2(entries.has_value(), qPrintable(entries ? QString() : entries.error().toString()));
    QByteArrayList readDomains;
    QList<int> readWeights;
    for (const schema::DnsblEntry &entry : *entries) {
        readDomains.append(entry.domain);
        readWeights.append(entry.weight);
    }
    QCOMPARE(readDomains, domains);
    QCOMPARE(readWeights, weights);
}

void TestDnsblSites::saysWhatIsWrong_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("detail");
    const auto row = [](const QByteArray &text, const char *detail) {
        QTest::newRow(text.left(40).constData()) << text << QString::fromLatin1(detail);
    };
    row("=127.0.0.2", "character 1: the domain of the list is missing");
    row("*2", "character 1: the domain of the list is missing");
    row("a.example, b..example", "character 12: 'b..example' is no domain name");
    row("a.example b/example", "character 11: 'b/example' is no domain name");
    row("192.0.2.1", "character 1: '192.0.2.1' is no domain name");
    row("a.example=127.0.0", "character 18: '.' is missing; a filter has four parts");
    row("a.example=127.0.0.2.3", "character 20: '.' is out of place");
    row("a.example=127.0.0.256", "character 19: 256 is more than 255");
    row("a.example=127.0.0.99999999999", "character 19: 99999999999 is more than 255");
    row("a.example=127.0.0.", "character 19: a number from 0 to 255 is missing");
    row("a.example=127.0.0.[]", "character 20: a number from 0 to 255 is missing");
    row("a.example=127.0.0.[2", "character 21: ']' or ';' is missing");
    row("a.example=127.0.0.[2,3]", "character 21: ']' or ';' is missing");
    row("a.example=127.0.0.[2;]", "character 22: a number from 0 to 255 is missing");
    row("a.example=127.0.0.[9..2]", "character 24: the range 9..2 runs backwards");
    row("a.example=127.0.0.[2.3]", "character 21: ']' or ';' is missing");
    row("a.example=127.0.0.2*", "character 21: the weight is no whole number");
    row("a.example*+1", "character 11: the weight is no whole number");
    row("a.example*1.5", "character 12: '.' is out of place");
    row("a.example*10000", "character 11: the weight is beyond 9999");
    row("a.example*2=127.0.0.2", "character 12: '=' is out of place");
    row(QByteArray("b.") + QByteArray(60, 'a') + '.' + QByteArray(60, 'a') + '.'
            + QByteArray(63, 'a') + ".example",
        "character 1: 'b.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is no domain "
        "name");
    row(QByteArray("a.example ").repeated(201), "character 2001: more than 200 entries");
}

void TestDnsblSites::saysWhatIsWrong()
{
    QFETCH(QByteArray, text);
    QFETCH(QString, detail);
    const auto sites = DnsblSites::parse(text, 1);
    QVERIFY(!sites.has_value());
    QCOMPARE(sites.error().id, QByteArray("dnsbl.syntax"));
    QCOMPARE(sites.error().detail, detail);
}

void TestDnsblSites::isReadAlikeByTheSettings()
{
    const auto *spec = schema::findSection("mail")->find("dnsbl_sites");
    QVERIFY(spec != nullptr);
    QVERIFY(schema::parseValue(*spec, "a.example=127.0.0.[2..4;10]*-2;b.example").has_value());
    const auto wrong = schema::parseValue(*spec, "a.example=127.0.0.[9..2]");
    QVERIFY(!wrong.has_value());
    QVERIFY2(wrong.error().detail.contains(
                 QStringLiteral("has a mistake at character 24: the range 9..2 runs backwards")),
             qPrintable(wrong.error().detail));
}

void TestDnsblSites::filtersAnswers_data()
{
    QTest::addColumn<QByteArray>("filter");
    QTest::addColumn<QByteArrayList>("matching");
    QTest::addColumn<QByteArrayList>("others");
    QTest::newRow("number") << QByteArray("127.0.0.4") << QByteArrayList{"127.0.0.4"}
                            << QByteArrayList{"127.0.0.5", "127.0.1.4", "126.0.0.4"};
    QTest::newRow("range, both ends in it")
        << QByteArray("127.0.0.[2..11]") << QByteArrayList{"127.0.0.2", "127.0.0.7", "127.0.0.11"}
        << QByteArrayList{"127.0.0.1", "127.0.0.12"};
    QTest::newRow("numbers") << QByteArray("127.0.0.[2;4;10]")
                             << QByteArrayList{"127.0.0.2", "127.0.0.4", "127.0.0.10"}
                             << QByteArrayList{"127.0.0.3", "127.0.0.11"};
    QTest::newRow("numbers and ranges") << QByteArray("127.0.[0..3;9].[1;3..5]")
                                        << QByteArrayList{"127.0.0.1", "127.0.9.4", "127.0.3.5"}
                                        << QByteArrayList{"127.0.4.1", "127.0.0.2", "127.0.9.6"};
    QTest::newRow("everything") << QByteArray("[0..255].[0..255].[0..255].[0..255]")
                                << QByteArrayList{"127.0.0.1", "255.255.255.255", "0.0.0.0"}
                                << QByteArrayList{};
    QTest::newRow("range of one") << QByteArray("127.0.0.[7..7]") << QByteArrayList{"127.0.0.7"}
                                  << QByteArrayList{"127.0.0.6", "127.0.0.8"};
}

void TestDnsblSites::filtersAnswers()
{
    QFETCH(QByteArray, filter);
    QFETCH(QByteArrayList, matching);
    QFETCH(QByteArrayList, others);
    const auto read = schema::DnsblFilter::parse(filter);
    QVERIFY2(read.has_value(), qPrintable(read ? QString() : read.error().toString()));
    for (const QByteArray &answer : matching) {
        QVERIFY2(read->matches(at(answer).toIPv4Address()), answer);
    }
    for (const QByteArray &answer : others) {
        QVERIFY2(!read->matches(at(answer).toIPv4Address()), answer);
    }
}

void TestDnsblSites::scoresAsPostscreen_data()
{
    QTest::addColumn<QByteArray>("sites");
    QTest::addColumn<QByteArrayList>("answers");
    QTest::addColumn<int>("score");
    const auto row = [](const char *name, const char *sites, const QByteArrayList &answers,
                        int score) {
        QTest::newRow(name) << QByteArray(sites) << answers << score;
    };
    row("no answer", "l.example*5", {}, 0);
    row("any answer counts without a filter", "l.example*5", {"127.0.0.9"}, 5);
    row("an answer beside the filter", "l.example=127.0.0.4*5", {"127.0.0.9"}, 0);
    row("the weight at most once for several answers", "l.example*2", {"127.0.0.2", "127.0.0.4"},
        2);
    row("one of several answers matches", "l.example=127.0.0.4*2", {"127.0.0.2", "127.0.0.4"}, 2);
    row("entries of one domain add up", "l.example=127.0.0.2*2 l.example=127.0.0.4*3",
        {"127.0.0.2", "127.0.0.4"}, 5);
    row("each entry by its own filter", "l.example=127.0.0.2*2 l.example=127.0.0.4*3",
        {"127.0.0.4"}, 3);
    row("with and without filter", "l.example l.example=127.0.0.4*3", {"127.0.0.4"}, 4);
    row("allow list", "l.example=127.0.[0..255].[1..3]*-4", {"127.0.5.2"}, -4);
    row("good and bad in one list", "l.example=127.0.0.2*3 l.example=127.0.0.9*-5",
        {"127.0.0.2", "127.0.0.9"}, -2);
}

void TestDnsblSites::scoresAsPostscreen()
{
    QFETCH(QByteArray, sites);
    QFETCH(QByteArrayList, answers);
    QFETCH(int, score);
    const auto read = DnsblSites::parse(sites, 1);
    QVERIFY2(read.has_value(), qPrintable(errorOf(read)));
    QCOMPARE(read->lists().size(), size_t(1));
    std::vector<quint32> addresses;
    for (const QByteArray &answer : answers) {
        addresses.push_back(at(answer).toIPv4Address());
    }
    int sum = 0;
    for (const verdict::DnsblFinding &finding : read->lists().front().findings(addresses)) {
        QVERIFY(answers.contains(finding.answer));
        sum += finding.weight;
    }
    QCOMPARE(sum, score);
}

void TestDnsblSites::asksAListOnce()
{
    const auto sites = DnsblSites::parse(
        "a.example=127.0.0.2*2 b.example A.example=127.0.0.4*-3 a.example.", 2);
    QVERIFY2(sites.has_value(), qPrintable(errorOf(sites)));
    QCOMPARE(sites->lists().size(), size_t(2));
    QCOMPARE(sites->lists().front().highest(), 3);
    QCOMPARE(sites->lists().front().lowest(), -3);
    QVERIFY(!sites->refuses(1));
    QVERIFY(sites->refuses(2));  // postconf(5): the threshold is inclusive.
    QVERIFY(!DnsblSites::parse("a.example", 0)->refuses(100));
}

void TestDnsblSites::hidesKeys()
{
    const auto sites = DnsblSites::parse(
        "abcdefgh1234567890abcdefgh.zen.dq.example.net averyverylongnamewithoutdigits.example", 1);
    QVERIFY2(sites.has_value(), qPrintable(errorOf(sites)));
    QCOMPARE(sites->lists()[0].publicName, QByteArray("zen.dq.example.net"));
    QCOMPARE(sites->lists()[1].publicName, QByteArray("averyverylongnamewithoutdigits.example"));
    QCOMPARE(sites->lists()[0].findings({0x7f000002U}).front().list,
             QByteArray("zen.dq.example.net"));
}

void TestDnsblSites::asksByReversedAddress_data()
{
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<QByteArray>("name");
    QTest::newRow("IPv4, RFC 5782 section 2.1")
        << QByteArray("192.0.2.99") << QByteArray("99.2.0.192.bad.example.com");
    QTest::newRow("IPv4-mapped") << QByteArray("::ffff:192.0.2.99")
                                 << QByteArray("99.2.0.192.bad.example.com");
    QTest::newRow("IPv6, RFC 5782 section 2.4")
        << QByteArray("2001:db8:1:2:3:4:567:89ab")
        << QByteArray("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2."
                      "bad.example.com");
}

void TestDnsblSites::asksByReversedAddress()
{
    QFETCH(QByteArray, client);
    QFETCH(QByteArray, name);
    QCOMPARE(dnsblQueryName(at(client), "bad.example.com"), name);
}

void TestDnsblSites::tellsSettingsApart()
{
    const quint64 stamp = DnsblSites::parse("a.example", 1)->stamp();
    QCOMPARE(DnsblSites::parse("a.example", 1)->stamp(), stamp);
    QVERIFY(DnsblSites::parse("a.example", 2)->stamp() != stamp);
    QVERIFY(DnsblSites::parse("b.example", 1)->stamp() != stamp);
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestDnsblSites)
#include "tst_dnsbl_sites.moc"
