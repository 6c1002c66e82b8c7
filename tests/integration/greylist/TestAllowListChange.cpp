// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/AllowListWatch.h"
#include "appliance/rules/PgRuleWatcher.h"
#include "appliance/store/Migrations.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QProcess>
#include <QtTest/QtTest>

namespace portcullis::rules {

/// From `pmgrule allowlist` over PostgreSQL and the rules cache to whoever asks the list.
class TestAllowListChange final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void savedChangeIsInForceAtOnce();

private:
    static bool runPmgrule(const testing::PrivatePostgres &server, const QString &words);
};

bool TestAllowListChange::runPmgrule(const testing::PrivatePostgres &server, const QString &words)
{
    QProcess process;
    process.start(QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/pmgrule"),
                  QStringList{QStringLiteral("--dsn"), server.dsn(), QStringLiteral("allowlist")}
                      + words.split(QLatin1Char(' ')));
    return process.waitForFinished(60000) && process.exitCode() == 0;
}

void TestAllowListChange::savedChangeIsInForceAtOnce()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    const auto database = store::Database::open((*server)->settings());
    QVERIFY(database && store::migrate(**database));
    const QTemporaryDir folder;
    const QString cache = folder.filePath(QStringLiteral("rules/current.json"));
    PgRuleWatcher watcher((*server)->settings(), cache);
    watcher.start();
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(cache), 20000);
    const AllowListWatch watch(cache);
    const auto sender = *mail::Address::parse("a@partner.example");

    QVERIFY(runPmgrule(**server, QStringLiteral("add sender-domain partner.example")));
    QElapsedTimer timer;
    timer.start();
    QTRY_VERIFY_WITH_TIMEOUT(watch.current()->senderEntry(sender), 20000);
    qInfo("added entry in force %lld ms after pmgrule ended", timer.elapsed());

    QVERIFY(runPmgrule(**server, QStringLiteral("remove partner.example")));
    timer.restart();
    QTRY_VERIFY_WITH_TIMEOUT(!watch.current()->senderEntry(sender), 20000);
    qInfo("removed entry out of force %lld ms after pmgrule ended", timer.elapsed());

    // F6: without the database the list stays.
    QVERIFY(runPmgrule(**server, QStringLiteral("add ip 203.0.113.7")));
    const QHostAddress client(QStringLiteral("203.0.113.7"));
    QTRY_VERIFY_WITH_TIMEOUT(watch.current()->clientEntry(client), 20000);
    QVERIFY((*server)->stop());
    QTest::qWait(500);
    QVERIFY(watch.current()->clientEntry(client));
    QVERIFY(AllowListWatch(cache).current()->clientEntry(client));
}

}  // namespace portcullis::rules

QTEST_GUILESS_MAIN(portcullis::rules::TestAllowListChange)
#include "TestAllowListChange.moc"
