// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/language/LanguageEvals.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtCore/QFile>
#include <QtTest/QTest>

namespace portcullis::spam {

using test::FakeScan;
using test::rulesOf;

namespace {

constexpr const char *german = "Der schnelle Fuchs springt ueber den faulen Hund und geht dann "
                               "nach Hause, weil der Tag lang war und "
                               "es nichts anderes gibt, was er noch tun moechte, wenn der Abend "
                               "kommt und alle anderen Tiere schon in "
                               "ihren Betten liegen und schlafen. Morgen wird er wieder frueh "
                               "aufstehen und durch den Wald laufen.";

RuleSet textCat(const QByteArray &rules)
{
    return rulesOf("loadplugin Mail::SpamAssassin::Plugin::TextCat\n" + rules);
}

QByteArray letterOf(const QByteArray &body)
{
    return "From: a@b.example\nSubject: Aw: Guten Tag\nContent-Type: text/plain; charset=utf-8\n\n"
           + body + "\n";
}

}  // namespace

class TestLanguageEvals : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        if (!QFile::exists(LanguageEvals::stockModels())) {
            QSKIP("SpamAssassin's rules are not installed");
        }
    }

    void tellsUnwantedLanguages_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<int>("hits");
        QTest::newRow("all wanted") << QByteArray() << QByteArray(german) << 0;
        QTest::newRow("wanted") << QByteArray("ok_languages en de\n") << QByteArray(german) << 0;
        QTest::newRow("not wanted")
            << QByteArray("ok_languages en it\n") << QByteArray(german) << 1;
        QTest::newRow("too short")
            << QByteArray("ok_languages en\n") << QByteArray("Guten Tag") << 0;
    }

    void tellsUnwantedLanguages()
    {
        QFETCH(QByteArray, rules);
        QFETCH(QByteArray, body);
        FakeScan scan(textCat(rules), letterOf(body));
        LanguageEvals module;
        QTEST(scan.ask(module, "check_language"), "hits");
        QCOMPARE(scan.text().headerText("X-Languages").trimmed(),
                 body.size() > 100 ? QByteArray("de") : QByteArray());
    }

    void tellsEightBitText_data()
    {
        QTest::addColumn<QByteArray>("rules");
        QTest::addColumn<int>("hits");
        QTest::newRow("all wanted") << QByteArray() << 0;
        QTest::newRow("English wanted") << QByteArray("ok_languages en\n") << 1;
        QTest::newRow("Russian wanted") << QByteArray("ok_languages en ru\n") << 0;
    }

    void tellsEightBitText()
    {
        QFETCH(QByteArray, rules);
        FakeScan scan(textCat(rules), letterOf("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"));
        LanguageEvals module;
        QTEST(scan.ask(module, "check_body_8bits"), "hits");
    }

    void sleepsWithoutThePlugin()
    {
        FakeScan scan(rulesOf("ok_languages en\n"), letterOf(german));
        LanguageEvals module;
        QCOMPARE(scan.ask(module, "check_language"), 0);
        QVERIFY(scan.text().headerText("X-Languages").isEmpty());
    }

    void reportsMissingModels()
    {
        FakeScan scan(textCat("ok_languages en\n"), letterOf(german));
        LanguageEvals module(QStringLiteral("/nonexistent/languages"));
        QCOMPARE(scan.ask(module, "check_language"), 0);
        QCOMPARE(scan.problems.problems.size(), size_t(1));
    }
};

}  // namespace portcullis::spam

QTEST_GUILESS_MAIN(portcullis::spam::TestLanguageEvals)
#include "TestLanguageEvals.moc"
