// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/LiveRules.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <optional>

namespace portcullis {

using namespace spam;

namespace {

constexpr std::chrono::milliseconds settleTime{1};

/// Stock rules, and a site with a custom.cf, in a folder of the test's.
class Site
{
public:
    Site()
    {
        QDir(m_folder.path()).mkpath(QStringLiteral("stock"));
        QDir(m_folder.path()).mkpath(QStringLiteral("site"));
        write("stock/10_some.cf",
              "body STOCK /stock/\nscore STOCK 1\n"
              "body BAYES_99 eval:check_bayes('0.99', '1.00')\ntflags BAYES_99 learn\n"
              "score BAYES_99 0 0 3.5 3.5\n");
    }
    void write(const char *name, const QByteArray &text)
    {
        QFile file(m_folder.filePath(QString::fromLatin1(name)));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(text);
    }
    [[nodiscard]] RuleOrigin origin() const
    {
        RuleOrigin origin;
        origin.sources.stock = m_folder.filePath(QStringLiteral("stock"));
        origin.sources.site = m_folder.filePath(QStringLiteral("site"));
        origin.sources.updates.clear();
        return origin;
    }

private:
    QTemporaryDir m_folder;
};

/// What refresh() says once the files have settled.
Result<LiveRules::Refresh> settled(LiveRules &rules)
{
    static_cast<void>(rules.hasChanged());
    QTest::qSleep(5);
    return rules.refresh();
}

bool hasTest(const LiveRules &rules, const char *name)
{
    return rules.current()->rules().find(name) != nullptr;
}

}  // namespace

class TestLiveRules final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void changesAreTakenAfterTwoEqualLooks();
    void newErrorsAreRefusedWithTheirPlace();
    void oldErrorsDoNotBlock();
    void errorsThatMovedAreOldOnes();
    void bayesScoresCountOnceEnoughWasLearnt_data();
    void bayesScoresCountOnceEnoughWasLearnt();
    void bayesTurnsEvenWhileFilesAreBroken();
};

void TestLiveRules::changesAreTakenAfterTwoEqualLooks()
{
    Site site;
    LiveRules rules(site.origin(), std::chrono::milliseconds(200));
    QVERIFY(hasTest(rules, "STOCK"));
    QVERIFY(!rules.hasChanged());
    site.write("site/custom.cf", "body MINE /mi");  // An editor is at it …
    QVERIFY(!rules.hasChanged());
    QCOMPARE(*rules.refresh(), LiveRules::Refresh::Unchanged);
    site.write("site/custom.cf", "body MINE /mine/\n");
    QTest::qSleep(210);
    QVERIFY(!rules.hasChanged());  // … and has just written once more.
    QTest::qSleep(210);
    QVERIFY(rules.hasChanged());
    QCOMPARE(*rules.refresh(), LiveRules::Refresh::Taken);
    QVERIFY(hasTest(rules, "MINE"));
    QVERIFY(!rules.hasChanged());
}

void TestLiveRules::newErrorsAreRefusedWithTheirPlace()
{
    Site site;
    site.write("site/custom.cf", "body MINE /mine/\n");
    LiveRules rules(site.origin(), settleTime);
    site.write("site/custom.cf", "# one line more\nbody BROKEN /(/\nbody NEW /new/\n");
    const auto refreshed = settled(rules);
    QVERIFY(!refreshed);
    QCOMPARE(refreshed.error().id, QByteArray("spam.rules-broken"));
    QVERIFY2(refreshed.error().detail.contains(QStringLiteral("site/custom.cf:2: BROKEN: ")),
             qPrintable(refreshed.error().detail));
    QVERIFY(hasTest(rules, "MINE"));
    QVERIFY(!hasTest(rules, "NEW"));
    QCOMPARE(*settled(rules), LiveRules::Refresh::Unchanged);  // Said once.
    site.write("site/custom.cf", "body NEW /new/\n");
    QCOMPARE(*settled(rules), LiveRules::Refresh::Taken);
    QVERIFY(hasTest(rules, "NEW"));
}

void TestLiveRules::oldErrorsDoNotBlock()
{
    Site site;
    site.write("site/custom.cf", "body BROKEN /(/\n");
    LiveRules rules(site.origin(), settleTime);
    site.write("site/other.cf", "body NEW /new/\n");
    QCOMPARE(*settled(rules), LiveRules::Refresh::Taken);
    QVERIFY(hasTest(rules, "NEW"));
    // One like it in another place is a new one.
    site.write("site/other.cf", "body NEW /new/\nbody BROKEN /(/\n");
    QVERIFY(!settled(rules));
}

void TestLiveRules::errorsThatMovedAreOldOnes()
{
    Site site;
    site.write("site/custom.cf", "body BROKEN /(/\n");
    LiveRules rules(site.origin(), settleTime);
    site.write("site/custom.cf", "body NEW /new/\n\nbody BROKEN /(/\n");
    QCOMPARE(*settled(rules), LiveRules::Refresh::Taken);
}

void TestLiveRules::bayesScoresCountOnceEnoughWasLearnt_data()
{
    QTest::addColumn<QByteArray>("settings");
    QTest::addColumn<int>("learnt");
    QTest::addColumn<int>("scoreSet");
    QTest::newRow("too little") << QByteArray() << 199 << 0;
    QTest::newRow("enough") << QByteArray() << 200 << 2;
    QTest::newRow("enough by setting")
        << QByteArray("bayes_min_spam_num 5\nbayes_min_ham_num 5\n") << 5 << 2;
    QTest::newRow("its tests are off") << QByteArray("use_bayes_rules 0\n") << 1'000 << 0;
    QTest::newRow("it is off") << QByteArray("use_bayes 0\n") << 1'000 << 0;
}

void TestLiveRules::bayesScoresCountOnceEnoughWasLearnt()
{
    QFETCH(QByteArray, settings);
    QFETCH(int, learnt);
    QFETCH(int, scoreSet);
    Site site;
    site.write("site/custom.cf", settings);
    RuleOrigin origin = site.origin();
    origin.settings.usesBayes = true;
    int now = 0;
    origin.learnt = [&now] { return LearntMessages{now, now}; };
    LiveRules rules(origin, settleTime);
    QCOMPARE(rules.current()->settings().scoreSet(), 0);
    now = learnt;
    QCOMPARE(rules.hasChanged(), scoreSet != 0);
    QVERIFY(rules.refresh());
    QCOMPARE(rules.current()->settings().scoreSet(), scoreSet);
}

void TestLiveRules::bayesTurnsEvenWhileFilesAreBroken()
{
    Site site;
    RuleOrigin origin = site.origin();
    origin.settings.usesBayes = true;
    int learnt = 0;
    origin.learnt = [&learnt] { return LearntMessages{learnt, learnt}; };
    LiveRules rules(origin, settleTime);
    site.write("site/custom.cf", "body BROKEN /(/\n");
    QVERIFY(!settled(rules));
    learnt = 500;
    QCOMPARE(*rules.refresh(), LiveRules::Refresh::Taken);
    QCOMPARE(rules.current()->settings().scoreSet(), 2);
    learnt = 0;  // Everything was forgotten.
    QCOMPARE(*rules.refresh(), LiveRules::Refresh::Taken);
    QCOMPARE(rules.current()->settings().scoreSet(), 0);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestLiveRules)
#include "TestLiveRules.moc"
