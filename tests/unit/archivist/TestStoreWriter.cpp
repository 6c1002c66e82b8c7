// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archivist/EventMover.h"
#include "appliance/archivist/StoreWriter.h"
#include "appliance/base/Log.h"
#include "appliance/quarantine/PgQuarantineStore.h"
#include "appliance/quarantine/QuarantineNote.h"
#include "appliance/spool/Spool.h"
#include "appliance/store/Migrations.h"
#include "appliance/tracking/EventJournal.h"
#include "appliance/tracking/PgTrackingStore.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

using namespace std::chrono_literals;

namespace portcullis::archivist {

namespace {

constexpr WriterLimits quick{.eventsPerBatch = 500, .mailsPerBatch = 10, .idle = 20ms};
const Retention forEver{{100'000, 100'000}, 100'000};

tracking::TrackingEvent accepted(const QByteArray &queueId, Clock::WallTime at)
{
    tracking::TrackingEvent event;
    event.at = at;
    event.kind = tracking::EventKind::Accepted;
    event.queueId = queueId;
    event.sender = "sender@example.net";
    event.recipients = {"anna@example.org"};
    return event;
}

spool::Entry quarantined(const QByteArray &id, const QByteArray &queueId, Clock::WallTime at)
{
    verdict::QuarantineItem item;
    item.kind = verdict::QuarantineKind::Spam;
    item.rule = QStringLiteral("Quarantine Spam");
    spool::Entry entry;
    entry.id = id;
    entry.stage = spool::Stage::Quarantine;
    entry.envelope.sender = *mail::Address::parse("sender@example.net");
    entry.envelope.recipients = {{*mail::Address::parse("anna@example.org"), {}, {}}};
    entry.receivedAt = at;
    entry.note = quarantine::QuarantineNote::of(item, queueId).toJson();
    entry.content = mail::Content("Subject: " + queueId + "\r\n\r\nbody\r\n");
    return entry;
}

}  // namespace

class TestStoreWriter final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();

    void f6KeepsEverythingWhileTheDatabaseIsAway();
    void f6WaitsForASchemaThatIsMissing();
    void setsAsideWhatTheDatabaseRefusesAndGoesOn();
    void storesNoEventTwiceAfterACrashBehindTheCommit();
    void removesWhatHasOutlivedItsLifetime();

private:
    void migrate();
    void start();
    void run(const QString &sql);
    qint64 count(const char *sql);
    void accept(int from, int to, std::chrono::days age = std::chrono::days(0));
    qint64 waiting() const;

    std::unique_ptr<testing::PrivatePostgres> m_server;
    QString m_problem;
    QString m_database;
    int m_databases = 0;
    std::shared_ptr<store::DatabasePool> m_pool;
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<spool::Spool> m_spool;
    std::unique_ptr<tracking::EventJournal> m_journal;
    std::unique_ptr<StoreWriter> m_writer;
    Retention m_retention = forEver;
};

#define QVERIFY_OK(expression)                                                                     \
    do {                                                                                           \
        const auto &okResult = (expression);                                                       \
        QVERIFY2(okResult.has_value(), okResult ? "" : qPrintable(okResult.error().toString()));   \
    } while (false)

void TestStoreWriter::initTestCase()
{
    log::setTarget({"test", "/dev/null", false, log::Severity::Info});
    auto server = testing::PrivatePostgres::start();
    if (server) {
        m_server = std::move(*server);
    } else {
        m_problem = server.error().detail;
    }
}

void TestStoreWriter::init()
{
    if (!m_server) {
        QSKIP(qPrintable(m_problem));
    }
    m_database = QStringLiteral("archivist%1").arg(++m_databases);
    QVERIFY_OK(m_server->createDatabase(m_database));
    m_pool = std::make_shared<store::DatabasePool>(m_server->settings(m_database));
    m_folder = std::make_unique<QTemporaryDir>();
    spool::SpoolSettings settings;
    settings.folder = m_folder->filePath(QStringLiteral("queue"));
    auto spool = spool::Spool::open(settings, SystemClock::instance());
    QVERIFY_OK(spool);
    m_spool = std::move(*spool);
    auto journal = tracking::EventJournal::open(m_folder->filePath(QStringLiteral("events")),
                                                {.segmentBytes = 64 * 1024, .flushInterval = 5ms});
    QVERIFY_OK(journal);
    m_journal = std::move(*journal);
}

void TestStoreWriter::cleanup()
{
    m_writer.reset();
    m_journal.reset();
    m_spool.reset();
    m_pool.reset();
}

void TestStoreWriter::migrate()
{
    auto database = m_pool->local();
    QVERIFY_OK(database);
    QVERIFY_OK(store::migrate(**database));
}

void TestStoreWriter::start()
{
    m_writer = std::make_unique<StoreWriter>(
        *m_spool, *m_journal, m_folder->filePath(QStringLiteral("events")), postgresStores(m_pool),
        [this] { return m_retention; }, quick);
    m_writer->start();
}

void TestStoreWriter::run(const QString &sql)
{
    auto database = m_pool->local();
    QVERIFY_OK(database);
    QVERIFY_OK((*database)->runScript(sql));
}

qint64 TestStoreWriter::count(const char *sql)
{
    auto database = m_pool->local();
    if (!database) {
        return -1;
    }
    const auto rows = (*database)->query(sql);
    return rows ? rows->first().first().toLongLong() : -1;
}

/// What the mail path does: neither call may fail, whatever the database does.
void TestStoreWriter::accept(int from, int to, std::chrono::days age)
{
    const Clock::WallTime at = SystemClock::instance().wall() - age;
    for (int i = from; i < to; ++i) {
        const QByteArray queueId = "Q" + QByteArray::number(i);
        m_journal->append(accepted(queueId, at));
        if (i % 20 == 0) {
            spool::Transaction transaction;
            transaction.add(quarantined(m_spool->nextQueueId(), queueId, at));
            QVERIFY_OK(m_spool->commitAndWait(std::move(transaction), spool::Durability::Lazy));
        }
    }
}

qint64 TestStoreWriter::waiting() const
{
    return m_spool->statistics().entries[static_cast<size_t>(spool::Stage::Quarantine)];
}

void TestStoreWriter::f6KeepsEverythingWhileTheDatabaseIsAway()
{
    migrate();
    start();
    accept(0, 1000);
    QTRY_VERIFY_WITH_TIMEOUT(count("SELECT count(*) FROM tracking_event") > 0, 30000);
    for (int round = 1; round <= 2; ++round) {
        accept(1000 * round, 1000 * round + 500);
        QVERIFY_OK(m_server->stop());
        accept(1000 * round + 500, 1000 * round + 1000);
        QTest::qWait(300);
        QVERIFY(waiting() >= 20);
        QVERIFY_OK(m_server->restart());
        QTRY_COMPARE_WITH_TIMEOUT(waiting(), qint64(0), 30000);
    }
    m_journal->flush();
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(DISTINCT queue_id) FROM tracking_event"),
                              qint64(3000), 30000);
    QCOMPARE(count("SELECT count(*) FROM tracking_event"), qint64(3000));
    QCOMPARE(count("SELECT count(*) FROM tracking_mail"), qint64(3000));
    QCOMPARE(count("SELECT count(*) FROM quarantine_mail"), qint64(150));
    QCOMPARE(count("SELECT count(*) FROM quarantine_receiver"), qint64(150));
    m_writer->stop();
    QVERIFY(m_writer->isFinished());
}

void TestStoreWriter::f6WaitsForASchemaThatIsMissing()
{
    start();
    accept(0, 100);
    QTest::qWait(500);
    QCOMPARE(waiting(), qint64(5));
    migrate();
    QTRY_COMPARE_WITH_TIMEOUT(waiting(), qint64(0), 30000);
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM tracking_event"), qint64(100), 30000);
    QVERIFY(!QFile::exists(m_folder->filePath(QStringLiteral("events/unstorable.records"))));
}

void TestStoreWriter::setsAsideWhatTheDatabaseRefusesAndGoesOn()
{
    migrate();
    run(QStringLiteral(
        "ALTER TABLE tracking_event ADD CONSTRAINT poison CHECK (queue_id <> 'Q40');"
        "ALTER TABLE quarantine_mail ADD CONSTRAINT poison CHECK (queue_id <> 'Q40')"));
    accept(0, 100);
    start();
    QTRY_COMPARE_WITH_TIMEOUT(waiting(), qint64(0), 30000);
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM tracking_event"), qint64(99), 30000);
    QCOMPARE(count("SELECT count(*) FROM quarantine_mail"), qint64(4));
    const spool::Page held = m_spool->list(spool::Stage::Held);
    QCOMPARE(held.entries.size(), size_t(1));
    QVERIFY(QFile::exists(m_folder->filePath(QStringLiteral("events/unstorable.records"))));

    // Mended and released, it goes the usual way.
    run(QStringLiteral("ALTER TABLE quarantine_mail DROP CONSTRAINT poison"));
    spool::Transaction release;
    release.release(held.entries.front().id);
    QVERIFY_OK(m_spool->commitAndWait(std::move(release)));
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM quarantine_mail"), qint64(5), 30000);
}

void TestStoreWriter::removesWhatHasOutlivedItsLifetime()
{
    migrate();
    accept(0, 40, std::chrono::days(50));
    accept(40, 100);
    start();
    QTRY_COMPARE_WITH_TIMEOUT(waiting(), qint64(0), 30000);
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM tracking_event"), qint64(100), 30000);
    m_writer->stop();
    m_retention = {{7, 7}, 7};
    start();
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM tracking_event"), qint64(60), 30000);
    QTRY_COMPARE_WITH_TIMEOUT(count("SELECT count(*) FROM quarantine_mail"), qint64(3), 30000);
}

void TestStoreWriter::storesNoEventTwiceAfterACrashBehindTheCommit()
{
    migrate();
    accept(0, 100);
    m_journal.reset();
    const QString events = m_folder->filePath(QStringLiteral("events"));
    const QString copy = m_folder->filePath(QStringLiteral("copy"));
    QVERIFY(QDir().mkpath(copy));
    for (const QString &name : QDir(events).entryList({QStringLiteral("*.events")})) {
        QVERIFY(QFile::copy(events + QLatin1Char('/') + name, copy + QLatin1Char('/') + name));
    }
    tracking::PgTrackingStore store(*m_pool);
    {
        EventMover beforeTheCrash(events, nullptr, store, 60);
        QVERIFY_OK(beforeTheCrash.move());
    }
    // The segment is still there, as it is when the process dies between commit and removal.
    EventMover afterTheCrash(copy, nullptr, store, 60);
    for (int i = 0; i < 5; ++i) {
        QVERIFY_OK(afterTheCrash.move());
    }
    QCOMPARE(count("SELECT count(*) FROM tracking_event"), qint64(100));
    QCOMPARE(count("SELECT count(*) FROM tracking_progress"), qint64(0));
    QVERIFY(QDir(copy).isEmpty());
}

}  // namespace portcullis::archivist

QTEST_GUILESS_MAIN(portcullis::archivist::TestStoreWriter)
#include "TestStoreWriter.moc"
