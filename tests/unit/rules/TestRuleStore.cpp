// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/PgRuleStore.h"
#include "appliance/rules/PgRuleWatcher.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtTest/QSignalSpy>
#include <QtTest/QtTest>

namespace portcullis::rules {

/// The contract of RuleStore, for each of its implementations, and the watcher over the real one.
class TestRuleStore final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();

    void keepsEverySave_data() { implementations(); }
    void keepsEverySave();
    void createsDefaultsOnce_data() { implementations(); }
    void createsDefaultsOnce();
    void undoSavesAnOlderOneAgain_data() { implementations(); }
    void undoSavesAnOlderOneAgain();
    void refusesInvalidDocuments_data() { implementations(); }
    void refusesInvalidDocuments();
    void refusesLostUpdates_data() { implementations(); }
    void refusesLostUpdates();

    void documentsAreNeverChanged();
    void documentsOfAnOldMasterAreNotInForce();
    void noticesDamage();
    void watcherWritesEachSaveWithinASecond();
    void watcherKeepsTheLastGoodDocument();
    void f6WatcherStartsWithoutDatabaseAndHeals();

private:
    static void implementations();
    std::unique_ptr<RuleStore> make(bool isPostgres);

    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<store::Database> m_database;
    QString m_problem;
    QString m_name;
    int m_count = 0;
};

void TestRuleStore::implementations()
{
    QTest::addColumn<bool>("isPostgres");
    QTest::newRow("memory") << false;
    QTest::newRow("PostgreSQL") << true;
}

void TestRuleStore::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    m_server = server.take();
}

void TestRuleStore::init()
{
    m_name = QStringLiteral("r%1").arg(++m_count);
    QVERIFY(m_server->createDatabase(m_name));
    m_database = store::Database::open(m_server->settings(m_name)).take();
    QVERIFY(store::migrate(*m_database));
}

std::unique_ptr<RuleStore> TestRuleStore::make(bool isPostgres)
{
    if (isPostgres) {
        return std::make_unique<PgRuleStore>(*m_database);
    }
    return std::make_unique<MemoryRuleStore>();
}

void TestRuleStore::keepsEverySave()
{
    QFETCH(bool, isPostgres);
    const auto store = make(isPostgres);
    QCOMPARE(store->current().error().id, QByteArray("rules.none"));
    RuleDocument document = factoryDefaults();
    for (int i = 1; i <= 3; ++i) {
        document.rules[0].name = QStringLiteral("name %1 \u00e4").arg(i);
        const auto saved = store->save(document, QStringLiteral("anna"),
                                       QStringLiteral("note %1").arg(i));
        QVERIFY2(saved, qPrintable(saved ? QString() : saved.error().toString()));
        QCOMPARE(saved->key.generation, qint64{i});
    }
    QCOMPARE(store->current()->json, document.toJson());
    QCOMPARE(store->current()->entry.note, QStringLiteral("note 3"));
    const auto history = store->history(2);
    QCOMPARE(history->size(), size_t{2});
    QCOMPARE((*history)[0].note, QStringLiteral("note 3"));
    QCOMPARE((*history)[1].author, QStringLiteral("anna"));
    QVERIFY(store->generation(1)->json.contains("name 1"));
    QCOMPARE(store->generation(9).error().id, QByteArray("rules.no-generation"));
}

void TestRuleStore::createsDefaultsOnce()
{
    QFETCH(bool, isPostgres);
    const auto store = make(isPostgres);
    QVERIFY(*store->createDefaults());
    QVERIFY(!*store->createDefaults());
    QCOMPARE(store->current()->json, factoryDefaults().toJson());
    QCOMPARE(store->history(10)->size(), size_t{1});
}

void TestRuleStore::undoSavesAnOlderOneAgain()
{
    QFETCH(bool, isPostgres);
    const auto store = make(isPostgres);
    QVERIFY(store->createDefaults());
    QCOMPARE(store->undo(QStringLiteral("a")).error().id, QByteArray("rules.no-generation"));
    RuleDocument changed = factoryDefaults();
    changed.rules.clear();
    QVERIFY(store->save(changed, QStringLiteral("a"), QString()));
    const auto undone = store->undo(QStringLiteral("bob"));
    QVERIFY(undone);
    QCOMPARE(undone->key.generation, qint64{3});
    QCOMPARE(undone->restoredFrom, std::optional<qint64>(1));
    QCOMPARE(undone->author, QStringLiteral("bob"));
    QCOMPARE(store->current()->json, factoryDefaults().toJson());
    QVERIFY(store->undo(QStringLiteral("bob"), 2));
    QCOMPARE(store->current()->json, changed.toJson());
    QCOMPARE(store->history(100)->size(), size_t{4});
}

void TestRuleStore::refusesInvalidDocuments()
{
    QFETCH(bool, isPostgres);
    const auto store = make(isPostgres);
    QVERIFY(store->createDefaults());
    RuleDocument bad = factoryDefaults();
    bad.rules[0].priority = 500;
    QCOMPARE(store->save(bad, QString(), QString()).error().id, QByteArray("rules.document"));
    QCOMPARE(store->current()->entry.key.generation, qint64{1});
}

void TestRuleStore::refusesLostUpdates()
{
    QFETCH(bool, isPostgres);
    const auto store = make(isPostgres);
    QVERIFY(store->createDefaults());
    QVERIFY(store->save(factoryDefaults(), QStringLiteral("a"), QString(), 1));
    const auto late = store->save(factoryDefaults(), QStringLiteral("b"), QString(), 1);
    QVERIFY(!late);
    QCOMPARE(late.error().id, QByteArray("rules.conflict"));
    QCOMPARE(store->history(10)->size(), size_t{2});
}

void TestRuleStore::documentsAreNeverChanged()
{
    PgRuleStore store(*m_database);
    QVERIFY(store.createDefaults());
    const auto changed = m_database->execute("UPDATE rule_document SET note = 'x'");
    QVERIFY(!changed);
    QCOMPARE(changed.error().id, QByteArray("store.read-only"));
}

void TestRuleStore::documentsOfAnOldMasterAreNotInForce()
{
    PgRuleStore store(*m_database);
    QVERIFY(store.createDefaults());
    // Node 2 was promoted; what this node saves as the master of term 1 must not count any more.
    QVERIFY(m_database->execute("INSERT INTO master_term (cid, term, master) VALUES (2, 2, 2)"));
    const auto late = store.save(factoryDefaults(), QStringLiteral("a"), QString());
    QVERIFY(!late);
    QCOMPARE(late.error().id, QByteArray("store.read-only"));
    QCOMPARE(store.current()->entry.key.generation, qint64{1});
}

void TestRuleStore::noticesDamage()
{
    PgRuleStore store(*m_database);
    QVERIFY(store.createDefaults());
    QVERIFY(
        m_database->runScript(QStringLiteral("ALTER TABLE rule_document DISABLE TRIGGER USER")));
    QVERIFY(m_database->execute("UPDATE rule_document SET document = ?", {qCompress("{}")}));
    QCOMPARE(store.current().error().id, QByteArray("rules.checksum"));
}

void TestRuleStore::watcherWritesEachSaveWithinASecond()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("current.json"));
    PgRuleWatcher watcher(m_server->settings(m_name), file);
    QSignalSpy updated(&watcher, &PgRuleWatcher::updated);
    watcher.start();
    CachedRules rules(file);
    QTRY_VERIFY(rules.current() && rules.current()->key.generation == 1);
    PgRuleStore store(*m_database);
    QTest::qWait(300);  // LISTEN is on its way; the save below must come by notification.
    QVERIFY(store.save(factoryDefaults(), QStringLiteral("a"), QString()));
    QTRY_COMPARE_WITH_TIMEOUT(rules.current()->key.generation, qint64{2}, 1000);
    QCOMPARE(updated.last()[0].toLongLong(), qint64{2});
}

void TestRuleStore::watcherKeepsTheLastGoodDocument()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("current.json"));
    PgRuleStore store(*m_database);
    QVERIFY(store.createDefaults());
    PgRuleWatcher watcher(m_server->settings(m_name), file);
    QSignalSpy failed(&watcher, &PgRuleWatcher::failed);
    watcher.start();
    CachedRules rules(file);
    QTRY_VERIFY(rules.current() && rules.current()->key.generation == 1);
    // A document of a newer release, with a checksum that fits.
    const QByteArray foreign = "{\"format\": 99}";
    QVERIFY(m_database->execute("INSERT INTO rule_document (cid, term, generation, saved_at, "
                                "author, note, sha256, document)"
                                " VALUES (1, 1, 2, now(), 'x', '', sha256(?), ?)",
                                {foreign, qCompress(foreign)}));
    QTRY_VERIFY(!failed.isEmpty());
    QCOMPARE(RulesCache(file).read()->entry.key.generation, qint64{1});
    QVERIFY(store.undo(QStringLiteral("a"), 1));
    QTRY_COMPARE(rules.current()->key.generation, qint64{3});
}

void TestRuleStore::f6WatcherStartsWithoutDatabaseAndHeals()
{
    const QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("current.json"));
    PgRuleStore store(*m_database);
    QVERIFY(store.createDefaults());
    QVERIFY(m_server->stop());
    PgRuleWatcher watcher(m_server->settings(m_name), file);
    QSignalSpy failed(&watcher, &PgRuleWatcher::failed);
    watcher.start();
    QTRY_VERIFY(!failed.isEmpty());
    CachedRules rules(file);
    QVERIFY(rules.current());  // Factory defaults: mail flows.
    QCOMPARE(rules.current()->key.generation, qint64{0});
    QVERIFY(m_server->restart());
    QTRY_COMPARE_WITH_TIMEOUT(rules.current()->key.generation, qint64{1}, 12000);
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestRuleStore)
#include "TestRuleStore.moc"
