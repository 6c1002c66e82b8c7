// SPDX-License-Identifier: GPL-2.0-or-later
// The contract of the stores, in memory and in PostgreSQL, and the way from a worker to the database.
#include "appliance/spam/bayes/BayesBackup.h"
#include "appliance/spam/bayes/BayesLearner.h"
#include "appliance/spam/bayes/BayesSink.h"
#include "appliance/spam/bayes/MemoryBayesStore.h"
#include "appliance/spam/bayes/PgBayesStore.h"
#include "appliance/spam/bayes/SnapshotTokens.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/reputation/MemoryReputationStore.h"
#include "appliance/spam/reputation/PgReputationStore.h"
#include "appliance/spam/reputation/ReputationSink.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QBuffer>
#include <QtTest/QtTest>

namespace portcullis {

using namespace spam;

class TestLearningStores final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void bayesStoresKeepTheirContract_data();
    void bayesStoresKeepTheirContract();
    void nodesAreAddedUp();
    void aBackupThatFailsChangesNothing();
    void reputationStoresKeepTheirContract_data();
    void reputationStoresKeepTheirContract();
    void requestsWaitWhileTheDatabaseIsAway();

private:
    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<store::DatabasePool> m_pool;
    int m_databases = 0;
};

namespace {

LearnTokens wordsAs(LearnAs as, const QByteArray &id, std::vector<quint64> tokens)
{
    LearnTokens message;
    message.as = as;
    message.ids = {id};
    message.seconds = 1'000'000;
    message.tokens = std::move(tokens);
    return message;
}

}  // namespace

void TestLearningStores::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().detail));
    }
    m_server = *std::move(server);
}

void TestLearningStores::init()
{
    const QString name = QStringLiteral("learn%1").arg(++m_databases);
    QVERIFY(m_server->createDatabase(name));
    m_pool = std::make_unique<store::DatabasePool>(m_server->settings(name));
    const auto migrated = store::migrate(**m_pool->local());
    QVERIFY2(migrated, qPrintable(migrated ? QString() : migrated.error().toString()));
}

void TestLearningStores::cleanup()
{
    m_pool.reset();
}

void TestLearningStores::bayesStoresKeepTheirContract_data()
{
    QTest::addColumn<bool>("isPostgres");
    QTest::newRow("memory") << false;
    QTest::newRow("PostgreSQL") << true;
}

void TestLearningStores::bayesStoresKeepTheirContract()
{
    QFETCH(bool, isPostgres);
    MemoryBayesStore memory;
    PgBayesStore postgres(*m_pool);
    BayesStore &store = isPostgres ? static_cast<BayesStore &>(postgres) : memory;

    const qint64 generation = *store.generation();
    const Token largest = (Token(1) << 40) - 1;
    const std::vector<LearnTokens> messages{
        wordsAs(LearnAs::Spam, QByteArray("odd \0 id\xff", 9), {1, 2, largest}),
        wordsAs(LearnAs::Ham, "b", {2, 3})};
    const auto learnt = learnMessages(store, messages);
    QVERIFY2(learnt, qPrintable(learnt ? QString() : learnt.error().toString()));
    QVERIFY(*store.generation() != generation);
    QCOMPARE(*store.messages(), (LearntMessages{1, 1}));
    const auto counts = *store.counts({1, 2, largest, 99});
    QCOMPARE(counts.size(), 3U);
    QCOMPARE(counts.at(2), (TokenCounts{1, 1, 1'000'000}));
    QCOMPARE(learnMessages(store, messages)->outcomes.front(), LearnOutcome::AlreadyLearnt);

    const qint64 before = *store.generation();
    const std::vector<TouchTokens> touches{{2'000'000, {1}}};
    QVERIFY(learnMessages(store, {}, touches));
    QCOMPARE(*store.generation(), before);
    QCOMPARE(store.counts({1})->at(1), (TokenCounts{1, 0, 2'000'000}));
    QCOMPARE(*store.countUnusedSince(1'500'000), 3);
    QCOMPARE(*store.removeUnusedSince(1'500'000), 3);
    const BayesStatus status = *store.status();
    QCOMPARE(status.tokens, 1);
    QCOMPARE(status.newest, 2'000'000);
    QVERIFY(store.noteExpiry({5, 6, 7}));
    QCOMPARE(store.status()->lastExpiryRemoved, 7);

    QBuffer file;
    QVERIFY(file.open(QIODevice::ReadWrite));
    QCOMPARE(*writeBackup(file, store), 6);
    QVERIFY(store.clear());
    QCOMPARE(*store.messages(), LearntMessages());
    file.seek(0);
    QVERIFY(restoreBackup(file, store, 3'000'000));
    QCOMPARE(*store.messages(), (LearntMessages{1, 1}));
    QCOMPARE(store.seen({"b"})->at("b"), LearnAs::Ham);
    const LearnTokens forget = wordsAs(LearnAs::Forget, "b", {2, 3});
    QCOMPARE(learnMessages(store, std::span(&forget, 1))->outcomes.front(),
             LearnOutcome::Forgotten);
    QVERIFY(store.seen({"b"})->empty());
    QCOMPARE(store.messages()->ham, 0);
}

void TestLearningStores::nodesAreAddedUp()
{
    PgBayesStore store(*m_pool);
    const LearnTokens message = wordsAs(LearnAs::Spam, "a", {1, 2});
    QVERIFY(learnMessages(store, std::span(&message, 1)));
    // What replication would bring from node 2.
    QVERIFY((*m_pool->local())
                ->runScript(QStringLiteral(
                    "SET session_replication_role = replica;"
                    "INSERT INTO bayes_token VALUES (2, 1, 4, 1, 1500000), (2, 9, 0, -1, 5);"
                    "INSERT INTO bayes_total (cid, spam, ham, generation) VALUES (2, 4, 1, 3);"
                    "INSERT INTO bayes_seen VALUES (2, 'c', 'h', clock_timestamp());"
                    "SET session_replication_role = origin;")));
    QCOMPARE(*store.messages(), (LearntMessages{5, 1}));
    QCOMPARE(store.counts({1, 9})->size(), 1U);
    QCOMPARE(store.counts({1})->at(1), (TokenCounts{5, 1, 1'500'000}));
    const LearnTokens forget = wordsAs(LearnAs::Forget, "c", {1});
    QCOMPARE(learnMessages(store, std::span(&forget, 1))->outcomes.front(),
             LearnOutcome::Forgotten);
    QCOMPARE(store.messages()->ham, 0);
    QCOMPARE(store.counts({1})->at(1), (TokenCounts{5, 0, 1'500'000}));
}

void TestLearningStores::aBackupThatFailsChangesNothing()
{
    PgBayesStore store(*m_pool);
    const LearnTokens message = wordsAs(LearnAs::Spam, "a", {1, 2});
    QVERIFY(learnMessages(store, std::span(&message, 1)));
    QByteArray text("v\t3\tdb_version\nv\t7\tnum_spam\nt\t1\t1\t1\t0000000009\n");
    QBuffer file(&text);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const auto restored = restoreBackup(file, store, 2'000'000);
    QVERIFY(!restored);
    QCOMPARE(restored.error().id, QByteArray("bayes.backup"));
    QCOMPARE(*store.messages(), (LearntMessages{1, 0}));
    QCOMPARE(store.counts({1, 9})->size(), 1U);
}

void TestLearningStores::reputationStoresKeepTheirContract_data()
{
    bayesStoresKeepTheirContract_data();
}

void TestLearningStores::reputationStoresKeepTheirContract()
{
    QFETCH(bool, isPostgres);
    MemoryReputationStore memory;
    PgReputationStore postgres(*m_pool);
    ReputationStore &store = isPostgres ? static_cast<ReputationStore &>(postgres) : memory;
    const qint64 generation = *store.generation();
    const QByteArray odd("x\xff'\"|ip=none");
    QVERIFY(store.add({{"a|ip=1.2", {2, 3.125, 100}}, {odd, {1, -4, 50}}}));
    QVERIFY(store.add({{"a|ip=1.2", {1, 1, 90}}}));
    QVERIFY(*store.generation() != generation);
    QCOMPARE(**store.find("a|ip=1.2"), (Reputation{3, 4.125, 100}));
    QVERIFY(!*store.find("b|ip=1.2"));
    int entries = 0;
    QVERIFY(store.each([&](const QByteArray &key, const Reputation &reputation) {
        entries += key == odd ? int(reputation.messages) : 10;
        return ok();
    }));
    QCOMPARE(entries, 11);
    QCOMPARE(*store.remove("a|"), 1);
    QCOMPARE(*store.removeUnusedSince(60), 1);
}

void TestLearningStores::requestsWaitWhileTheDatabaseIsAway()
{
    QTemporaryDir folder;
    ManualClock clock;
    clock.setWall(Clock::WallTime(std::chrono::seconds(2'000'000)));
    PgBayesStore bayes(*m_pool);
    PgReputationStore reputation(*m_pool);
    std::vector<std::unique_ptr<LearnSink>> sinks;
    sinks.push_back(std::make_unique<BayesSink>(bayes, clock, bayesSnapshotFile(folder.path())));
    sinks.push_back(
        std::make_unique<ReputationSink>(reputation, clock, reputationSnapshotFile(folder.path())));
    LearnService service(folder.path(), std::move(sinks),
                         [](const LearnMessage &message) -> Result<LearnTokens> {
                             return wordsAs(message.as, message.message, {5});
                         });
    QVERIFY(service.run());
    SnapshotTokens tokens(bayesSnapshotFile(folder.path()));
    QVERIFY(tokens.refresh());
    QVERIFY(m_server->stop());
    const LearnJournal journal(folder.path());
    QVERIFY(journal.append(encodeLearnRequest(wordsAs(LearnAs::Spam, "a", {1, 2}))));
    QVERIFY(journal.append(encodeLearnRequest(LearnMessage{LearnAs::Ham, "whole"})));
    QVERIFY(journal.append("no request"));
    QVERIFY(journal.append(encodeLearnRequest(AddReputation{"a|ip=none", 1.5, 5})));
    QVERIFY(!service.run());
    QVERIFY(!service.run());
    QVERIFY(tokens.refresh());
    QVERIFY(m_server->restart());
    QTRY_VERIFY_WITH_TIMEOUT(service.run().has_value(), 30'000);
    clock.advance(std::chrono::seconds(30));
    QVERIFY(service.run());
    QVERIFY(tokens.refresh());
    QCOMPARE(tokens.messages(), (LearntMessages{1, 1}));
    QCOMPARE(tokens.counts(5)->ham, 1);
    QCOMPARE((*reputation.find("a|ip=none"))->messages, 1);
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestLearningStores)
#include "TestLearningStores.moc"
