// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/MemoryGreylistStore.h"
#include "appliance/policy/greylist/PgGreylistStore.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtTest/QtTest>

#include <thread>

namespace portcullis::policy::greylist {

using namespace std::chrono_literals;
using Reason = Decision::Reason;

/// Greylisting with a real PostgreSQL: what a store promises, restarts, outages, two nodes.
class TestGreylistStore final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase() { m_server.reset(); }

    void mergesWhatIsWrittenTwice_data();
    void mergesWhatIsWrittenTwice();
    void loadsTheLatestExpiryFirst_data();
    void loadsTheLatestExpiryFirst();
    void countsWhatExpiresWithoutAPass_data();
    void countsWhatExpiresWithoutAPass();
    void keepsHostileText();
    void loadsMoreThanAPage();
    void r6BoundsWhatNeverPassed();
    void foldsTwoNodes();
    void onlyTheNodeItselfWritesItsRows();
    void survivesARestart();
    void r6RacedTripletIsOneRow();
    void f6PassesWhileTheDatabaseIsStoppedAndHeals();
    void f6FrozenDatabaseHoldsNobodyUp();

private:
    enum Kind { Memory, Postgres };
    static void addKinds();
    std::unique_ptr<GreylistStore> freshStore(int kind, GreylistLimits limits = {});
    std::shared_ptr<store::DatabasePool> freshPool();
    static std::vector<StoredTriplet> allOf(GreylistStore &store);
    static qint64 countOf(GreylistStore &store, RejectKind kind);

    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::shared_ptr<store::DatabasePool> m_pool;  ///< Of freshStore().
    int m_databases = 0;
};

namespace {

const Triplet anna{"203.0.113.0/24", "anna@example.org", "bob@example.net"};
const Triplet carl{"198.51.100.0/24", "carl@example.org", "bob@example.net"};

Clock::WallTime wallNow()
{
    return std::chrono::floor<std::chrono::seconds>(SystemClock::instance().wall());
}

Decision decide(Greylist &greylist, const char *sender, Clock::WallTime now = wallNow())
{
    const QHostAddress client(QStringLiteral("203.0.113.7"));
    return greylist.decide(
        {client, *mail::Address::parse(sender), *mail::Address::parse("bob@example.net")}, now);
}

GreylistLimits quickLimits()
{
    GreylistLimits limits;
    limits.writeInterval = 20ms;
    limits.refreshInterval = 0s;
    limits.purgeInterval = 1s;
    limits.firstRetry = 20ms;
    limits.lastRetry = 100ms;
    return limits;
}

/// Done asynchronously what a test waits for.
#define VERIFY_SOON(CONDITION) QTRY_VERIFY_WITH_TIMEOUT(CONDITION, 20000)

}  // namespace

void TestGreylistStore::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    m_server = server.take();
}

std::shared_ptr<store::DatabasePool> TestGreylistStore::freshPool()
{
    const QString name = QStringLiteral("greylist%1").arg(++m_databases);
    if (!m_server->createDatabase(name)) {
        return nullptr;
    }
    auto settings = m_server->settings(name);
    settings.connectTimeout = 1s;
    settings.statementTimeout = 2s;
    auto pool = std::make_shared<store::DatabasePool>(settings);
    const auto database = pool->local();
    return database && store::migrate(**database) ? pool : nullptr;
}

void TestGreylistStore::addKinds()
{
    QTest::addColumn<int>("kind");
    QTest::newRow("memory") << int{Memory};
    QTest::newRow("PostgreSQL") << int{Postgres};
}

std::unique_ptr<GreylistStore> TestGreylistStore::freshStore(int kind, GreylistLimits limits)
{
    if (kind == Memory) {
        return std::make_unique<MemoryGreylistStore>(std::make_shared<MemoryGreylistStore::Data>());
    }
    m_pool = freshPool();
    return m_pool ? std::make_unique<PgGreylistStore>(*m_pool, limits) : nullptr;
}

std::vector<StoredTriplet> TestGreylistStore::allOf(GreylistStore &store)
{
    std::vector<StoredTriplet> rows;
    const Status loaded = store.load(Clock::WallTime(1s), [&rows](const StoredTriplet &row) {
        rows.push_back(row);
        return true;
    });
    return loaded ? rows : std::vector<StoredTriplet>();
}

qint64 TestGreylistStore::countOf(GreylistStore &store, RejectKind kind)
{
    qint64 count = 0;
    for (const RejectCount &one :
         store.rejects(Clock::WallTime(1s)).value_or(std::vector<RejectCount>())) {
        count += one.kind == kind ? one.count : 0;
    }
    return count;
}

void TestGreylistStore::mergesWhatIsWrittenTwice_data()
{
    addKinds();
}

void TestGreylistStore::mergesWhatIsWrittenTwice()
{
    QFETCH(int, kind);
    const auto store = freshStore(kind);
    QVERIFY(store);
    const auto now = wallNow();
    QVERIFY(store->write({{anna, now, now + 48h, false, 1, 0}, {carl, now, now + 48h, false, 1, 0}},
                         {}));
    QVERIFY(store->write({{anna, now, now + 48h, false, 3, 0}}, {}));
    QVERIFY(store->write({{anna, now - 1h, now + 36 * 24h, true, 0, 1}}, {}));
    // A first pass sets the expiry, also when it is the end of it (null reverse-path).
    QVERIFY(store->write({{carl, now, now + 1s, true, 0, 1}}, {}));
    auto rows = allOf(*store);
    QCOMPARE(rows.size(), size_t{2});
    QCOMPARE(rows[0].triplet, anna);
    QCOMPARE(rows[0].first, now - 1h);
    QCOMPARE(rows[0].expires, now + 36 * 24h);
    QVERIFY(rows[0].isPassed);
    QCOMPARE(rows[0].deferrals, qint64{4});
    QCOMPARE(rows[0].passes, qint64{1});
    QCOMPARE(rows[1].triplet, carl);
    QCOMPARE(rows[1].expires, now + 1s);
    // What comes later than the end starts over.
    QVERIFY(store->write({{carl, now + 1s, now + 48h, false, 1, 0}}, {}));
    rows = allOf(*store);
    QCOMPARE(rows[1].first, now + 1s);
    QVERIFY(!rows[1].isPassed);
}

void TestGreylistStore::loadsTheLatestExpiryFirst_data()
{
    addKinds();
}

void TestGreylistStore::loadsTheLatestExpiryFirst()
{
    QFETCH(int, kind);
    const auto store = freshStore(kind);
    QVERIFY(store);
    const auto now = wallNow();
    std::vector<StoredTriplet> rows;
    for (int i = 0; i < 20; ++i) {
        rows.push_back({{"203.0.113.0/24", QByteArray::number(i), "b@example.net"},
                        now,
                        now + std::chrono::hours(1 + (i * 7) % 20),
                        false,
                        1,
                        0});
    }
    rows.push_back({anna, now - 48h, now, false, 1, 0});
    QVERIFY(store->write(rows, {}));
    std::vector<StoredTriplet> loaded;
    QVERIFY(store->load(now, [&loaded](const StoredTriplet &row) {
        loaded.push_back(row);
        return loaded.size() < 15;
    }));
    QCOMPARE(loaded.size(), size_t{15});
    for (size_t i = 1; i < loaded.size(); ++i) {
        QVERIFY(loaded[i - 1].expires >= loaded[i].expires);
    }
}

void TestGreylistStore::countsWhatExpiresWithoutAPass_data()
{
    addKinds();
}

void TestGreylistStore::countsWhatExpiresWithoutAPass()
{
    QFETCH(int, kind);
    const auto store = freshStore(kind);
    QVERIFY(store);
    const auto now = wallNow();
    const auto hour = std::chrono::floor<std::chrono::hours>(now - 49h);
    QVERIFY(store->write({{anna, now - 49h, now - 1h, false, 7, 0},
                          {carl, now - 49h, now - 1h, true, 1, 1},
                          {{"*", "", ""}, now, now + 1h, false, 1, 0}},
                         {{RejectKind::Spf, hour, 3}}));
    QVERIFY(store->write({}, {{RejectKind::Spf, hour, 2}}));
    while (store->purge(now).value_or(false)) {
    }
    QCOMPARE(allOf(*store).size(), size_t{1});
    QCOMPARE(countOf(*store, RejectKind::Greylisted), qint64{1});
    QCOMPARE(countOf(*store, RejectKind::Spf), qint64{5});
    QCOMPARE(store->rejects(hour)->size(), size_t{2});
    QCOMPARE(store->rejects(hour + 1h)->size(), size_t{0});
}

void TestGreylistStore::keepsHostileText()
{
    const auto store = freshStore(Postgres);
    QVERIFY(store);
    const auto now = wallNow();
    const auto address = mail::Address::parsePath(
        "<\"a\\\\\\\"{}',; DROP TABLE x --\xf0\x9f\x98\x80\"@example.org>");
    QVERIFY(address);
    const Triplet hostile{"203.0.113.0/24", normalisedSender(*address), QByteArray(256, 'x')};
    QVERIFY(store->write({{hostile, now, now + 48h, false, 1, 0}}, {}));
    const auto rows = allOf(*store);
    QCOMPARE(rows.size(), size_t{1});
    QCOMPARE(rows[0].triplet, hostile);
}

void TestGreylistStore::loadsMoreThanAPage()
{
    const auto store = freshStore(Postgres);
    QVERIFY(store);
    const auto now = wallNow();
    constexpr int count = 25'000;
    std::vector<StoredTriplet> rows;
    for (int i = 0; i < count; ++i) {
        // Many expire in the same second, so that pages end among equals.
        rows.push_back({{"203.0.113.0/24", "s" + QByteArray::number(i), "b@example.net"},
                        now,
                        now + 48h + std::chrono::seconds(i % 2),
                        false,
                        1,
                        0});
    }
    QVERIFY(store->write(rows, {}));
    QSet<QByteArray> senders;
    QVERIFY(store->load(now, [&senders](const StoredTriplet &row) {
        senders.insert(row.triplet.sender);
        return true;
    }));
    QCOMPARE(senders.size(), qsizetype{count});
}

void TestGreylistStore::r6BoundsWhatNeverPassed()
{
    GreylistLimits limits;
    limits.triplets = 100;
    const auto store = freshStore(Postgres, limits);
    QVERIFY(store);
    const auto now = wallNow();
    std::vector<StoredTriplet> rows;
    for (int i = 0; i < 300; ++i) {
        rows.push_back({{"203.0.113.0/24", QByteArray::number(i), "b@example.net"},
                        now,
                        now + std::chrono::seconds(i + 1),
                        i % 3 == 0,
                        1,
                        0});
    }
    QVERIFY(store->write(rows, {}));
    while (store->purge(now).value_or(false)) {
    }
    int passed = 0;
    for (const StoredTriplet &row : allOf(*store)) {
        passed += row.isPassed ? 1 : 0;
    }
    QCOMPARE(passed, 100);
    QCOMPARE(allOf(*store).size(), size_t{200});
    QCOMPARE(countOf(*store, RejectKind::Greylisted), qint64{100});
}

void TestGreylistStore::foldsTwoNodes()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    Greylist greylist(postgresStore(pool, quickLimits()), {}, SystemClock::instance(),
                      quickLimits());
    greylist.start();
    VERIFY_SOON(greylist.figures().isLoaded);
    QCOMPARE(decide(greylist, "anna@example.org").reason, Reason::FirstAttempt);
    VERIFY_SOON(greylist.figures().unwritten == 0);
    // As replication brings another node's rows: past the guard of our own.
    store::Database &database = **pool->local();
    QVERIFY(database.runScript(QStringLiteral(
        "SET session_replication_role = replica;"
        "INSERT INTO greylist_triplet VALUES (2, '203.0.113.0/24', 'anna@example.org',"
        " 'bob@example.net', now() - interval '1 hour', now() + interval '36 days', true, 3, 1,"
        " clock_timestamp());"
        "SET session_replication_role = origin")));
    VERIFY_SOON(greylist.figures().waiting == 0);
    QCOMPARE(decide(greylist, "anna@example.org").reason, Reason::KnownTriplet);
    greylist.stop();
    // A pass on any node means that the sender retried: no reject is counted here.
    QVERIFY(database.execute("UPDATE greylist_triplet SET passed = false, expires_at = now()"
                             " WHERE cid = 1"));
    PgGreylistStore store(*pool);
    QVERIFY(store.purge(wallNow() + 1h));
    QCOMPARE(countOf(store, RejectKind::Greylisted), qint64{0});
    QCOMPARE(allOf(store).size(), size_t{1});  // The other node's.
    // And another start folds what both wrote.
    Greylist again(postgresStore(pool), {}, SystemClock::instance(), quickLimits());
    again.start();
    VERIFY_SOON(again.figures().isLoaded);
    QCOMPARE(decide(again, "anna@example.org").reason, Reason::KnownTriplet);
}

void TestGreylistStore::onlyTheNodeItselfWritesItsRows()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    QVERIFY(!(*pool->local())
                 ->execute("INSERT INTO greylist_triplet VALUES (2, 'n', 's', 'r', now(), now(),"
                           " false, 1, 0, now())"));
}

void TestGreylistStore::survivesARestart()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    const auto now = wallNow();
    {
        Greylist greylist(postgresStore(pool), {}, SystemClock::instance(), quickLimits());
        greylist.start();
        VERIFY_SOON(greylist.figures().isLoaded);
        QCOMPARE(decide(greylist, "anna@example.org", now).reason, Reason::FirstAttempt);
        QCOMPARE(decide(greylist, "anna@example.org", now + 180s).reason, Reason::DelayOver);
        QCOMPARE(decide(greylist, "carl@example.org", now).reason, Reason::FirstAttempt);
    }
    Greylist greylist(postgresStore(pool), {}, SystemClock::instance(), quickLimits());
    greylist.start();
    VERIFY_SOON(greylist.figures().isLoaded);
    QCOMPARE(decide(greylist, "anna@example.org", now).reason, Reason::KnownTriplet);
    QCOMPARE(decide(greylist, "carl@example.org", now + 179s).left, 1s);
    QCOMPARE(decide(greylist, "carl@example.org", now + 180s).reason, Reason::DelayOver);
}

void TestGreylistStore::r6RacedTripletIsOneRow()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    Greylist greylist(postgresStore(pool), {}, SystemClock::instance(), quickLimits());
    greylist.start();
    VERIFY_SOON(greylist.figures().isLoaded);
    const auto now = wallNow();
    std::atomic<int> firsts = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 1000; ++j) {
                const auto decision = decide(greylist, "anna@example.org", now);
                firsts += decision.reason == Reason::FirstAttempt ? 1 : 0;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(firsts.load(), 1);
    greylist.stop();
    PgGreylistStore store(*pool);
    const auto rows = allOf(store);
    QCOMPARE(rows.size(), size_t{1});
    QCOMPARE(rows[0].deferrals, qint64{4000});
}

void TestGreylistStore::f6PassesWhileTheDatabaseIsStoppedAndHeals()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    GreylistSettings settings;
    settings.outageTolerance = 1s;
    const auto now = wallNow();
    Greylist greylist(postgresStore(pool), settings, SystemClock::instance(), quickLimits());
    greylist.start();
    VERIFY_SOON(greylist.figures().isLoaded);
    QCOMPARE(decide(greylist, "anna@example.org", now).reason, Reason::FirstAttempt);
    QVERIFY(m_server->stop());
    VERIFY_SOON(greylist.figures().isAway);
    // Unknown senders pass, known ones are treated as ever.
    QCOMPARE(decide(greylist, "carl@example.org", now).reason, Reason::Unavailable);
    QCOMPARE(decide(greylist, "anna@example.org", now).reason, Reason::TooEarly);
    QCOMPARE(decide(greylist, "anna@example.org", now + 180s).reason, Reason::DelayOver);
    {
        Greylist second(postgresStore(pool), settings, SystemClock::instance(), quickLimits());
        second.start();
        QCOMPARE(decide(second, "carl@example.org", now).reason, Reason::Unavailable);
    }
    QVERIFY(m_server->restart());
    VERIFY_SOON(!greylist.figures().isAway && greylist.figures().unwritten == 0);
    QCOMPARE(decide(greylist, "carl@example.org", now).reason, Reason::FirstAttempt);
    greylist.stop();
    PgGreylistStore store(*pool);
    VERIFY_SOON(store.now());  // This thread's connection was lost.
    const auto rows = allOf(store);
    QCOMPARE(rows.size(), size_t{2});
    QCOMPARE(rows[0].triplet.sender, QByteArray("anna@example.org"));
    QVERIFY(rows[0].isPassed);
}

void TestGreylistStore::f6FrozenDatabaseHoldsNobodyUp()
{
    const auto pool = freshPool();
    QVERIFY(pool);
    GreylistSettings settings;
    settings.outageTolerance = 1s;
    Greylist greylist(postgresStore(pool), settings, SystemClock::instance(), quickLimits());
    greylist.start();
    VERIFY_SOON(greylist.figures().isLoaded);
    m_server->freeze();
    QCOMPARE(decide(greylist, "anna@example.org").reason, Reason::FirstAttempt);
    VERIFY_SOON(greylist.figures().isAway);
    QCOMPARE(decide(greylist, "carl@example.org").reason, Reason::Unavailable);
    m_server->thaw();
    VERIFY_SOON(!greylist.figures().isAway && greylist.figures().unwritten == 0);
}

}  // namespace portcullis::policy::greylist

QTEST_GUILESS_MAIN(portcullis::policy::greylist::TestGreylistStore)
#include "TestGreylistStore.moc"
