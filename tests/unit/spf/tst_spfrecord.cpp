// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/protocol/Wire.h"
#include "appliance/policy/spf/record/Record.h"
#include "appliance/policy/spf/SpfClient.h"

#include <QtTest/QtTest>

#include <arpa/inet.h>

namespace portcullis::policy::spf {

class TestSpfRecord final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void acceptsWhatTheGrammarAllows_data();
    void acceptsWhatTheGrammarAllows();
    void refusesWhatItDoesNot_data();
    void refusesWhatItDoesNot();
    void comparesNetworksBitByBit_data();
    void comparesNetworksBitByBit();
    void splitsMacros();
    void escapesAllButUnreservedCharacters();

    void readsOnlyWholeMessages();

    void writesAReceivedSpfField();
    void keepsStrangersWordsInsideTheField_data();
    void keepsStrangersWordsInsideTheField();
};

namespace {

std::string bytesOf(const char *address)
{
    in6_addr ip6 = {};
    in_addr ip4 = {};
    if (::inet_pton(AF_INET, address, &ip4) == 1) {
        return {reinterpret_cast<const char *>(&ip4), sizeof(ip4)};
    }
    ::inet_pton(AF_INET6, address, &ip6);
    return {reinterpret_cast<const char *>(&ip6), sizeof(ip6)};
}

}  // namespace

void TestSpfRecord::acceptsWhatTheGrammarAllows_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::addColumn<int>("terms");
    QTest::newRow("nothing") << QByteArray("v=spf1") << 0;
    QTest::newRow("letters of either case")
        << QByteArray("V=sPf1 A MX -ALL Redirect=a.example") << 3;
    QTest::newRow("spaces") << QByteArray("v=spf1   a    ~all   ") << 2;
    QTest::newRow("all mechanisms")
        << QByteArray("v=spf1 a:x.example/24//64 mx//96 ip4:192.0.2.0/24 ip6:2001:db8::/32 ptr "
                      "exists:%{i}.x.example include:y.example -all")
        << 8;
    QTest::newRow("a domain with a slash") << QByteArray("v=spf1 a:a/b.example/24") << 1;
    QTest::newRow("a domain that ends in a macro") << QByteArray("v=spf1 a:%{d} a:x%% a:x%-") << 3;
    QTest::newRow("an unknown modifier") << QByteArray("v=spf1 x.y-z_0=%{r}%_ -all") << 1;
    QTest::newRow("an equals sign in a domain") << QByteArray("v=spf1 exists:%{l}=x.example") << 1;
    QTest::newRow("all delimiters") << QByteArray("v=spf1 exists:%{l1r.-+,/_=}.example") << 1;
}

void TestSpfRecord::acceptsWhatTheGrammarAllows()
{
    QFETCH(QByteArray, record);
    QFETCH(int, terms);
    const auto parsed = parseRecord(record.toStdString());
    const auto *problem = std::get_if<std::string>(&parsed);
    QVERIFY2(problem == nullptr, problem != nullptr ? problem->c_str() : "");
    QCOMPARE(static_cast<int>(std::get<Record>(parsed).terms.size()), terms);
}

void TestSpfRecord::refusesWhatItDoesNot_data()
{
    QTest::addColumn<QByteArray>("term");
    QTest::addColumn<QByteArray>("problem");
    const auto row = [](const char *term, const char *problem) {
        QTest::newRow(term) << QByteArray(term) << QByteArray(problem);
    };
    row("all:x.example", "takes no argument");
    row("redirect:x.example", "unknown mechanism");
    row("-redirect=x.example", "unknown mechanism");
    row("a:", "a domain is missing");
    row("a:example", "top label");
    row("a:192.0.2.1", "top label");
    row("a:x.-example", "top label");
    row("a:x.%%%example", "macro syntax");
    row("a:x.%{z}", "macro syntax");
    row("a:x.%{d0}", "macro syntax");
    row("a:x.%{c}", "macro syntax");
    row("a:x.%{d", "macro syntax");
    row("a/33", "IPv4 prefix");
    row("a/024", "IPv4 prefix");
    row("a//129", "IPv6 prefix");
    row("a/24/64", "IPv4 prefix");
    row("ptr/24", "a domain is missing");
    row("include", "a domain is missing");
    row("ip4:192.0.2", "the address is wrong");
    row("ip4:192.0.2.1:25", "the address is wrong");
    row("ip4:192.0.2.1/99999999999", "prefix length");
    row("ip6:192.0.2.1", "the address is wrong");
    row("exp=", "a domain is missing");
    row("exp=a.example exp=b.example", "twice");
    row("x=%", "macro syntax");
    row("a\tmx", "unknown mechanism");
    row("\x80", "\"?\": unknown mechanism");
}

void TestSpfRecord::refusesWhatItDoesNot()
{
    QFETCH(QByteArray, term);
    QFETCH(QByteArray, problem);
    const auto parsed = parseRecord(("v=spf1 " + term + " -all").toStdString());
    const auto *found = std::get_if<std::string>(&parsed);
    QVERIFY(found != nullptr);
    QVERIFY2(QByteArray::fromStdString(*found).contains(problem), found->c_str());
}

void TestSpfRecord::comparesNetworksBitByBit_data()
{
    QTest::addColumn<QByteArray>("network");
    QTest::addColumn<QByteArray>("address");
    QTest::addColumn<bool>("isInside");
    const auto row = [](const char *network, const char *address, bool isInside) {
        QTest::addRow("%s in %s", address, network)
            << QByteArray(network) << QByteArray(address) << isInside;
    };
    row("ip4:192.0.2.0/25", "192.0.2.127", true);
    row("ip4:192.0.2.0/25", "192.0.2.128", false);
    row("ip4:192.0.2.9", "192.0.2.8", false);
    row("ip4:0.0.0.0/0", "203.0.113.1", true);
    row("ip4:0.0.0.0/0", "2001:db8::1", false);
    row("ip6:::/0", "2001:db8::1", true);
    row("ip6:::/0", "192.0.2.1", false);
    row("ip6:2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
        true);
    row("ip6:2001:db8:8000::/33", "2001:db8:7fff::1", false);
}

void TestSpfRecord::comparesNetworksBitByBit()
{
    QFETCH(QByteArray, network);
    QFETCH(QByteArray, address);
    const auto parsed = parseRecord("v=spf1 " + network.toStdString());
    QVERIFY(std::holds_alternative<Record>(parsed));
    QTEST(covers(std::get<Record>(parsed).terms.front(), bytesOf(address)), "isInside");
}

void TestSpfRecord::splitsMacros()
{
    const auto pieces = splitMacros("a%%b%_%-%{L12R-+}c", MacroUse::Domain);
    QVERIFY(pieces);
    QCOMPARE(pieces->size(), size_t(3));
    QCOMPARE(pieces->at(0).literal, std::string("a%b %20"));
    QCOMPARE(pieces->at(1).letter, 'l');
    QVERIFY(pieces->at(1).isEscaped && pieces->at(1).isReversed);
    QCOMPARE(pieces->at(1).parts, 12);
    QCOMPARE(pieces->at(1).delimiters, std::string("-+"));
    QCOMPARE(pieces->at(2).literal, std::string("c"));
    QVERIFY(!splitMacros("a b", MacroUse::Domain));
    QVERIFY(splitMacros("a b", MacroUse::Explanation));
    // A number that no integer holds means all parts.
    QCOMPARE(splitMacros("%{d99999999999999999999}", MacroUse::Domain)->front().parts, 128);
}

void TestSpfRecord::escapesAllButUnreservedCharacters()
{
    QCOMPARE(urlEscaped("aZ0-._~!'(%\xff"), std::string("aZ0-._~%21%27%28%25%FF"));
}

void TestSpfRecord::readsOnlyWholeMessages()
{
    wire::Task task;
    task.kind = wire::Task::Kind::MatchMx;
    task.text = "example.org";
    task.client = bytesOf("192.0.2.1");
    task.prefix = 24;
    task.known = {{wire::Query::Mx, "example.org", {"a.example", std::string("\0b", 2)}}};
    const std::string bytes = wire::encode(task);
    QVERIFY(wire::decodeTask(bytes) == task);
    for (size_t i = 0; i < bytes.size(); ++i) {
        QVERIFY(!wire::decodeTask(bytes.substr(0, i)));
    }
    QVERIFY(!wire::decodeTask(bytes + 'x'));
    const wire::Reply reply{wire::Reply::Kind::Needs, wire::Query::Ptr, "x.example"};
    QVERIFY(wire::decodeReply(wire::encode(reply)) == reply);
    // A count that promises more than there is allocates nothing.
    QVERIFY(!wire::decodeTask(bytes.substr(0, 2) + std::string(40, '\xff')));
}

void TestSpfRecord::writesAReceivedSpfField()
{
    verdict::SpfFinding finding;
    finding.result = verdict::SpfResult::Pass;
    finding.domain = "example.org";
    finding.mechanism = "ip4:192.0.2.0/24";
    QCOMPARE(receivedSpfField(finding, QHostAddress(QStringLiteral("::ffff:192.0.2.1")),
                              "gate.example.net", "mail.example.org", "anna@example.org"),
             QByteArray("Received-SPF: pass\r\n"
                        " (gate.example.net: domain of example.org designates 192.0.2.1 as "
                        "permitted sender)\r\n"
                        " client-ip=192.0.2.1;\r\n"
                        " envelope-from=\"anna@example.org\";\r\n"
                        " helo=mail.example.org;\r\n"
                        " receiver=gate.example.net;\r\n"
                        " mechanism=\"ip4:192.0.2.0/24\";\r\n"
                        " identity=mailfrom\r\n"));
    finding.isHelo = true;
    const QByteArray nullSender = receivedSpfField(
        finding, QHostAddress(QStringLiteral("2001:db8::1")), "gate.example.net", {}, {});
    QVERIFY2(nullSender.contains("client-ip=\"2001:db8::1\";"), nullSender);
    QVERIFY2(nullSender.contains("envelope-from=\"\";"), nullSender);
    QVERIFY2(nullSender.contains("identity=helo\r\n"), nullSender);
}

void TestSpfRecord::keepsStrangersWordsInsideTheField_data()
{
    QTest::addColumn<QByteArray>("words");
    QTest::newRow("line ends") << QByteArray("a\r\nSubject: b\r\n\r\nc");
    QTest::newRow("quotes") << QByteArray("a\"; identity=\"b\\");
    QTest::newRow("parentheses") << QByteArray("a) (b");
    QTest::newRow("eight bit") << QByteArray("\xc3\xa4\xff");
    QTest::newRow("zero") << QByteArray("a\0b", 3);
    QTest::newRow("long") << QByteArray(5000, 'x');
}

void TestSpfRecord::keepsStrangersWordsInsideTheField()
{
    QFETCH(QByteArray, words);
    verdict::SpfFinding finding;
    finding.result = verdict::SpfResult::PermError;
    finding.domain = finding.mechanism = finding.problem = words;
    const QByteArray field = receivedSpfField(finding, QHostAddress(QStringLiteral("192.0.2.1")),
                                              "gate.example.net", words, words);
    QVERIFY(field.endsWith("\r\n"));
    const auto lines = field.chopped(2).split('\n');
    for (qsizetype i = 0; i < lines.size(); ++i) {
        QByteArray line = lines[i];
        QCOMPARE(line.endsWith('\r'), i + 1 < lines.size());
        line.replace("\r", "");
        QVERIFY(i == 0 || line.startsWith(' '));
        QVERIFY(line.size() <= 998);
        QVERIFY(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        // Quotes that stand in a value are escaped; one pair holds it.
        QByteArray unescaped = line;
        unescaped.replace("\\\\", "").replace("\\\"", "");
        QVERIFY(unescaped.count('"') == 0 || unescaped.count('"') == 2);
    }
    QCOMPARE(field.count('('), field.count(')'));
}

}  // namespace portcullis::policy::spf

QTEST_GUILESS_MAIN(portcullis::policy::spf::TestSpfRecord)
#include "tst_spfrecord.moc"
