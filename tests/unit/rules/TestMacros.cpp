// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/Macros.h"

#include <QtTest/QtTest>

namespace portcullis::rules {

class TestMacros final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void expandsEveryMacro_data();
    void expandsEveryMacro();
    void leavesUnknownAndUnsetAlone();
    void neverExpandsWhatAValueBrings();
    void r2ValuesCannotInjectLines_data();
    void r2ValuesCannotInjectLines();
    void foldsSpamInfo();
    void escapesForHtml();
    void r2GivesWholeAddressesOnly_data();
    void r2GivesWholeAddressesOnly();
    void limitsStars();

private:
    static MacroValues all();
};

MacroValues TestMacros::all()
{
    MacroValues values;
    values.sender = QStringLiteral("s@example.com");
    values.receivers = QStringLiteral("a@example.org, b@example.org");
    values.targets = QStringLiteral("b@example.org");
    values.subject = QStringLiteral("Hello");
    values.admin = QStringLiteral("admin@example.org");
    values.senderIp = QStringLiteral("192.0.2.1");
    values.messageId = QStringLiteral("<1@example.com>");
    values.version = QStringLiteral("0.1");
    values.rule = QStringLiteral("Block Viruses");
    values.ruleInfo = QStringLiteral("Rule: Block Viruses\n  Action: block\n");
    values.virusInfo = virusInfoText(QStringLiteral("Eicar"), QStringLiteral("clamav"));
    values.host = QStringLiteral("gw");
    values.domain = QStringLiteral("example.org");
    values.fqdn = QStringLiteral("gw.example.org");
    values.fileName = QStringLiteral("a.exe");
    values.setSpam(SpamFacts{5, 5.2, {{QStringLiteral("GTUBE"), 5.2, QStringLiteral("Test")}}},
                   SenderStanding::Unlisted);
    return values;
}

void TestMacros::expandsEveryMacro_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char *text, const char *expected) {
        QTest::newRow(text) << QString::fromLatin1(text) << QString::fromLatin1(expected);
    };
    row("__SENDER__", "s@example.com");
    row("__RECEIVERS__", "a@example.org, b@example.org");
    row("__TARGETS__", "b@example.org");
    row("__SUBJECT__", "Hello");
    row("__ADMIN__", "admin@example.org");
    row("__SENDER_IP__", "192.0.2.1");
    row("__MSGID__", "<1@example.com>");
    row("__VERSION__", "0.1");
    row("__RULE__", "Block Viruses");
    row("__RULE_INFO__", "Rule: Block Viruses\n  Action: block\n");
    row("__VIRUS_INFO__", "Virus Info: Eicar (clamav)");
    row("__SPAMLEVEL__", "5");
    row("__SPAMSTARS__", "*****");
    row("__SPAM_INFO__", "Spam detection results:  5\nGTUBE                     5.2 Test\n");
    row("__SPAM_HITS__", "GTUBE(5.2)");
    row("__HOST__ __DOMAIN__ __FQDN__", "gw example.org gw.example.org");
    row("__FILENAME__", "a.exe");
    row("___SENDER___", "_s@example.com_");
    row("[__HOST__]__", "[gw]__");
}

void TestMacros::expandsEveryMacro()
{
    QFETCH(QString, text);
    QFETCH(QString, expected);
    QCOMPARE(MacroExpander(all()).body(text), expected);
}

void TestMacros::leavesUnknownAndUnsetAlone()
{
    MacroValues values;
    values.host = QStringLiteral("gw");
    const MacroExpander expander(values);
    QCOMPARE(expander.line(QStringLiteral("__NOTHING__ __SENDER__ __HOST__ __ __")),
             QStringLiteral("__NOTHING__ __SENDER__ gw __ __"));
}

void TestMacros::neverExpandsWhatAValueBrings()
{
    MacroValues values = all();
    values.subject = QStringLiteral("__ADMIN__ __SUBJECT__ __SEN");
    QCOMPARE(MacroExpander(values).line(QStringLiteral("__SUBJECT__DER__")),
             QStringLiteral("__ADMIN__ __SUBJECT__ __SENDER__"));
}

void TestMacros::r2ValuesCannotInjectLines_data()
{
    QTest::addColumn<QString>("value");
    const QList<QString> evil{QStringLiteral("x\r\nBcc: victim@example.net"),
                              QStringLiteral("x\nBcc: v@example.net"),
                              QStringLiteral("x\rBcc: v@example.net"),
                              QStringLiteral("x\r\n\r\n<html>"),
                              QStringLiteral("x\u2028Bcc: v@example.net"),
                              QStringLiteral("x\u0085Bcc: v@example.net"),
                              QStringLiteral("x\u000bBcc:"),
                              QStringLiteral("x") + QChar(u'\0') + QStringLiteral("y"),
                              QStringLiteral("x\u202egpj.exe"),
                              QStringLiteral("`rm -rf /`; $(id) | cat")};
    for (const QString &value : evil) {
        QTest::newRow(qPrintable(QString::number(evil.indexOf(value)))) << value;
    }
}

void TestMacros::r2ValuesCannotInjectLines()
{
    QFETCH(QString, value);
    for (const auto field : {&MacroValues::sender, &MacroValues::receivers, &MacroValues::subject,
                             &MacroValues::messageId, &MacroValues::rule, &MacroValues::virusInfo,
                             &MacroValues::fileName, &MacroValues::spamHits}) {
        MacroValues values = all();
        values.*field = value;
        const MacroExpander expander(values);
        const QString text = QStringLiteral(
            "__SENDER__ __RECEIVERS__ __SUBJECT__ __MSGID__ __RULE__ __VIRUS_INFO__ __FILENAME__ "
            "__SPAM_HITS__");
        for (const QString &result :
             {expander.line(text), expander.headerValue(text), expander.body(text)}) {
            QVERIFY(!result.contains(QLatin1Char('\n')));
            QVERIFY(!result.contains(QLatin1Char('\r')));
            QVERIFY(!result.contains(QChar(0x2028)));
            QVERIFY(!result.contains(QChar(0x85)));
            QVERIFY(!result.contains(QChar(0x202e)));
            QVERIFY(!result.contains(QChar(u'\0')));
        }
    }
}

void TestMacros::foldsSpamInfo()
{
    MacroValues values = all();
    values.setSpam(SpamFacts{3,
                             3.0,
                             {{QStringLiteral("A"), 1, QStringLiteral("evil\r\n\r\nBody")},
                              {QStringLiteral("B"), 2, QStringLiteral("two")}}},
                   SenderStanding::Unlisted);
    const QStringList lines =
        MacroExpander(values).headerValue(QStringLiteral("__SPAM_INFO__")).split(QLatin1Char('\n'));
    QCOMPARE(lines.size(), 3);
    for (const QString &line : lines) {
        QVERIFY(!line.trimmed().isEmpty());
    }
}

void TestMacros::escapesForHtml()
{
    MacroValues values = all();
    values.subject = QStringLiteral("<script>alert(1)</script>&");
    QCOMPARE(MacroExpander(values).html(QStringLiteral("<b>__SUBJECT__</b>")),
             QStringLiteral("<b>&lt;script&gt;alert(1)&lt;/script&gt;&amp;</b>"));
}

void TestMacros::r2GivesWholeAddressesOnly_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("sender");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("macro") << QStringLiteral("__SENDER__") << QStringLiteral("s@example.com")
                           << QStringList{QStringLiteral("s@example.com")};
    QTest::newRow("null reverse-path gives nobody")
        << QStringLiteral("__SENDER__") << QStringLiteral("") << QStringList{};
    QTest::newRow("list with macro")
        << QStringLiteral("x@example.org, __SENDER__") << QStringLiteral("s@example.com")
        << QStringList{QStringLiteral("x@example.org"), QStringLiteral("s@example.com")};
    QTest::newRow("a comma inside a quoted local part stays one address")
        << QStringLiteral("__SENDER__") << QStringLiteral("\"a,b\"@example.com")
        << QStringList{QStringLiteral("\"a,b\"@example.com")};
    QTest::newRow("a line end makes no second address")
        << QStringLiteral("__SENDER__") << QStringLiteral("s@example.com\nv@example.net")
        << QStringList{};
    QTest::newRow("two addresses in one value are none")
        << QStringLiteral("__SENDER__") << QStringLiteral("a@example.com,b@example.com")
        << QStringList{};
    QTest::newRow("twice is once")
        << QStringLiteral("__SENDER__,s@example.com") << QStringLiteral("s@example.com")
        << QStringList{QStringLiteral("s@example.com")};
    QTest::newRow("admin may be a list") << QStringLiteral("__ADMIN__") << QStringLiteral("")
                                         << QStringList{QStringLiteral("admin@example.org")};
    QTest::newRow("receivers are a list")
        << QStringLiteral("__RECEIVERS__") << QStringLiteral("")
        << QStringList{QStringLiteral("a@example.org"), QStringLiteral("b@example.org")};
}

void TestMacros::r2GivesWholeAddressesOnly()
{
    QFETCH(QString, text);
    QFETCH(QString, sender);
    QFETCH(QStringList, expected);
    MacroValues values = all();
    values.sender = sender;
    QStringList found;
    for (const mail::Address &address : MacroExpander(values).addresses(text)) {
        found << QString::fromUtf8(address.toString());
    }
    QCOMPARE(found, expected);
}

void TestMacros::limitsStars()
{
    MacroValues values;
    values.setSpam(SpamFacts{1000, 1000.0, {}}, SenderStanding::Unlisted);
    QCOMPARE(values.spamStars->size(), 100);
    values.setSpam(std::nullopt, SenderStanding::Unlisted);
    QCOMPARE(*values.spamLevel, QStringLiteral("0"));
    QCOMPARE(*values.spamInfo, QString());
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestMacros)
#include "TestMacros.moc"
