// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Database.h"
#include "appliance/store/NotificationListener.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QJsonDocument>
#include <QtCore/QTimeZone>
#include <QtTest/QSignalSpy>
#include <QtTest/QtTest>

#include <thread>

namespace portcullis::store {

class TestDatabase final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanup();

    void readsConnectionStrings_data();
    void readsConnectionStrings();
    void keepsPasswordsOutOfLogs();
    void storesForeignText_data();
    void storesForeignText();
    void distinguishesNullFromEmpty();
    void storesJsonWithNul();
    void copiesRowsWithEveryByte();
    void copyFailsAsAWhole();
    void rollsBackFailedWork();
    void namesFailures_data();
    void namesFailures();
    void f6LockedTableIsTransient();
    void f6SlowStatementIsCut();
    void f6ReconnectsAfterKilledBackend();
    void f6LostTransactionIsReported();
    void f6ServerStoppedAndStarted();
    void f6FrozenServerDoesNotHoldUs();
    void survivesChangedTableUnderPreparedStatement();
    void endsItsConnectionInSilence();
    void givesEachThreadItsConnection();
    void listenerReconnects();

private:
    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<Database> m_database;
};

void TestDatabase::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    m_server = server.take();
    m_database = Database::open(m_server->settings()).take();
    QVERIFY(m_database->runScript(QStringLiteral("CREATE TABLE t (id int PRIMARY KEY, text text, "
                                                 "bytes bytea, at timestamptz, doc jsonb)")));
}

void TestDatabase::cleanup()
{
    if (m_database) {
        QVERIFY(m_database->execute("DELETE FROM t"));
    }
}

void TestDatabase::readsConnectionStrings_data()
{
    QTest::addColumn<QString>("dsn");
    QTest::addColumn<QString>("expected");
    QTest::newRow("keywords") << "host=/run/x port=5433 dbname=a user=b"
                              << "host=/run/x port=5433 dbname=a user=b";
    QTest::newRow("uri") << "postgresql://me:secret@db.example:6000/mail?sslmode=verify-full"
                         << "host=db.example port=6000 dbname=mail user=me";
    QTest::newRow("no database") << "host=/run/x" << QString();
    QTest::newRow("bad port") << "dbname=a port=70000" << QString();
    QTest::newRow("unknown keyword") << "dbname=a colour=red" << QString();
}

void TestDatabase::readsConnectionStrings()
{
    QFETCH(QString, dsn);
    QFETCH(QString, expected);
    const auto settings = DatabaseSettings::parse(dsn);
    QCOMPARE(settings ? settings->toString() : QString(), expected);
    if (!settings) {
        QCOMPARE(settings.error().id, QByteArray("store.dsn"));
    }
}

void TestDatabase::keepsPasswordsOutOfLogs()
{
    const auto settings = DatabaseSettings::parse(
        QStringLiteral("dbname=a password='it''s \\\\secret'"));
    QVERIFY(settings || settings.error().id == "store.dsn");
    const auto plain = DatabaseSettings::parse(QStringLiteral("dbname=a password=geheim"));
    QVERIFY(plain);
    QVERIFY(!plain->toString().contains(QLatin1String("geheim")));
    QVERIFY(plain->connectionString().contains(QLatin1String("geheim")));
}

void TestDatabase::storesForeignText_data()
{
    QTest::addColumn<QByteArray>("raw");
    QTest::addColumn<QString>("expected");
    const QString replacement(QChar(QChar::ReplacementCharacter));
    QTest::newRow("quotes and backslashes")
        << QByteArray("it's \\ a \"test\" ?; --") << QStringLiteral("it's \\ a \"test\" ?; --");
    QTest::newRow("NUL inside") << QByteArray("a\0b", 3)
                                << QStringLiteral("a") + replacement + QLatin1Char('b');
    QTest::newRow("invalid UTF-8") << QByteArray("a\xff") << QStringLiteral("a") + replacement;
    QTest::newRow("emoji") << QByteArray("\xf0\x9f\x98\x80")
                           << QString::fromUtf8("\xf0\x9f\x98\x80");
}

void TestDatabase::storesForeignText()
{
    QFETCH(QByteArray, raw);
    QFETCH(QString, expected);
    QVERIFY(m_database->execute("INSERT INTO t (id, text, bytes) VALUES (?, ?, ?)",
                                {1, cleanText(QByteArrayView(raw)), raw}));
    const auto rows = m_database->query("SELECT text, bytes FROM t WHERE id = ?", {1});
    QVERIFY(rows);
    QCOMPARE(rows->first()[0].toString(), expected);
    QCOMPARE(rows->first()[1].toByteArray(), raw);
}

void TestDatabase::distinguishesNullFromEmpty()
{
    QVERIFY(m_database->execute("INSERT INTO t (id, text, bytes, at) VALUES (?, ?, ?, ?)",
                                {1, QString(), QByteArray(), QVariant()}));
    const auto rows = m_database->query(
        "SELECT text IS NULL, bytes IS NULL, at IS NULL, length(text), length(bytes) FROM t");
    QVERIFY(rows);
    QCOMPARE(rows->first()[0].toBool(), false);
    QCOMPARE(rows->first()[1].toBool(), false);
    QCOMPARE(rows->first()[2].toBool(), true);
    QCOMPARE(rows->first()[3].toInt() + rows->first()[4].toInt(), 0);
}

void TestDatabase::storesJsonWithNul()
{
    const QJsonObject object{{QStringLiteral("subject"), QString(QChar(u'\0'))},
                             {QStringLiteral("lone"), QString(QChar(0xd800))}};
    QVERIFY(
        m_database->execute("INSERT INTO t (id, doc) VALUES (?, ?::jsonb)", {1, jsonText(object)}));
}

void TestDatabase::copiesRowsWithEveryByte()
{
    QByteArray all;
    for (int i = 0; i < 256; ++i) {
        all += static_cast<char>(i);
    }
    const QDateTime at(QDate(2026, 5, 4), QTime(3, 2, 1, 5), QTimeZone::utc());
    Rows rows;
    for (int i = 0; i < 100; ++i) {
        rows.append({i, QStringLiteral("tab\t back\\slash line\nreturn\r \\N"), all, at,
                     QStringLiteral("{\"a\": \"\\n\"}")});
    }
    rows.append({100, QVariant(), QVariant(), QVariant(), QVariant()});
    const auto copied = m_database->copyIn("COPY t (id, text, bytes, at, doc) FROM STDIN", rows);
    QVERIFY2(copied, qPrintable(copied ? QString() : copied.error().toString()));
    QCOMPARE(*copied, 101);
    const auto back = m_database->query("SELECT text, bytes, at FROM t WHERE id = 7");
    QVERIFY(back);
    QCOMPARE(back->first()[0].toString(), rows[7][1].toString());
    QCOMPARE(back->first()[1].toByteArray(), all);
    QCOMPARE(back->first()[2].toDateTime().toUTC(), at);
}

void TestDatabase::copyFailsAsAWhole()
{
    const Rows rows{{1, QStringLiteral("a")}, {1, QStringLiteral("b")}};
    const auto copied = m_database->copyIn("COPY t (id, text) FROM STDIN", rows);
    QVERIFY(!copied);
    QCOMPARE(copied.error().id, QByteArray("store.duplicate"));
    QCOMPARE(m_database->query("SELECT count(*) FROM t")->first().first().toInt(), 0);
}

void TestDatabase::rollsBackFailedWork()
{
    const Status done = m_database->inTransaction([this]() -> Status {
        TRY(m_database->execute("INSERT INTO t (id) VALUES (?)", {1}));
        return Error::permanent("test.no", QStringLiteral("no"));
    });
    QVERIFY(!done);
    QCOMPARE(done.error().id, QByteArray("test.no"));
    QCOMPARE(m_database->query("SELECT count(*) FROM t")->first().first().toInt(), 0);
    QVERIFY(m_database->inTransaction([this]() -> Status {
        TRY(m_database->execute("INSERT INTO t (id) VALUES (?)", {1}));
        return ok();
    }));
    QCOMPARE(m_database->query("SELECT count(*) FROM t")->first().first().toInt(), 1);
}

void TestDatabase::namesFailures_data()
{
    QTest::addColumn<QByteArray>("sql");
    QTest::addColumn<QByteArray>("id");
    QTest::addColumn<bool>("isTransient");
    QTest::newRow("F6 wrong schema: table missing")
        << QByteArray("SELECT 1 FROM nowhere") << QByteArray("store.schema") << false;
    QTest::newRow("F6 wrong schema: column missing")
        << QByteArray("SELECT nothing FROM t") << QByteArray("store.schema") << false;
    QTest::newRow("constraint") << QByteArray("INSERT INTO t (id) VALUES (NULL)")
                                << QByteArray("store.constraint") << false;
    QTest::newRow("duplicate") << QByteArray("INSERT INTO t (id) VALUES (5), (5)")
                               << QByteArray("store.duplicate") << false;
    QTest::newRow("syntax") << QByteArray("SELEC") << QByteArray("store.query") << false;
    QTest::newRow("serialisation")
        << QByteArray("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
        << QByteArray("store.conflict") << true;
    QTest::newRow("F6 disk full") << QByteArray(
        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$")
                                  << QByteArray("store.disk-full") << true;
}

void TestDatabase::namesFailures()
{
    QFETCH(QByteArray, sql);
    QFETCH(QByteArray, id);
    QFETCH(bool, isTransient);
    const Status done = m_database->runScript(QString::fromUtf8(sql));
    QVERIFY(!done);
    QCOMPARE(done.error().id, id);
    QCOMPARE(done.error().isTransient(), isTransient);
}

void TestDatabase::f6LockedTableIsTransient()
{
    auto holder = Database::open(m_server->settings()).take();
    QVERIFY(holder->runScript(QStringLiteral("BEGIN; LOCK TABLE t")));
    DatabaseSettings impatient = m_server->settings();
    impatient.lockTimeout = std::chrono::milliseconds(100);
    auto waiter = Database::open(impatient).take();
    const auto rows = waiter->query("SELECT * FROM t");
    QVERIFY(!rows);
    QCOMPARE(rows.error().id, QByteArray("store.locked"));
    QVERIFY(rows.error().isTransient());
    QVERIFY(holder->runScript(QStringLiteral("ROLLBACK")));
    QVERIFY(waiter->query("SELECT * FROM t"));
}

void TestDatabase::f6SlowStatementIsCut()
{
    DatabaseSettings impatient = m_server->settings();
    impatient.statementTimeout = std::chrono::milliseconds(100);
    auto database = Database::open(impatient).take();
    const auto rows = database->query("SELECT pg_sleep(60)");
    QVERIFY(!rows);
    QCOMPARE(rows.error().id, QByteArray("store.timeout"));
    QVERIFY(database->query("SELECT 1"));
}

void TestDatabase::f6ReconnectsAfterKilledBackend()
{
    auto victim = Database::open(m_server->settings()).take();
    const auto pid = victim->query("SELECT pg_backend_pid()");
    QVERIFY(pid);
    QVERIFY(m_database->query("SELECT pg_terminate_backend(?)", {pid->first().first()}));
    // The statement certainly did not run, so the caller sees nothing of it.
    QTRY_VERIFY(victim->query("SELECT pg_backend_pid()"));
    QVERIFY(victim->query("SELECT pg_backend_pid()")->first().first() != pid->first().first());
}

void TestDatabase::f6LostTransactionIsReported()
{
    auto victim = Database::open(m_server->settings()).take();
    const Status done = victim->inTransaction([&]() -> Status {
        TRY(victim->execute("INSERT INTO t (id) VALUES (?)", {1}));
        const Rows pid = TRY(victim->query("SELECT pg_backend_pid()"));
        TRY(m_database->query("SELECT pg_terminate_backend(?)", {pid.first().first()}));
        QTest::qWait(50);
        TRY(victim->execute("INSERT INTO t (id) VALUES (?)", {2}));
        return ok();
    });
    QVERIFY(!done);
    QCOMPARE(done.error().id, QByteArray("store.connection-lost"));
    QVERIFY(victim->query("SELECT 1"));
    QCOMPARE(m_database->query("SELECT count(*) FROM t")->first().first().toInt(), 0);
}

void TestDatabase::f6ServerStoppedAndStarted()
{
    QVERIFY(m_server->stop());
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto rows = m_database->query("SELECT 1");
        QVERIFY(!rows);
        QVERIFY2(rows.error().isTransient(), rows.error().id.constData());
    }
    QVERIFY(m_server->restart());
    const auto rows = m_database->query("SELECT 1");
    QVERIFY2(rows, qPrintable(rows ? QString() : rows.error().toString()));
    QVERIFY(m_server->restart());
    QVERIFY(m_database->inTransaction([]() { return ok(); }));
}

void TestDatabase::f6FrozenServerDoesNotHoldUs()
{
    DatabaseSettings impatient = m_server->settings();
    impatient.statementTimeout = std::chrono::milliseconds(100);
    auto database = Database::open(impatient).take();
    QVERIFY(database->query("SELECT 1"));
    m_server->freeze();
    const auto rows = database->query("SELECT 1");
    m_server->thaw();
    QVERIFY(!rows);
    QCOMPARE(rows.error().id, QByteArray("store.connection-lost"));
    QVERIFY(database->query("SELECT 1"));
}

void TestDatabase::survivesChangedTableUnderPreparedStatement()
{
    QVERIFY(m_database->runScript(QStringLiteral("CREATE TABLE changing (a int)")));
    QVERIFY(m_database->query("SELECT * FROM changing"));
    auto other = Database::open(m_server->settings()).take();
    QVERIFY(other->runScript(QStringLiteral("ALTER TABLE changing ADD COLUMN b text")));
    const auto rows = m_database->query("SELECT * FROM changing");
    QVERIFY2(rows, qPrintable(rows ? QString() : rows.error().toString()));
}

void TestDatabase::endsItsConnectionInSilence()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral("Unable to free|still in use")));
    auto lost = Database::open(m_server->settings()).take();
    const auto pid = lost->query("SELECT pg_backend_pid()");
    QVERIFY(pid);
    QVERIFY(m_database->query("SELECT pg_terminate_backend(?)", {pid->first().first()}));
    QTRY_VERIFY(lost->query("SELECT pg_backend_pid()"));
    lost.reset();
}

void TestDatabase::givesEachThreadItsConnection()
{
    DatabasePool pool(m_server->settings());
    const auto mine = pool.local();
    QVERIFY(mine);
    QCOMPARE(*pool.local(), *mine);
    Database *theirs = nullptr;
    std::unique_ptr<QThread> thread(QThread::create([&]() {
        const auto local = pool.local();
        if (local && (*local)->query("SELECT 1")) {
            theirs = *local;
        }
    }));
    thread->start();
    thread->wait();
    QVERIFY(theirs != nullptr);
    QVERIFY(theirs != *mine);
}

void TestDatabase::listenerReconnects()
{
    NotificationListener listener(m_server->settings(), {QStringLiteral("odd \"channel\"")});
    QSignalSpy connected(&listener, &NotificationListener::connected);
    QSignalSpy lost(&listener, &NotificationListener::disconnected);
    QSignalSpy notified(&listener, &NotificationListener::notified);
    listener.start();
    QTRY_COMPARE(connected.count(), 1);
    QVERIFY(m_database->query("SELECT pg_notify(?, ?)",
                              {QStringLiteral("odd \"channel\""), QStringLiteral("42")}));
    QTRY_COMPARE(notified.count(), 1);
    QCOMPARE(notified[0][1].toString(), QStringLiteral("42"));
    QVERIFY(m_server->restart());
    QTRY_COMPARE_WITH_TIMEOUT(connected.count(), 2, 15000);
    QCOMPARE(lost.count(), 1);
    QVERIFY(m_database->query("SELECT pg_notify(?, ?)",
                              {QStringLiteral("odd \"channel\""), QStringLiteral("43")}));
    QTRY_COMPARE(notified.count(), 2);
}

}  // namespace portcullis::store

QTEST_GUILESS_MAIN(portcullis::store::TestDatabase)
#include "TestDatabase.moc"
