// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/Pattern.h"

#include <QtTest/QtTest>

namespace portcullis::rules {

class TestPattern final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void matches_data();
    void matches();
    void refusesInvalidWithPosition_data();
    void refusesInvalidWithPosition();
    void c7RefusesWhatCannotBeBounded_data();
    void c7RefusesWhatCannotBeBounded();
    void acceptsPatternsOfEverydayUse_data();
    void acceptsPatternsOfEverydayUse();
    void c7CutsMatchingAtRunTime();
};

void TestPattern::matches_data()
{
    QTest::addColumn<QByteArray>("pattern");
    QTest::addColumn<QByteArray>("subject");
    QTest::addColumn<bool>("whole");
    QTest::addColumn<bool>("exactCase");
    QTest::addColumn<bool>("expected");
    const auto row = [](const char *name, const char *pattern, const QByteArray &subject,
                        bool whole, bool exactCase, bool expected) {
        QTest::newRow(name) << QByteArray(pattern) << subject << whole << exactCase << expected;
    };
    row("anchored at both ends", "a.c", "abc", true, false, true);
    row("nothing before", "a.c", "xabc", true, false, false);
    row("nothing after", "a.c", "abcx", true, false, false);
    row("alternatives are anchored together", "abc|def", "abcx", true, false, false);
    row("unanchored", "a.c", "xxabcxx", false, false, true);
    row("case does not matter", "ABC", "abc", true, false, true);
    row("case matters", "ABC", "abc", true, true, false);
    row("case of letters beyond ASCII", "\xc3\xa4rger", "\xc3\x84RGER", true, false, true);
    row("invalid UTF-8 around a match", "abc",
        "\xff\xfe"
        "abc\xff",
        false, false, true);
    row("line end does not hide the rest", ".*\\.exe", "a\nb.exe", true, false, true);
    row("empty subject", ".*", "", true, false, true);
    row("NUL in subject", "a.b", QByteArray("a\0b", 3), true, false, true);
}

void TestPattern::matches()
{
    QFETCH(QByteArray, pattern);
    QFETCH(QByteArray, subject);
    QFETCH(bool, whole);
    QFETCH(bool, exactCase);
    QFETCH(bool, expected);
    const auto compiled = Pattern::compile(
        pattern, whole ? PatternAnchoring::WholeSubject : PatternAnchoring::Unanchored,
        exactCase ? PatternCase::Sensitive : PatternCase::Insensitive);
    QVERIFY(compiled);
    QCOMPARE(compiled->match(subject), expected ? MatchOutcome::Match : MatchOutcome::NoMatch);
}

void TestPattern::refusesInvalidWithPosition_data()
{
    QTest::addColumn<QByteArray>("pattern");
    QTest::addColumn<QByteArray>("id");
    QTest::addColumn<QString>("place");
    QTest::newRow("nothing to repeat")
        << QByteArray("ab*+?c(") << QByteArray("pattern.syntax") << QStringLiteral("position");
    QTest::newRow("open parenthesis")
        << QByteArray("ab(c") << QByteArray("pattern.syntax") << QStringLiteral("position 4");
    QTest::newRow("open class") << QByteArray("[abc") << QByteArray("pattern.syntax")
                                << QStringLiteral("position 4");
    QTest::newRow("invalid UTF-8")
        << QByteArray("ab\xff") << QByteArray("pattern.syntax") << QStringLiteral("position 2");
    QTest::newRow("too long") << QByteArray(1025, 'a') << QByteArray("pattern.too-long")
                              << QStringLiteral("1024");
    QTest::newRow("too large when compiled")
        << QByteArray("(?:[a-c]?b){1,1000}") << QByteArray("pattern.too-large")
        << QStringLiteral("bytes");
}

void TestPattern::refusesInvalidWithPosition()
{
    QFETCH(QByteArray, pattern);
    QFETCH(QByteArray, id);
    QFETCH(QString, place);
    const auto compiled = Pattern::compile(pattern, PatternAnchoring::Unanchored,
                                           PatternCase::Insensitive);
    QVERIFY(!compiled);
    QCOMPARE(compiled.error().id, id);
    QVERIFY2(compiled.error().detail.contains(place), qPrintable(compiled.error().detail));
}

void TestPattern::c7RefusesWhatCannotBeBounded_data()
{
    QTest::addColumn<QByteArray>("pattern");
    for (const char *pattern : {"(a+)+$",
                                "(a*)*b",
                                "(a|a)*b",
                                "(a|ab|b)*c",
                                "(.*a){20}",
                                "([a-zA-Z]+)*$",
                                "(\\w+\\s?)+$",
                                "(?:\\d+|\\w+)+@",
                                "(x+x+)+y",
                                "(.*,)*z",
                                "^(([a-z])+.)+[A-Z]([a-z])+$",
                                "(a?b?)*c",
                                "(?i)(?:a|A)+$",
                                "((ab)*|(ab)*)*c",
                                "(aa|aaa)+b",
                                "(a{1,50}){1,50}b",
                                "(\\s*foo\\s*)*bar",
                                "(?=(a+)+$)x",
                                ".*.*.*.*.*.*.*.*x=[0-9]",
                                "(?R)?a",
                                "(a)(?1)*",
                                "(*SKIP)a",
                                "(?x)(a+ )+$",
                                "(\xc3\xa4+)+$"}) {
        QTest::newRow(pattern) << QByteArray(pattern);
    }
}

void TestPattern::c7RefusesWhatCannotBeBounded()
{
    QFETCH(QByteArray, pattern);
    const auto compiled = Pattern::compile(pattern, PatternAnchoring::WholeSubject,
                                           PatternCase::Insensitive);
    QVERIFY2(compiled, qPrintable(compiled ? QString() : compiled.error().detail));
    const Status bounded = compiled->checkBounded();
    QVERIFY(!bounded);
    QCOMPARE(bounded.error().id, QByteArray("pattern.unbounded"));
    QVERIFY2(bounded.error().detail.startsWith(QLatin1String("position ")),
             qPrintable(bounded.error().detail));
}

void TestPattern::acceptsPatternsOfEverydayUse_data()
{
    QTest::addColumn<QByteArray>("pattern");
    for (const char *pattern : {".*\\.(vbs|pif|lnk|shs|shb)",
                                ".*\\.\\{.+\\}",
                                "application/vnd\\.openxmlformats-officedocument\\..*",
                                "image/.*",
                                ".*@(?:[a-z0-9-]+\\.)*example\\.(com|net|org)",
                                "([a-z0-9]+\\.)+[a-z]{2,}",
                                "[^@]+@[^@]+",
                                ".*(viagra|cialis|casino).*",
                                "(foo|fob|bar)+",
                                "^Re(\\[\\d+\\])?: .*invoice.*$",
                                ".*\\bfree\\b.*\\boffer\\b.*",
                                "\\[(?:SPAM|\\*+)\\]",
                                "(\\d{1,3}\\.){3}\\d{1,3}",
                                "[A-Z]{2}\\d{2}(?: ?[A-Z0-9]{4}){3,7}",
                                "\\Qa+b(c)\\E.*",
                                "(?i)x-mailer: (?:[^,;]*[,;])*end",
                                "(?P<year>\\d+)-(?P=year)",
                                "(?>a+)+b",
                                "[[:alpha:]]+\\.exe",
                                "[\\w.+-]+@[\\w-]+",
                                "(?:%[0-9a-f]{2})+",
                                ""}) {
        QTest::newRow(pattern) << QByteArray(pattern);
    }
}

void TestPattern::acceptsPatternsOfEverydayUse()
{
    QFETCH(QByteArray, pattern);
    for (const auto anchoring : {PatternAnchoring::WholeSubject, PatternAnchoring::Unanchored}) {
        const auto compiled = Pattern::compile(pattern, anchoring, PatternCase::Insensitive);
        QVERIFY2(compiled, qPrintable(compiled ? QString() : compiled.error().detail));
        const Status bounded = compiled->checkBounded();
        QVERIFY2(bounded, qPrintable(bounded ? QString() : bounded.error().detail));
    }
}

void TestPattern::c7CutsMatchingAtRunTime()
{
    // As if it had been saved before the check existed.
    const auto evil = Pattern::compile("(a+)+$", PatternAnchoring::Unanchored,
                                       PatternCase::Insensitive);
    QVERIFY(evil);
    QCOMPARE(evil->match(QByteArray(1024 * 1024, 'a') + 'b'),
             MatchOutcome::Match);  // Cut at 64 KiB.
    QCOMPARE(evil->match(QByteArray(40, 'a') + 'b'), MatchOutcome::Limit);
    QCOMPARE(evil->match("aaa"), MatchOutcome::Match);
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestPattern)
#include "TestPattern.moc"
