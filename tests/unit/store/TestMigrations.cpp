// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/store/Administration.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QFile>
#include <QtTest/QtTest>

#include <thread>

namespace portcullis::store {

class TestMigrations final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();

    void appliesAllFilesToAnEmptyDatabase();
    void secondRunDoesNothing();
    void twoStartersAtOnce();
    void changedFileStopsTheStart();
    void unknownMigrationStopsTheStart();
    void failedFileLeavesNothingBehind();
    void repeatedNumberIsRefused();
    void f6MissingSchemaIsNamed();
    void guardsRowsOfOtherNodes();
    void createsAndDropsDatabases();

private:
    void writeFile(const QString &name, const QByteArray &sql);

    std::unique_ptr<testing::PrivatePostgres> m_server;
    std::unique_ptr<Database> m_database;
    std::unique_ptr<QTemporaryDir> m_folder;
    QString m_name;
    int m_count = 0;
};

void TestMigrations::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    m_server = server.take();
}

void TestMigrations::init()
{
    m_name = QStringLiteral("m%1").arg(++m_count);
    QVERIFY(m_server->createDatabase(m_name));
    m_database = Database::open(m_server->settings(m_name)).take();
    m_folder = std::make_unique<QTemporaryDir>();
}

void TestMigrations::writeFile(const QString &name, const QByteArray &sql)
{
    QFile file(m_folder->filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
    file.write(sql);
}

void TestMigrations::appliesAllFilesToAnEmptyDatabase()
{
    const auto applied = migrate(*m_database);
    QVERIFY2(applied, qPrintable(applied ? QString() : applied.error().toString()));
    QVERIFY(applied->contains(QStringLiteral("0001_node.sql")));
    QVERIFY(applied->contains(QStringLiteral("0002_rule_document.sql")));
    QVERIFY(checkSchema(*m_database));
    QCOMPARE(*m_database->nodeId(), 1);
}

void TestMigrations::secondRunDoesNothing()
{
    QVERIFY(migrate(*m_database));
    const auto again = migrate(*m_database);
    QVERIFY(again);
    QVERIFY(again->isEmpty());
}

void TestMigrations::twoStartersAtOnce()
{
    const auto settings = m_server->settings(m_name);
    std::array<int, 3> counts{-1, -1, -1};
    std::array<std::thread, 3> starters;
    for (size_t i = 0; i < starters.size(); ++i) {
        starters[i] = std::thread([&counts, &settings, i]() {
            auto database = Database::open(settings);
            if (database) {
                const auto applied = migrate(**database);
                counts[i] = applied ? static_cast<int>(applied->size()) : -2;
            }
        });
    }
    for (std::thread &starter : starters) {
        starter.join();
    }
    std::sort(counts.begin(), counts.end());
    QCOMPARE(counts[0], 0);
    QCOMPARE(counts[1], 0);
    QVERIFY(counts[2] >= 2);
}

void TestMigrations::changedFileStopsTheStart()
{
    writeFile(QStringLiteral("0001_one.sql"), "CREATE TABLE one (a int);");
    QVERIFY(migrate(*m_database, m_folder->path()));
    writeFile(QStringLiteral("0001_one.sql"), "CREATE TABLE one (a bigint);");
    const auto again = migrate(*m_database, m_folder->path());
    QVERIFY(!again);
    QCOMPARE(again.error().id, QByteArray("store.migration-changed"));
    QVERIFY(!again.error().isTransient());
    QCOMPARE(checkSchema(*m_database, m_folder->path()).error().id,
             QByteArray("store.migration-changed"));
}

void TestMigrations::unknownMigrationStopsTheStart()
{
    writeFile(QStringLiteral("0001_one.sql"), "CREATE TABLE one (a int);");
    writeFile(QStringLiteral("0002_two.sql"), "CREATE TABLE two (a int);");
    QVERIFY(migrate(*m_database, m_folder->path()));
    QVERIFY(QFile::remove(m_folder->filePath(QStringLiteral("0002_two.sql"))));
    QCOMPARE(migrate(*m_database, m_folder->path()).error().id, QByteArray("store.schema-newer"));
}

void TestMigrations::failedFileLeavesNothingBehind()
{
    writeFile(QStringLiteral("0001_one.sql"), "CREATE TABLE one (a int);");
    writeFile(QStringLiteral("0002_two.sql"), "CREATE TABLE two (a int); SELECT 1/0;");
    const auto failed = migrate(*m_database, m_folder->path());
    QVERIFY(!failed);
    QCOMPARE(failed.error().id, QByteArray("store.migration-failed"));
    QVERIFY(failed.error().detail.startsWith(QLatin1String("0002_two.sql")));
    QVERIFY(m_database->query("SELECT * FROM one"));
    QVERIFY(!m_database->query("SELECT * FROM two"));
    writeFile(QStringLiteral("0002_two.sql"), "CREATE TABLE two (a int);");
    QCOMPARE(*migrate(*m_database, m_folder->path()), QStringList{QStringLiteral("0002_two.sql")});
}

void TestMigrations::repeatedNumberIsRefused()
{
    writeFile(QStringLiteral("0001_one.sql"), "SELECT 1;");
    writeFile(QStringLiteral("0001_two.sql"), "SELECT 1;");
    QCOMPARE(migrate(*m_database, m_folder->path()).error().id, QByteArray("store.migration-name"));
}

void TestMigrations::f6MissingSchemaIsNamed()
{
    const Status state = checkSchema(*m_database);
    QVERIFY(!state);
    QCOMPARE(state.error().id, QByteArray("store.schema-missing"));
}

void TestMigrations::guardsRowsOfOtherNodes()
{
    QVERIFY(migrate(*m_database));
    QVERIFY(m_database->runScript(
        QStringLiteral("CREATE TABLE own (cid int, rid bigint, PRIMARY KEY (cid, rid));"
                       "CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON own"
                       " FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();")));
    QVERIFY(m_database->execute("INSERT INTO own VALUES (1, nextval('node_rid'))"));
    const auto foreign = m_database->execute("INSERT INTO own VALUES (2, 1)");
    QVERIFY(!foreign);
    QCOMPARE(foreign.error().id, QByteArray("store.read-only"));
}

void TestMigrations::createsAndDropsDatabases()
{
    const auto settings = m_server->settings(QStringLiteral("odd \"name\""));
    QCOMPARE(Database::open(settings).error().id, QByteArray("store.no-database"));
    QVERIFY(*createDatabaseIfMissing(settings));
    QVERIFY(!*createDatabaseIfMissing(settings));
    QVERIFY(Database::open(settings));
    QVERIFY(dropDatabase(settings));
    QVERIFY(!Database::open(settings));
}

}  // namespace portcullis::store

QTEST_GUILESS_MAIN(portcullis::store::TestMigrations)
#include "TestMigrations.moc"
