// SPDX-License-Identifier: GPL-2.0-or-later
// The list of publicsuffix.org against its own test cases.
#include "ZoneLookup.h"

#include <QtCore/QRegularExpression>
#include <QtCore/QUrl>
#include <QtTest/QtTest>

namespace portcullis::authentication {

class TestPublicSuffixes final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void findsTheOrganisation_data();
    void findsTheOrganisation();
    void readsEveryKindOfRule_data();
    void readsEveryKindOfRule();
    void isStrictWithoutAList();
    void refusesAFileWithoutRules();
};

void TestPublicSuffixes::findsTheOrganisation_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("expected");
    const QByteArray cases = fileContent(corporaFolder()
                                         + QStringLiteral("/auth/publicsuffix/test_psl.txt"));
    if (cases.isEmpty()) {
        QSKIP("corpora/auth/publicsuffix is not there");
    }
    static const QRegularExpression line(
        QStringLiteral("^checkPublicSuffix\\('([^']*)', (?:null|'([^']*)')\\);"),
        QRegularExpression::MultilineOption);
    auto matches = line.globalMatch(QString::fromUtf8(cases));
    while (matches.hasNext()) {
        const auto match = matches.next();
        QTest::newRow(qPrintable(match.captured(1))) << match.captured(1) << match.captured(2);
    }
}

void TestPublicSuffixes::findsTheOrganisation()
{
    QFETCH(QString, name);
    QFETCH(QString, expected);
    static const auto list = PublicSuffixes::read(
        corporaFolder() + QStringLiteral("/auth/publicsuffix/public_suffix_list.dat"));
    QVERIFY(list);
    // Names come as A-labels and in lower case; toAce() refuses what starts with a dot.
    const auto ascii = [](const QString &text) {
        return text.startsWith(QLatin1Char('.')) ? text.toUtf8() : QUrl::toAce(text);
    };
    QCOMPARE(list->organisationalDomain(ascii(name)), ascii(expected));
}

void TestPublicSuffixes::readsEveryKindOfRule_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<QByteArray>("organisation");
    const auto row = [](const char *title, const char *name, const char *organisation) {
        QTest::newRow(title) << QByteArray(name) << QByteArray(organisation);
    };
    row("below a rule", "mail.a.example.uk", "a.example.uk");
    row("a suffix itself", "example.uk", "example.uk");
    row("below a wildcard", "b.c.ck", "b.c.ck");
    row("deeper below a wildcard", "a.b.c.ck", "b.c.ck");
    row("an exception", "www.ck", "www.ck");
    row("below an exception", "mail.www.ck", "www.ck");
    row("an unknown top-level domain", "a.b.unknown", "b.unknown");
    row("C8 a sister below a suffix", "evil.example.uk", "evil.example.uk");
    row("C8 two dots", "a..b", "a..b");
    row("a rule in UTF-8", "a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn");
}

void TestPublicSuffixes::readsEveryKindOfRule()
{
    QFETCH(QByteArray, name);
    QFETCH(QByteArray, organisation);
    const auto list = PublicSuffixes::parse(
        "// a comment\nuk\nexample.uk  and what follows is no rule\n*.ck\n!www.ck\n\n"
        "cn\n\xE5\x85\xAC\xE5\x8F\xB8.cn\n");
    QCOMPARE(list.organisationOf(name), organisation);
}

void TestPublicSuffixes::isStrictWithoutAList()
{
    QCOMPARE(PublicSuffixes().organisationOf("mail.example.co.uk"), "mail.example.co.uk");
}

void TestPublicSuffixes::refusesAFileWithoutRules()
{
    const auto none = PublicSuffixes::read(QStringLiteral("/nonexistent/list"));
    QVERIFY(!none);
    QCOMPARE(none.error().id, "publicsuffix.unreadable");
    QVERIFY(!PublicSuffixes::read(QStringLiteral("/dev/null")));
}

}  // namespace portcullis::authentication

QTEST_GUILESS_MAIN(portcullis::authentication::TestPublicSuffixes)
#include "TestPublicSuffixes.moc"
