// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Paths.h"
#include "appliance/quarantine/PgQuarantineStore.h"
#include "appliance/spool/ControlServer.h"
#include "appliance/store/Migrations.h"
#include "appliance/tracking/PgTrackingStore.h"
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QDir>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

using namespace std::chrono_literals;

namespace portcullis::quarantine {

namespace {

struct Outcome {
    int exitCode = -1;
    QByteArray out;
    QByteArray err;
};

}  // namespace

/// pmgqm and pmgtrack as programs, against a real database; this test stands in for pmg-smtpd.
class TestPmgqm final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void answersWrongUsageWithExitCodeTwo_data();
    void answersWrongUsageWithExitCodeTwo();
    void showsItsHelp();
    void listsShowsAndGivesBytes();
    void releasesTheMailAsItCame_data();
    void releasesTheMailAsItCame();
    void leavesTheEntryWhenTheGatewayDoesNotConfirm();
    void saysSoWhenNobodyListens();
    void deletesAndTracks();
    void purgesByTheConfiguredLifetime();
    void keepsHostileTextFromTheTerminal();

private:
    Outcome run(const QStringList &arguments, const QString &program = QStringLiteral("pmgqm"));
    EntryId store(const NewEntry &mail);
    NewEntry mail() const;

    std::unique_ptr<testing::PrivatePostgres> m_server;
    QString m_problem;
    std::unique_ptr<QTemporaryDir> m_root;
    std::unique_ptr<store::DatabasePool> m_pool;
    std::unique_ptr<PgQuarantineStore> m_store;
    int m_databases = 0;
    QString m_dsn;
};

#define QVERIFY_OK(expression)                                                                     \
    do {                                                                                           \
        const auto &okResult = (expression);                                                       \
        QVERIFY2(okResult.has_value(), okResult ? "" : qPrintable(okResult.error().toString()));   \
    } while (false)

void TestPmgqm::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (server) {
        m_server = std::move(*server);
    } else {
        m_problem = server.error().detail;
    }
}

void TestPmgqm::init()
{
    if (!m_server) {
        QSKIP(qPrintable(m_problem));
    }
    const QString name = QStringLiteral("pmgqm%1").arg(++m_databases);
    QVERIFY_OK(m_server->createDatabase(name));
    m_pool = std::make_unique<store::DatabasePool>(m_server->settings(name));
    auto database = m_pool->local();
    QVERIFY_OK(database);
    QVERIFY_OK(store::migrate(**database));
    m_dsn = m_server->dsn().replace(QStringLiteral("dbname=pmg"), QStringLiteral("dbname=") + name);
    m_store = std::make_unique<PgQuarantineStore>(*m_pool);
    m_root = std::make_unique<QTemporaryDir>();
    const Paths paths(m_root->path());
    for (const QString &folder : {paths.etc(), paths.run(), paths.log()}) {
        QVERIFY(QDir().mkpath(folder));
    }
}

Outcome TestPmgqm::run(const QStringList &arguments, const QString &program)
{
    QProcess process;
    process.start(
        QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/") + program,
        QStringList{QStringLiteral("--root"), m_root->path(), QStringLiteral("--dsn"), m_dsn}
            + arguments);
    // The event loop runs meanwhile, because the control server lives in this thread.
    const bool isDone = QTest::qWaitFor(
        [&process] { return process.state() == QProcess::NotRunning; }, 60'000);
    if (!isDone) {
        process.kill();
        process.waitForFinished();
    }
    return {process.exitCode(), process.readAllStandardOutput(), process.readAllStandardError()};
}

EntryId TestPmgqm::store(const NewEntry &mail)
{
    const auto stored = m_store->insert({mail});
    const auto entries = m_store->list({});
    return stored && entries && !entries->empty() ? entries->front().id : EntryId{};
}

NewEntry TestPmgqm::mail() const
{
    NewEntry mail;
    mail.key = "S1";
    mail.queueId = "Q1";
    mail.receivedAt = SystemClock::instance().wall();
    mail.sender = "sender@example.net";
    mail.recipients = {"anna@example.org"};
    mail.subject = QStringLiteral("Cheap pills");
    mail.spamLevel = 12;
    mail.rule = QStringLiteral("Quarantine Spam");
    const QJsonObject test{{QStringLiteral("name"), QStringLiteral("GTUBE")},
                           {QStringLiteral("score"), 12.5},
                           {QStringLiteral("description"), QStringLiteral("Generic test")}};
    mail.evidence = {{QStringLiteral("tests"), QJsonArray{test}}};
    mail.content = mail::Content(QByteArray("Subject: x\r\n\r\n\xff\x00.\r\n", 19));
    return mail;
}

void TestPmgqm::answersWrongUsageWithExitCodeTwo_data()
{
    QTest::addColumn<QStringList>("arguments");
    for (const char *line :
         {"", "frobnicate", "list --kind ham", "list --since yesterday", "list --limit 0", "list x",
          "list --to a@b", "show", "show C1R1", "show C1R1T1 C1R1T2", "release", "delete nothing",
          "release C1R1T1 --to nobody", "release C1R1T1 --sender nobody", "--nonsense",
          "purge now"}) {
        QTest::newRow(line) << QString::fromLatin1(line).split(QLatin1Char(' '),
                                                               Qt::SkipEmptyParts);
    }
}

void TestPmgqm::answersWrongUsageWithExitCodeTwo()
{
    QFETCH(QStringList, arguments);
    const Outcome outcome = run(arguments);
    QCOMPARE(outcome.exitCode, 2);
    QVERIFY(outcome.out.isEmpty());
    QVERIFY(outcome.err.startsWith("pmgqm: "));
}

void TestPmgqm::showsItsHelp()
{
    const Outcome outcome = run({QStringLiteral("--help")});
    QCOMPARE(outcome.exitCode, 0);
    QVERIFY(outcome.out.startsWith("Usage: pmgqm"));
    QCOMPARE(run({QStringLiteral("--help")}, QStringLiteral("pmgtrack")).exitCode, 0);
    QCOMPARE(run({QStringLiteral("x")}, QStringLiteral("pmgtrack")).exitCode, 2);
}

void TestPmgqm::listsShowsAndGivesBytes()
{
    const EntryId id = store(mail());
    const Outcome list = run({QStringLiteral("list"), QStringLiteral("--kind"),
                              QStringLiteral("spam"), QStringLiteral("--since"),
                              QStringLiteral("1h")});
    QCOMPARE(list.exitCode, 0);
    QVERIFY(list.out.contains(id.toString().toLatin1()));
    const Outcome virus = run(
        {QStringLiteral("list"), QStringLiteral("--kind"), QStringLiteral("virus")});
    QVERIFY(!virus.out.contains(id.toString().toLatin1()));

    const Outcome json = run({QStringLiteral("list"), QStringLiteral("--json")});
    const QJsonArray entries = QJsonDocument::fromJson(json.out).array();
    QCOMPARE(entries.size(), 1);
    QCOMPARE(entries[0].toObject()[QStringLiteral("id")].toString(), id.toString());

    const Outcome show = run({QStringLiteral("show"), id.toString()});
    QCOMPARE(show.exitCode, 0);
    QVERIFY(show.out.contains("rule: Quarantine Spam"));
    QVERIFY(show.out.contains("GTUBE"));
    QVERIFY(show.out.contains("12.5"));

    const Outcome get = run({QStringLiteral("get"), id.toString()});
    QCOMPARE(get.exitCode, 0);
    QCOMPARE(get.out, mail().content.toByteArray());

    const Outcome status = run({QStringLiteral("status")});
    QCOMPARE(status.exitCode, 0);
    QVERIFY(status.out.contains("spam"));
}

void TestPmgqm::releasesTheMailAsItCame_data()
{
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<QString>("sender");
    QTest::addColumn<QString>("recipient");
    const auto words = [](const char *line) {
        return QString::fromLatin1(line).split(QLatin1Char(' '), Qt::SkipEmptyParts);
    };
    const QString anna = QStringLiteral("anna@example.org");
    QTest::newRow("as postmaster, to the recipient")
        << words("") << QStringLiteral("postmaster@") << anna;
    QTest::newRow("as the original sender")
        << words("--sender original") << QStringLiteral("sender@example.net") << anna;
    QTest::newRow("without bounces") << words("--sender null") << QString() << anna;
    QTest::newRow("to somebody else")
        << words("--to bert@example.com --sender me@example.org")
        << QStringLiteral("me@example.org") << QStringLiteral("bert@example.com");
}

void TestPmgqm::releasesTheMailAsItCame()
{
    QFETCH(QStringList, options);
    QFETCH(QString, sender);
    QFETCH(QString, recipient);
    const EntryId id = store(mail());
    std::vector<spool::ControlRequest> requests;
    spool::ControlServer gateway;
    gateway.addCommand(
        "submit", [&](const spool::ControlRequest &request, const spool::ControlAnswer &answer) {
            requests.push_back(request);
            answer(spool::ControlReply{{{QStringLiteral("queue_id"), QStringLiteral("NEW1")}}, {}});
        });
    QVERIFY_OK(gateway.listen(Paths(m_root->path()).controlSocket()));

    const Outcome outcome = run(QStringList{QStringLiteral("release"), id.toString()} + options);
    QVERIFY2(outcome.exitCode == 0, outcome.err.constData());
    QVERIFY(outcome.out.contains("NEW1"));
    QCOMPARE(requests.size(), size_t(1));
    QCOMPARE(requests[0].body, mail().content.toByteArray());
    const QJsonObject envelope = requests[0].arguments[QStringLiteral("envelope")].toObject();
    const QString used = envelope[QStringLiteral("sender")].toString();
    QVERIFY(sender.endsWith(QLatin1Char('@')) ? used.startsWith(sender) : used == sender);
    QCOMPARE(envelope[QStringLiteral("recipients")].toArray(), QJsonArray{recipient});
    QCOMPARE(requests[0].arguments[QStringLiteral("origin")].toString(),
             QStringLiteral("quarantine"));
    QCOMPARE(m_store->entry(id)->status, EntryStatus::Delivered);

    const Outcome track = run(
        {QStringLiteral("--queue-id"), QStringLiteral("Q1"), QStringLiteral("--json")},
        QStringLiteral("pmgtrack"));
    QCOMPARE(track.exitCode, 0);
    const QJsonObject steps = QJsonDocument::fromJson(track.out).object();
    QCOMPARE(steps[QStringLiteral("events")].toArray().first().toObject()[QStringLiteral("kind")],
             QStringLiteral("released"));
}

void TestPmgqm::leavesTheEntryWhenTheGatewayDoesNotConfirm()
{
    const EntryId id = store(mail());
    spool::ControlServer gateway;
    gateway.addCommand(
        "submit", [](const spool::ControlRequest &, const spool::ControlAnswer &answer) {
            answer(Error::transient("spool.full", QStringLiteral("the disk is full")));
        });
    QVERIFY_OK(gateway.listen(Paths(m_root->path()).controlSocket()));
    const Outcome outcome = run({QStringLiteral("release"), id.toString()});
    QCOMPARE(outcome.exitCode, 1);
    QVERIFY(outcome.err.contains("the disk is full"));
    QCOMPARE(m_store->entry(id)->status, EntryStatus::New);
}

void TestPmgqm::saysSoWhenNobodyListens()
{
    const EntryId id = store(mail());
    const Outcome outcome = run({QStringLiteral("release"), id.toString()});
    QCOMPARE(outcome.exitCode, 1);
    QVERIFY(outcome.err.contains("control.not-running"));
    QCOMPARE(m_store->entry(id)->status, EntryStatus::New);
}

void TestPmgqm::deletesAndTracks()
{
    const EntryId id = store(mail());
    QCOMPARE(run({QStringLiteral("delete"), id.toString()}).exitCode, 0);
    QCOMPARE(m_store->entry(id)->status, EntryStatus::Deleted);
    QVERIFY(m_store->list({})->empty());
    const Outcome gone = run(
        {QStringLiteral("delete"), QStringLiteral("C1R999999T1"), id.toString()});
    QCOMPARE(gone.exitCode, 1);
    QVERIFY(gone.err.contains("quarantine.no-entry"));
    const Outcome track = run({QStringLiteral("--to"), QStringLiteral("anna")},
                              QStringLiteral("pmgtrack"));
    QCOMPARE(track.exitCode, 0);
    QVERIFY(track.out.contains("deleted"));
}

void TestPmgqm::purgesByTheConfiguredLifetime()
{
    QFile config(Paths(m_root->path()).etc() + QStringLiteral("/pmg.conf"));
    QVERIFY(config.open(QIODevice::WriteOnly));
    config.write("section: spamquar\n\tlifetime 2\n");
    config.close();
    const Clock::WallTime now = SystemClock::instance().wall();
    NewEntry old = mail();
    old.receivedAt = now - 24h * 4;
    NewEntry oldVirus = mail();
    oldVirus.key = "S2";
    oldVirus.kind = QuarantineKind::Virus;
    oldVirus.receivedAt = now - 24h * 4;
    NewEntry young = mail();
    young.key = "S3";
    young.receivedAt = now - 24h;
    QVERIFY_OK(m_store->insert({old, oldVirus, young}));
    const Outcome outcome = run({QStringLiteral("purge")});
    QVERIFY2(outcome.exitCode == 0, outcome.err.constData());
    QVERIFY(outcome.out.startsWith("1 mails removed"));
    QCOMPARE(m_store->list({})->size(), size_t(2));
    QCOMPARE(run({QStringLiteral("--purge")}, QStringLiteral("pmgtrack")).exitCode, 0);
}

void TestPmgqm::keepsHostileTextFromTheTerminal()
{
    NewEntry hostile = mail();
    hostile.subject = QStringLiteral("\u001b[2Jowned\n\u202eevil\u009b");
    hostile.fromHeader = hostile.subject;
    hostile.evidence = {{QStringLiteral("\u001b[31m"), hostile.subject}};
    const EntryId id = store(hostile);
    for (const QStringList &arguments : {QStringList{QStringLiteral("list")},
                                         QStringList{QStringLiteral("show"), id.toString()}}) {
        const QString out = QString::fromUtf8(run(arguments).out);
        QVERIFY(out.contains(QStringLiteral("owned")));
        QVERIFY(!out.contains(QChar(0x1b)));
        QVERIFY(!out.contains(QChar(0x9b)));
        QVERIFY(!out.contains(QChar(0x202e)));
        QVERIFY(!out.contains(QStringLiteral("\u0020owned\n\u0020")));
    }
}

}  // namespace portcullis::quarantine

QTEST_GUILESS_MAIN(portcullis::quarantine::TestPmgqm)
#include "TestPmgqm.moc"
