// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/AutoLearn.h"
#include "appliance/spam/bayes/BayesBackup.h"
#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/bayes/BayesSink.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"
#include "appliance/spam/bayes/SnapshotTokens.h"

#include <QtCore/QBuffer>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

namespace portcullis {

using namespace spam;

class TestBayesLearning final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void learnsEachMessageOnce();
    void theOppositeIsForgottenFirst();
    void automaticLearningNeverChangesItsMind();
    void forgettingTakesEverythingBack();
    void expiryKeepsWhatIsOfUse();
    void backupsComeBack();
    void brokenBackupsChangeNothing_data();
    void brokenBackupsChangeNothing();
    void theSnapshotFollowsTheStore();
    void learnsBySureScoresOnly_data();
    void learnsBySureScoresOnly();
};

namespace {

LearnTokens messageOf(LearnAs as, const QByteArray &id, std::vector<quint64> tokens = {1, 2})
{
    LearnTokens message;
    message.as = as;
    message.ids = {id};
    message.seconds = 1'000'000;
    message.tokens = std::move(tokens);
    return message;
}

LearnOutcome learnOne(BayesStore &store, const LearnTokens &message)
{
    return learnMessages(store, std::span(&message, 1))->outcomes.front();
}

TokenCounts countsOf(BayesStore &store, Token token)
{
    const auto found = *store.counts({token});
    return found.empty() ? TokenCounts() : found.begin()->second;
}

}  // namespace

void TestBayesLearning::learnsEachMessageOnce()
{
    MemoryBayesStore store;
    const LearnTokens message = messageOf(LearnAs::Spam, "a");
    QCOMPARE(learnOne(store, message), LearnOutcome::Learnt);
    QCOMPARE(learnOne(store, message), LearnOutcome::AlreadyLearnt);
    const std::vector<LearnTokens> twice{messageOf(LearnAs::Ham, "b"),
                                         messageOf(LearnAs::Ham, "b")};
    QCOMPARE(learnMessages(store, twice)->outcomes,
             (std::vector{LearnOutcome::Learnt, LearnOutcome::AlreadyLearnt}));
    QCOMPARE(*store.messages(), (LearntMessages{1, 1}));
    QCOMPARE(countsOf(store, 1), (TokenCounts{1, 1, 1'000'000}));
}

void TestBayesLearning::theOppositeIsForgottenFirst()
{
    MemoryBayesStore store;
    learnOne(store, messageOf(LearnAs::Spam, "a"));
    QCOMPARE(learnOne(store, messageOf(LearnAs::Ham, "a")), LearnOutcome::Relearnt);
    QCOMPARE(*store.messages(), (LearntMessages{0, 1}));
    QCOMPARE(countsOf(store, 2), (TokenCounts{0, 1, 1'000'000}));
}

void TestBayesLearning::automaticLearningNeverChangesItsMind()
{
    MemoryBayesStore store;
    learnOne(store, messageOf(LearnAs::Spam, "a"));
    LearnTokens automatic = messageOf(LearnAs::Ham, "a");
    automatic.isAutomatic = true;
    QCOMPARE(learnOne(store, automatic), LearnOutcome::AlreadyLearnt);
    QCOMPARE(*store.messages(), (LearntMessages{1, 0}));
}

void TestBayesLearning::forgettingTakesEverythingBack()
{
    MemoryBayesStore store;
    learnOne(store, messageOf(LearnAs::Spam, "a"));
    QCOMPARE(learnOne(store, messageOf(LearnAs::Forget, "a")), LearnOutcome::Forgotten);
    QCOMPARE(learnOne(store, messageOf(LearnAs::Forget, "a")), LearnOutcome::WasNotLearnt);
    QCOMPARE(*store.messages(), LearntMessages());
    QCOMPARE(countsOf(store, 1), TokenCounts());
    QCOMPARE(learnOne(store, messageOf(LearnAs::Ham, "a")), LearnOutcome::Learnt);
}

void TestBayesLearning::expiryKeepsWhatIsOfUse()
{
    constexpr qint64 now = 2'000'000'000;
    MemoryBayesStore store;
    BayesChange change;
    for (Token token = 1; token <= 20'000; ++token) {
        // A token a minute: the oldest are two weeks old.
        change.tokens.push_back({token, 1, 0, now - qint64(token) * 60});
    }
    QVERIFY(store.apply(change));
    ExpirySettings settings;
    settings.leastTokens = 5'000;
    settings.maxTokens = 12'000;
    const auto removed = expireTokens(store, settings, now);
    QVERIFY(removed && *removed);
    const BayesStatus status = *store.status();
    QCOMPARE(status.tokens, 20'000 - **removed);
    QVERIFY(status.tokens >= settings.leastTokens);
    QVERIFY(**removed >= 1'000);
    QCOMPARE(status.newest, now - 60);
    QCOMPARE(status.lastExpiry, now);
    // Not twice within half a day.
    QVERIFY(!*expireTokens(store, settings, now + 60));
}

void TestBayesLearning::backupsComeBack()
{
    MemoryBayesStore store;
    learnOne(store, messageOf(LearnAs::Spam, "a"));
    learnOne(store, messageOf(LearnAs::Ham, "b c", {2, 3}));
    QBuffer file;
    QVERIFY(file.open(QIODevice::ReadWrite));
    QCOMPARE(*writeBackup(file, store), 8);
    file.seek(0);
    MemoryBayesStore other;
    learnOne(other, messageOf(LearnAs::Ham, "of before", {9}));
    const auto restored = restoreBackup(file, other, 2'000'000);
    QVERIFY(restored);
    QCOMPARE(restored->tokens, 3);
    QCOMPARE(restored->skipped, 0);
    QCOMPARE(*other.messages(), (LearntMessages{1, 1}));
    QCOMPARE(countsOf(other, 2), (TokenCounts{1, 1, 1'000'000}));
    QCOMPARE(countsOf(other, 9), TokenCounts());
    QCOMPARE(learnOne(other, messageOf(LearnAs::Ham, "b c")), LearnOutcome::AlreadyLearnt);
}

void TestBayesLearning::brokenBackupsChangeNothing_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("no version") << QByteArray("t\t1\t1\t1\t0000000001\n");
    QTest::newRow("version 1") << QByteArray(
        "v\t1\tdb_version\nv\t1\tnum_spam\nv\t1\tnum_nonspam\n");
    QTest::newRow("no numbers") << QByteArray("v\t3\tdb_version\nt\t1\t1\t1\t0000000001\n");
    QTest::newRow("one long line") << QByteArray(100'000, 'v');
}

void TestBayesLearning::brokenBackupsChangeNothing()
{
    QFETCH(QByteArray, text);
    MemoryBayesStore store;
    learnOne(store, messageOf(LearnAs::Spam, "a"));
    QBuffer file(&text);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const auto restored = restoreBackup(file, store, 2'000'000);
    QVERIFY(!restored);
    QCOMPARE(restored.error().id, QByteArray("bayes.backup"));
    QCOMPARE(*store.messages(), (LearntMessages{1, 0}));
}

void TestBayesLearning::theSnapshotFollowsTheStore()
{
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("bayes.snapshot"));
    ManualClock clock;
    MemoryBayesStore store;
    BayesSink sink(store, clock, path);
    SnapshotTokens tokens(path);
    QVERIFY(sink.refresh());
    QVERIFY(tokens.refresh());
    const std::vector<LearnRequest> requests{messageOf(LearnAs::Spam, "a")};
    QVERIFY(sink.apply(requests));
    clock.advance(std::chrono::seconds(6));
    QVERIFY(sink.refresh());
    QVERIFY(tokens.refresh());
    QCOMPARE(tokens.messages(), (LearntMessages{1, 0}));
    QCOMPARE(tokens.counts(1)->spam, 1);
    QVERIFY(!tokens.counts(77));
    // Somebody else learns.
    learnOne(store, messageOf(LearnAs::Ham, "b", {77}));
    clock.advance(std::chrono::seconds(11));
    QVERIFY(sink.refresh());
    clock.advance(std::chrono::seconds(11));
    QVERIFY(sink.refresh());
    QVERIFY(tokens.refresh());
    QCOMPARE(tokens.counts(77)->ham, 1);
    QCOMPARE(tokens.messages(), (LearntMessages{1, 1}));
}

void TestBayesLearning::learnsBySureScoresOnly_data()
{
    QTest::addColumn<double>("header");
    QTest::addColumn<double>("body");
    QTest::addColumn<QByteArray>("flag");
    QTest::addColumn<double>("score");
    QTest::addColumn<char>("expected");
    const QByteArray none;
    QTest::newRow("sure spam") << 7.0 << 6.0 << none << 13.0 << 's';
    QTest::newRow("all points from the header") << 13.0 << 0.0 << none << 13.0 << '-';
    QTest::newRow("all points from the body") << 1.0 << 12.0 << none << 13.0 << '-';
    QTest::newRow("one side is enough when forced")
        << 13.0 << 0.0 << QByteArray("autolearn_force") << 13.0 << 's';
    QTest::newRow("between the thresholds") << 3.5 << 3.5 << none << 7.0 << '-';
    QTest::newRow("sure ham") << -1.0 << 0.0 << none << -1.0 << 'h';
    QTest::newRow("ham that is spam by other tests") << -1.0 << 0.0 << none << 6.0 << '-';
    QTest::newRow("points that are not to be learnt from")
        << 7.0 << 6.0 << QByteArray("noautolearn") << 1.0 << 'h';
}

void TestBayesLearning::learnsBySureScoresOnly()
{
    QFETCH(double, header);
    QFETCH(double, body);
    QFETCH(QByteArray, flag);
    QFETCH(double, score);
    QFETCH(char, expected);
    RuleSet rules;
    for (const auto &[name, kind, points] :
         {std::tuple("HEAD", TestKind::Header, header), std::tuple("BODY", TestKind::Body, body)}) {
        Test test;
        test.name = name;
        test.kind = kind;
        test.scores.fill(points);
        if (!flag.isEmpty()) {
            test.flags = {flag};
        }
        rules.tests.push_back(test);
    }
    rules.buildIndex();
    const std::vector<Scan::Hit> hits{{&rules.tests[0], 1, header}, {&rules.tests[1], 1, body}};
    const auto as = autoLearnAs(hits, rules, 2, score, BayesSettings());
    QCOMPARE(as ? char(*as) : '-', expected);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestBayesLearning)
#include "TestBayesLearning.moc"
