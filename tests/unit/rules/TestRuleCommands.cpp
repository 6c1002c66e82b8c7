// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/postgres/PrivatePostgres.h"

#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtTest/QtTest>

namespace portcullis {

/// pmgdb and pmgrule as an administrator uses them, against a real server.
class TestRuleCommands final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void wrongUsageExitsWithTwo_data();
    void wrongUsageExitsWithTwo();
    void theLifeOfADatabase();
    void importRefusesWithThePlace();
    void allowListIsEdited();
    void deleteAsksFirst();
    void dryRunWithoutFilterFails();

private:
    struct Outcome {
        int code = -1;
        QString output;
        QString problem;
    };
    Outcome run(const QStringList &command, const QByteArray &input = {});

    std::unique_ptr<testing::PrivatePostgres> m_server;
    QTemporaryDir m_root;
};

void TestRuleCommands::initTestCase()
{
    auto server = testing::PrivatePostgres::start();
    if (!server) {
        QSKIP(qPrintable(server.error().toString()));
    }
    m_server = server.take();
}

TestRuleCommands::Outcome TestRuleCommands::run(const QStringList &command, const QByteArray &input)
{
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("PMG_DSN"), m_server->dsn());
    environment.insert(QStringLiteral("PMG_ROOT"), m_root.path());
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/") + command.first(), command.mid(1));
    process.write(input);
    process.closeWriteChannel();
    if (!process.waitForFinished(60000)) {
        return {};
    }
    return {process.exitCode(), QString::fromUtf8(process.readAllStandardOutput()),
            QString::fromUtf8(process.readAllStandardError())};
}

void TestRuleCommands::wrongUsageExitsWithTwo_data()
{
    QTest::addColumn<QString>("command");
    for (const char *command : {"pmgdb",
                                "pmgdb conquer",
                                "pmgdb dump --rules some",
                                "pmgdb history --limit 0",
                                "pmgdb undo x",
                                "pmgdb init twice",
                                "pmgdb --colour red",
                                "pmgrule",
                                "pmgrule show",
                                "pmgrule list all",
                                "pmgrule test x.eml --to nobody",
                                "pmgrule test x.eml",
                                "pmgrule test x.eml --to a@b.example --direction up",
                                "pmgrule test x.eml --to a@b.example --ip nowhere",
                                "pmgrule allowlist",
                                "pmgrule allowlist burn",
                                "pmgrule allowlist add sender-domain",
                                "pmgrule allowlist remove",
                                "pmgrule allowlist list all",
                                "pmgrule allowlist test"}) {
        QTest::newRow(command) << QString::fromLatin1(command);
    }
}

void TestRuleCommands::wrongUsageExitsWithTwo()
{
    QFETCH(QString, command);
    const Outcome outcome = run(command.split(QLatin1Char(' ')));
    QCOMPARE(outcome.code, 2);
    QVERIFY(!outcome.problem.isEmpty());
    const Outcome help = run({command.section(QLatin1Char(' '), 0, 0), QStringLiteral("--help")});
    QCOMPARE(help.code, 0);
    QVERIFY(help.output.startsWith(QLatin1String("Usage: ")));
}

void TestRuleCommands::theLifeOfADatabase()
{
    const QString pmgdb = QStringLiteral("pmgdb");
    const QString pmgrule = QStringLiteral("pmgrule");
    QCOMPARE(run({pmgdb, QStringLiteral("dump")}).code, 1);
    const Outcome created = run({pmgdb, QStringLiteral("init"), QStringLiteral("--force")});
    QVERIFY2(created.code == 0, qPrintable(created.problem));
    QVERIFY(created.output.contains(QLatin1String("0001_node.sql")));
    QCOMPARE(run({pmgdb, QStringLiteral("init")}).code, 0);
    QVERIFY(run({pmgdb, QStringLiteral("update")}).output.contains(QLatin1String("up to date")));

    const Outcome active = run(
        {pmgdb, QStringLiteral("dump"), QStringLiteral("--rules"), QStringLiteral("active")});
    QVERIFY(active.output.contains(QLatin1String("Block Viruses")));
    QVERIFY(!active.output.contains(QLatin1String("Add Disclaimer")));
    QCOMPARE(run({pmgrule, QStringLiteral("disable"), QStringLiteral("Block Viruses")}).code, 0);
    QVERIFY(run({pmgrule, QStringLiteral("show"), QStringLiteral("Block Viruses")})
                .output.contains(QLatin1String("inactive")));
    QCOMPARE(run({pmgrule, QStringLiteral("show"), QStringLiteral("nothing")}).code, 1);
    QCOMPARE(run({pmgdb, QStringLiteral("undo")}).code, 0);
    QVERIFY(!run({pmgrule, QStringLiteral("show"), QStringLiteral("Block Viruses")})
                 .output.contains(QLatin1String("inactive")));

    const Outcome exported = run({pmgrule, QStringLiteral("export")});
    QCOMPARE(exported.code, 0);
    const Outcome imported = run({pmgrule, QStringLiteral("import"), QStringLiteral("-"),
                                  QStringLiteral("--note"), QStringLiteral("same again")},
                                 exported.output.toUtf8());
    QVERIFY2(imported.code == 0, qPrintable(imported.problem));
    QCOMPARE(run({pmgrule, QStringLiteral("import"), QStringLiteral("-"),
                  QStringLiteral("--expect"), QStringLiteral("1")},
                 exported.output.toUtf8())
                 .code,
             1);
    QCOMPARE(run({pmgdb, QStringLiteral("reset")}).code, 0);
    const Outcome history = run({pmgdb, QStringLiteral("history")});
    QVERIFY(history.output.contains(QLatin1String("same again")));
    QVERIFY(history.output.contains(QLatin1String("back to generation 1")));
    QVERIFY(history.output.contains(QLatin1String("factory reset")));
}

void TestRuleCommands::importRefusesWithThePlace()
{
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("init")}).code, 0);
    const QByteArray bad = "{\"groups\":[{\"class\":\"what\",\"name\":\"Programs\",\"objects\":"
                           "[{\"kind\":\"filenamefilter\",\"filename\":\"(a+)+$\"}]}]}";
    for (const char *command : {"check", "import"}) {
        const Outcome outcome = run(
            {QStringLiteral("pmgrule"), QString::fromLatin1(command), QStringLiteral("-")}, bad);
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.problem.contains(
                     QLatin1String("group 1 'Programs', object 1: filename: position 1")),
                 qPrintable(outcome.problem));
    }
}

void TestRuleCommands::allowListIsEdited()
{
    const auto allowList = [this](const char *words) {
        return run(QStringList{QStringLiteral("pmgrule"), QStringLiteral("allowlist")}
                   + QString::fromLatin1(words).split(QLatin1Char(' ')));
    };
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("init")}).code, 0);
    QVERIFY(allowList("list").output.contains(QLatin1String("empty")));
    const std::vector<std::pair<const char *, const char *>> entries{
        {"sender", "anna@example.org"},
        {"sender-domain", "example.org"},
        {"sender-regex", ".*@list\\.example"},
        {"receiver", "bob@example.net"},
        {"receiver-domain", "example.net"},
        {"receiver-regex", "abuse@.*"},
        {"ip", "203.0.113.7"},
        {"network", "198.51.100.0/24"}};
    for (const auto &[kind, value] : entries) {
        const Outcome added = allowList(
            qPrintable(QStringLiteral("add %1 %2").arg(QLatin1String(kind), QLatin1String(value))));
        QVERIFY2(added.code == 0, qPrintable(added.problem));
    }
    const QString list = allowList("list").output;
    for (const auto &[kind, value] : entries) {
        QVERIFY2(list.contains(QLatin1String(value)), qPrintable(list));
    }
    QCOMPARE(list.count(QLatin1Char('\n')), qsizetype(entries.size()) + 1);
    QVERIFY(allowList("add sender-domain EXAMPLE.org").output.contains(QLatin1String("already")));
    QCOMPARE(allowList("add network 198.51.100.0/33").code, 1);
    QVERIFY(allowList("add sender-regex (a+)+$").problem.contains(QLatin1String("regex")));
    QCOMPARE(allowList("add colour red").code, 2);

    const Outcome found = allowList("test --ip 198.51.100.9 --from x@example.org --to x@y.example");
    QCOMPARE(found.code, 0);
    QVERIFY(found.output.contains(QLatin1String("client: IP network 198.51.100.0/24")));
    QVERIFY(found.output.contains(QLatin1String("sender: sender domain example.org")));
    QVERIFY(found.output.contains(QLatin1String("receiver: no entry matches")));
    QCOMPARE(allowList("test --from <>").code, 1);

    QCOMPARE(allowList("remove example.org 198.51.100.0/24").code, 0);
    QCOMPARE(allowList("remove example.org").code, 1);
    QCOMPARE(allowList("test --ip 198.51.100.9 --from x@example.org").code, 1);
    QVERIFY(
        allowList("list --json").output.contains(QLatin1String("\"kind\": \"receiver-regex\"")));
}

void TestRuleCommands::deleteAsksFirst()
{
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("init")}).code, 0);
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("delete")}).code, 1);
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("delete"), QStringLiteral("--yes")}).code,
             0);
    QCOMPARE(run({QStringLiteral("pmgdb"), QStringLiteral("history")}).code, 1);
}

void TestRuleCommands::dryRunWithoutFilterFails()
{
    QFile file(m_root.filePath(QStringLiteral("a.eml")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("Subject: x\n\nhello\n");
    file.close();
    const Outcome outcome = run({QStringLiteral("pmgrule"), QStringLiteral("test"), file.fileName(),
                                 QStringLiteral("--to"), QStringLiteral("a@b.example")});
    QCOMPARE(outcome.code, 1);
    QVERIFY2(outcome.problem.contains(QLatin1String("filter.unavailable")),
             qPrintable(outcome.problem));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestRuleCommands)
#include "TestRuleCommands.moc"
