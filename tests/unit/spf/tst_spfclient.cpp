// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"
#include "appliance/base/UnboundResolver.h"
#include "appliance/policy/spf/SpfClient.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/support/zone/ZoneResolver.h"

#include <QtTest/QtTest>

#include <signal.h>

#include <optional>

namespace portcullis::policy::spf {

using test::ZoneResolver;
using verdict::SpfFinding;
using verdict::SpfResult;

class TestSpfClient final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void checksTheSender();
    void checksTheHeloNameOfTheNullSender();
    void explainsAFail();
    void namesWhatMatched_data();
    void namesWhatMatched();

    void limitsQueries_data();
    void limitsQueries();
    void cutsNamesThatMacrosMakeTooLong();
    void refusesAHugeRecord_data();
    void refusesAHugeRecord();
    void goesOnWithPtrWhereDnsFails();

    void temporaryErrorWhileDnsFails();
    void temporaryErrorAfterTheTimeLimit();
    void keepsTheResultWhenTheExplanationIsLate();

    void survivesItsWorkersDeath_data();
    void survivesItsWorkersDeath();
    void believesNoWorker_data();
    void believesNoWorker();
    void neverAsksForNamesOfTheWorkersChoice();
    void refusesMoreChecksThanItMayKeep();
    void forgetsWhatNobodyWaitsFor();
    void mayBeDestroyedByItsCaller();
    void workerHasNoRights_data();
    void workerHasNoRights();

    void worksOnARealNameServer_data();
    void worksOnARealNameServer();
    void realNameServerDown();

private:
    SpfFinding check(SpfClient &client,
                     const QByteArray &sender,
                     const QByteArray &address = "192.0.2.1");
    static void addDomain(ZoneResolver &zone, const QByteArray &name, const QByteArray &record);
    QString fakeWorker(const QByteArray &mode);

    QTemporaryDir m_folder;
    std::unique_ptr<test::TestDnsServer> m_server;
};

namespace {

const QString realWorker = QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/pmg-spf-worker");

SpfIdentity identityOf(const QByteArray &sender)
{
    const qsizetype at = sender.lastIndexOf('@');
    return {sender.left(at), sender.mid(at + 1), false};
}

constexpr int patience = 20'000;  ///< Milliseconds that no right behaviour takes.

}  // namespace

SpfFinding TestSpfClient::check(SpfClient &client,
                                const QByteArray &sender,
                                const QByteArray &address)
{
    std::optional<SpfFinding> found;
    QObject context;
    client.check(QHostAddress(QString::fromLatin1(address)), "mail.example.org", identityOf(sender),
                 &context, [&found](const SpfFinding &finding) { found = finding; });
    if (found) {
        qFatal("answered before check() had returned");
    }
    if (!QTest::qWaitFor([&found] { return found.has_value(); }, patience)) {
        qFatal("no answer");
    }
    return *found;
}

void TestSpfClient::addDomain(ZoneResolver &zone, const QByteArray &name, const QByteArray &record)
{
    zone.addText(name, {record});
}

QString TestSpfClient::fakeWorker(const QByteArray &mode)
{
    const QString link = m_folder.filePath(QString::fromLatin1(mode));
    QFile::link(QStringLiteral(PORTCULLIS_BINARY_DIR "/bin/fake_spf_worker"), link);
    return link;
}

void TestSpfClient::checksTheSender()
{
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 ip4:192.0.2.0/24 -all");
    SpfClient client(zone, {});
    std::optional<SpfFinding> found;
    client.check({QHostAddress(QStringLiteral("::ffff:192.0.2.7")), "mail.example.net",
                  *mail::Address::parse("Anna@example.org")},
                 this, [&found](const SpfFinding &finding) { found = finding; });
    QTRY_VERIFY(found);
    QCOMPARE(found->result, SpfResult::Pass);
    QCOMPARE(found->identity, QByteArray("Anna@example.org"));
    QCOMPARE(found->domain, QByteArray("example.org"));
    QVERIFY(!found->isHelo);
    QCOMPARE(client.workerPid(), 0);  // None was needed.
}

void TestSpfClient::checksTheHeloNameOfTheNullSender()
{
    ZoneResolver zone;
    addDomain(zone, "mail.example.net", "v=spf1 -all");
    SpfClient client(zone, {});
    std::optional<SpfFinding> found;
    client.check({QHostAddress(QStringLiteral("192.0.2.7")), "mail.example.net", {}}, this,
                 [&found](const SpfFinding &finding) { found = finding; });
    QTRY_VERIFY(found);
    QCOMPARE(found->result, SpfResult::Fail);
    QVERIFY(found->isHelo);
    QCOMPARE(found->identity, QByteArray("postmaster@mail.example.net"));
}

void TestSpfClient::explainsAFail()
{
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 a:mail.example.org -all exp=why.%{d}");
    zone.addAddress("mail.example.org", QHostAddress(QStringLiteral("192.0.2.9")));
    addDomain(zone, "why.example.org", "%{i} is none of ours, %{s}");
    addDomain(zone, "sly.example.org", "v=spf1 -all exp=bell.example.org");
    addDomain(zone, "bell.example.org", "\a\r\n550 2.0.0 accepted");
    addDomain(zone, "long.example.org", "v=spf1 -all exp=words.example.org");
    addDomain(zone, "words.example.org", QByteArray("word ").repeated(800));
    SpfClient client(zone, {});
    QCOMPARE(check(client, "anna@example.org").explanation,
             QByteArray("example.org explains: 192.0.2.1 is none of ours, anna@example.org"));
    QCOMPARE(check(client, "anna@sly.example.org").explanation,
             QByteArray("192.0.2.1 is not allowed to send mail for sly.example.org"
                        " (its SPF record says \"-all\")"));
    QVERIFY(check(client, "anna@long.example.org").explanation.size() <= 403);
}

void TestSpfClient::namesWhatMatched_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::addColumn<SpfResult>("result");
    QTest::addColumn<QByteArray>("mechanism");
    QTest::newRow("pass") << QByteArray("v=spf1 ip4:192.0.2.1 -all") << SpfResult::Pass
                          << QByteArray("ip4:192.0.2.1");
    QTest::newRow("softfail") << QByteArray("v=spf1 a:nothing.example.org ~all")
                              << SpfResult::SoftFail << QByteArray("~all");
    QTest::newRow("include") << QByteArray("v=spf1 ?include:inner.example.org -all")
                             << SpfResult::Neutral << QByteArray("?include:inner.example.org");
    QTest::newRow("include that does not match")
        << QByteArray("v=spf1 include:outer.example.org") << SpfResult::Neutral << QByteArray();
    QTest::newRow("redirect") << QByteArray("v=spf1 redirect=outer.example.org") << SpfResult::Fail
                              << QByteArray("-all");
    QTest::newRow("default") << QByteArray("v=spf1") << SpfResult::Neutral << QByteArray();
    QTest::newRow("neutral") << QByteArray("v=spf1 ?all") << SpfResult::Neutral
                             << QByteArray("?all");
}

void TestSpfClient::namesWhatMatched()
{
    QFETCH(QByteArray, record);
    ZoneResolver zone;
    addDomain(zone, "example.org", record);
    addDomain(zone, "inner.example.org", "v=spf1 exists:%{ir}.list.example.org -all");
    addDomain(zone, "outer.example.org", "v=spf1 ip4:203.0.113.1 -all");
    zone.addAddress("1.2.0.192.list.example.org", QHostAddress(QStringLiteral("127.0.0.2")));
    SpfClient client(zone, {});
    const SpfFinding finding = check(client, "anna@example.org");
    QTEST(finding.result, "result");
    QTEST(finding.mechanism, "mechanism");
}

void TestSpfClient::limitsQueries_data()
{
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<SpfResult>("result");
    QTest::addColumn<int>("queries");
    const auto row = [](const char *name, const char *domain, SpfResult result, int queries) {
        QTest::newRow(name) << QByteArray(domain) << result << queries;
    };
    row("C10 include loop", "loop.example", SpfResult::PermError, 11);
    row("C10 loop of two", "ping.example", SpfResult::PermError, 11);
    row("C10 redirect loop", "again.example", SpfResult::PermError, 11);
    row("C10 ten terms", "ten.example", SpfResult::Fail, 12);
    row("C10 eleven terms", "eleven.example", SpfResult::PermError, 11);
    row("C10 nested terms count together", "nest.example", SpfResult::PermError, 11);
    row("C10 two void lookups", "void2.example", SpfResult::Fail, 3);
    row("C10 three void lookups", "void3.example", SpfResult::PermError, 4);
    row("C10 void lookups in includes", "voidinc.example", SpfResult::PermError, 5);
    row("C10 R8 eleven mail servers", "mx11.example", SpfResult::PermError, 2);
    row("C10 R8 a thousand mail servers", "mx1000.example", SpfResult::PermError, 2);
    row("C10 mail servers of many terms", "fan.example", SpfResult::PermError, 40);
    row("C10 ptr with a thousand names", "ptr.example", SpfResult::Fail, 12);
}

void TestSpfClient::limitsQueries()
{
    QFETCH(QByteArray, domain);
    QFETCH(SpfResult, result);
    QFETCH(int, queries);
    ZoneResolver zone;
    const QHostAddress other(QStringLiteral("198.51.100.7"));
    addDomain(zone, "loop.example", "v=spf1 include:loop.example -all");
    addDomain(zone, "ping.example", "v=spf1 include:pong.example -all");
    addDomain(zone, "pong.example", "v=spf1 include:ping.example -all");
    addDomain(zone, "again.example", "v=spf1 redirect=again.example");
    QByteArray terms;
    QByteArray mailServers;
    for (int i = 0; i < 10; ++i) {
        const QByteArray number = QByteArray::number(i);
        terms += " a:h" + number + ".example";
        zone.addAddress("h" + number + ".example", other);
        mailServers += " mx:m" + number + ".example";
        for (int j = 0; j < 10; ++j) {
            const QByteArray host = "x" + number + QByteArray::number(j) + ".example";
            zone.addMx("m" + number + ".example", j, host);
            zone.addAddress(host, other);
        }
    }
    addDomain(zone, "ten.example", "v=spf1" + terms + " -all exp=no.example");
    addDomain(zone, "eleven.example", "v=spf1" + terms + " a:h0.example -all");
    addDomain(zone, "nest.example", "v=spf1 include:six.example include:six.example -all");
    addDomain(zone, "six.example", "v=spf1" + terms.left(6 * 13) + " -all");
    addDomain(zone, "void2.example", "v=spf1 a:no1.example mx:no2.example -all");
    addDomain(zone, "void3.example", "v=spf1 a:no1.example mx:no2.example exists:no3.example -all");
    addDomain(zone, "voidinc.example", "v=spf1 include:void2.example a:no3.example ?all");
    addDomain(zone, "fan.example", "v=spf1" + mailServers + " -all");
    addDomain(zone, "mx11.example", "v=spf1 mx -all");
    addDomain(zone, "mx1000.example", "v=spf1 mx -all");
    addDomain(zone, "ptr.example", "v=spf1 ptr:elsewhere.example -all");
    for (int i = 0; i < 1000; ++i) {
        const QByteArray host = "y" + QByteArray::number(i) + ".example";
        if (i < 11) {
            zone.addMx("mx11.example", i, host);
        }
        zone.addMx("mx1000.example", i, host);
        zone.addPtr("1.2.0.192.in-addr.arpa", host);
        zone.addAddress(host, QHostAddress(QStringLiteral("192.0.2.1")));
    }
    SpfClient client(zone, {});
    const SpfFinding finding = check(client, "anna@" + domain);
    QVERIFY2(finding.result == result, finding.problem);
    QCOMPARE(static_cast<int>(zone.asked().size()), queries);
}

void TestSpfClient::cutsNamesThatMacrosMakeTooLong()
{
    // C10: each %{l} multiplies what the sender wrote.
    ZoneResolver zone;
    addDomain(zone, "example.org",
              "v=spf1 exists:" + QByteArray("%{l}.").repeated(60) + "list.example.org -all");
    addDomain(zone, "wide.example.org",
              "v=spf1 exists:" + QByteArray("%{S}").repeated(200) + ".example.org -all");
    SpfClient client(zone, {});
    const QByteArray local(60, 'x');
    QCOMPARE(check(client, local + "@example.org").result, SpfResult::Fail);
    QCOMPARE(zone.asked().size(), size_t(2));
    QVERIFY(zone.asked().back().first.size() <= 253);
    QVERIFY(zone.asked().back().first.endsWith(".list.example.org"));
    zone.forget();
    const SpfFinding finding = check(client, QByteArray(64, '%') + "@wide.example.org");
    QCOMPARE(finding.result, SpfResult::PermError);
    QCOMPARE(zone.asked().size(), size_t(1));
    zone.forget();
    // Bytes that are no part of any name are not asked for either, nor do they shorten the name.
    check(client, QByteArray("a\0b\nc", 5) + "@example.org");
    for (const auto &[name, type] : zone.asked()) {
        QVERIFY(!name.startsWith("list.example.org"));
    }
}

void TestSpfClient::refusesAHugeRecord_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::newRow("C10 64 KB") << "v=spf1" + QByteArray(" ip4:192.0.2.1").repeated(4650);
    QTest::newRow("C10 64 KB of macros") << "v=spf1 exists:" + QByteArray("%{l}").repeated(16000);
    QTest::newRow("C10 64 KB of spaces") << "v=spf1" + QByteArray(64000, ' ') + "+all";
}

void TestSpfClient::refusesAHugeRecord()
{
    QFETCH(QByteArray, record);
    ZoneResolver zone;
    addDomain(zone, "example.org", record);
    SpfClient client(zone, {});
    const SpfFinding finding = check(client, "anna@example.org");
    QCOMPARE(finding.result, SpfResult::PermError);
    QVERIFY2(finding.problem.contains("too long"), finding.problem);
    QCOMPARE(client.workerPid(), 0);
}

void TestSpfClient::goesOnWithPtrWhereDnsFails()
{
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 ptr ~all");
    addDomain(zone, "p.example.org", "v=spf1 -all exp=why.example.org");
    addDomain(zone, "why.example.org", "from %{p}");
    zone.addTimeout("1.2.0.192.in-addr.arpa");
    SpfClient client(zone, {});
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::SoftFail);
    QCOMPARE(check(client, "anna@p.example.org").explanation,
             QByteArray("p.example.org explains: from unknown"));
}

void TestSpfClient::temporaryErrorWhileDnsFails()
{
    // F7
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 mx -all");
    zone.addMx("example.org", 0, "dead.example.org");
    zone.addTimeout("dead.example.org");
    SpfClient client(zone, {});
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::TempError);
    zone.isDown = true;
    const SpfFinding finding = check(client, "anna@example.org");
    QCOMPARE(finding.result, SpfResult::TempError);
    QCOMPARE(finding.problem, QByteArray("DNS cannot tell the record of example.org"));
}

void TestSpfClient::temporaryErrorAfterTheTimeLimit()
{
    // F7: each answer comes in time, all together do not.
    ZoneResolver zone;
    zone.delay = std::chrono::milliseconds(80);
    addDomain(zone, "example.org", "v=spf1 include:a.example.org -all");
    addDomain(zone, "a.example.org", "v=spf1 include:b.example.org -all");
    addDomain(zone, "b.example.org", "v=spf1 include:c.example.org -all");
    addDomain(zone, "c.example.org", "v=spf1 +all");
    SpfSettings settings;
    settings.limits.timeout = std::chrono::milliseconds(200);
    SpfClient client(zone, settings);
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::TempError);
    client.setTimeout(std::chrono::seconds(10));
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::Pass);
}

void TestSpfClient::keepsTheResultWhenTheExplanationIsLate()
{
    ZoneResolver zone;
    zone.delay = std::chrono::milliseconds(200);
    addDomain(zone, "example.org", "v=spf1 -all exp=why.example.org");
    addDomain(zone, "why.example.org", "too late");
    SpfSettings settings;
    settings.limits.timeout = std::chrono::milliseconds(300);
    SpfClient client(zone, settings);
    const SpfFinding finding = check(client, "anna@example.org");
    QCOMPARE(finding.result, SpfResult::Fail);
    QVERIFY(!finding.explanation.contains("too late"));
}

void TestSpfClient::survivesItsWorkersDeath_data()
{
    QTest::addColumn<int>("firstSignal");
    QTest::addColumn<int>("secondSignal");
    QTest::newRow("killed while idle") << SIGKILL << 0;
    QTest::newRow("killed while it checks") << SIGSTOP << SIGKILL;
    QTest::newRow("hanging") << SIGSTOP << 0;
}

void TestSpfClient::survivesItsWorkersDeath()
{
    QFETCH(int, firstSignal);
    QFETCH(int, secondSignal);
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 a -all");
    zone.addAddress("example.org", QHostAddress(QStringLiteral("192.0.2.1")));
    SpfSettings settings;
    settings.limits.step = std::chrono::milliseconds(secondSignal != 0 ? 10'000 : 300);
    SpfClient client(zone, settings);
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::Pass);
    const auto pid = static_cast<pid_t>(client.workerPid());
    QVERIFY(pid > 0);
    QCOMPARE(::kill(pid, firstSignal), 0);
    if (secondSignal != 0) {
        QTimer::singleShot(200, this, [pid, secondSignal] { ::kill(pid, secondSignal); });
    }
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::Pass);
    QVERIFY(client.workerPid() != pid);
    QVERIFY(::kill(pid, 0) != 0);  // Nothing is left of the first.
}

void TestSpfClient::believesNoWorker_data()
{
    QTest::addColumn<QByteArray>("mode");
    for (const char *mode : {"asks-a-name", "asks-mail-servers", "asks-again", "answers-amiss",
                             "answers-garbage", "answers-twice", "crashes", "hangs", "missing"}) {
        QTest::newRow(mode) << QByteArray(mode);
    }
}

void TestSpfClient::believesNoWorker()
{
    QFETCH(QByteArray, mode);
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 ptr -all");
    SpfSettings settings;
    settings.workerPath = mode == "missing" ? QStringLiteral("/nowhere/pmg-spf-worker")
                                            : fakeWorker(mode);
    settings.limits.step = std::chrono::milliseconds(300);
    SpfClient client(zone, settings);
    const SpfFinding finding = check(client, "anna@example.org");
    QCOMPARE(finding.result, SpfResult::TempError);
    QCOMPARE(finding.problem, QByteArray("the SPF worker failed"));
}

void TestSpfClient::neverAsksForNamesOfTheWorkersChoice()
{
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 mx -all");
    zone.addMx("example.org", 0, "mx.example.org");
    zone.addAddress("mx.example.org", QHostAddress(QStringLiteral("192.0.2.1")));
    for (const char *mode : {"asks-a-name", "asks-mail-servers", "asks-again"}) {
        zone.forget();
        SpfSettings settings;
        settings.workerPath = fakeWorker(mode);
        SpfClient client(zone, settings);
        QCOMPARE(check(client, "anna@example.org").result, SpfResult::TempError);
        QCOMPARE(zone.asked().size(), size_t(3));  // TXT, MX, A of the host that MX named.
        QCOMPARE(client.workerPid(), 0);
    }
}

void TestSpfClient::refusesMoreChecksThanItMayKeep()
{
    ZoneResolver zone;
    zone.delay = std::chrono::milliseconds(200);
    addDomain(zone, "example.org", "v=spf1 +all");
    SpfSettings settings;
    settings.limits.waiting = 5;
    SpfClient client(zone, settings);
    QList<SpfResult> results;
    for (int i = 0; i < 7; ++i) {
        client.check(QHostAddress(QStringLiteral("192.0.2.1")), "h.example.org",
                     identityOf("anna@example.org"), this,
                     [&results](const SpfFinding &finding) { results.append(finding.result); });
    }
    QTRY_COMPARE(results.size(), 7);
    QCOMPARE(results.count(SpfResult::TempError), 2);
    QCOMPARE(results.first(), SpfResult::TempError);
    QCOMPARE(check(client, "anna@example.org").result, SpfResult::Pass);
}

void TestSpfClient::forgetsWhatNobodyWaitsFor()
{
    ZoneResolver zone;
    zone.delay = std::chrono::milliseconds(50);
    addDomain(zone, "example.org", "v=spf1 a:x.example.org a:y.example.org -all");
    zone.addAddress("x.example.org", QHostAddress(QStringLiteral("198.51.100.1")));
    SpfClient client(zone, {});
    auto context = std::make_unique<QObject>();
    client.check(QHostAddress(QStringLiteral("192.0.2.1")), "h.example.org",
                 identityOf("anna@example.org"), context.get(),
                 [](const SpfFinding &) { QFAIL("nobody waits"); });
    QTest::qWait(20);
    context.reset();
    QTest::qWait(300);
    QVERIFY(zone.asked().size() <= 2);
}

void TestSpfClient::mayBeDestroyedByItsCaller()
{
    ZoneResolver zone;
    addDomain(zone, "example.org", "v=spf1 a -all");
    zone.addAddress("example.org", QHostAddress(QStringLiteral("192.0.2.1")));
    auto client = std::make_unique<SpfClient>(zone, SpfSettings());
    check(*client, "anna@example.org");
    const auto worker = static_cast<pid_t>(client->workerPid());
    QVERIFY(worker > 0);
    int answers = 0;
    for (int i = 0; i < 3; ++i) {
        client->check(QHostAddress(QStringLiteral("192.0.2.1")), "h.example.org",
                      identityOf("anna@example.org"), this, [&](const SpfFinding &) {
                          ++answers;
                          client.reset();
                      });
    }
    QTRY_VERIFY(answers > 0);
    QVERIFY(!client);
    QVERIFY(::kill(worker, 0) != 0);
}

void TestSpfClient::workerHasNoRights_data()
{
    QTest::addColumn<QString>("attempt");
    for (const char *attempt : {"read", "write", "socket", "signal", "memory", "exec"}) {
        QTest::newRow(attempt) << QString::fromLatin1(attempt);
    }
}

void TestSpfClient::workerHasNoRights()
{
    QFETCH(QString, attempt);
    QProcess worker;
    worker.start(realWorker, {QStringLiteral("--attempt"), attempt});
    QVERIFY(worker.waitForFinished());
    if (attempt == QLatin1String("exec")) {
        QCOMPARE(worker.exitStatus(), QProcess::CrashExit);  // The kernel killed it.
    } else {
        QCOMPARE(worker.exitStatus(), QProcess::NormalExit);
        QCOMPARE(worker.exitCode(), 0);
    }
}

void TestSpfClient::worksOnARealNameServer_data()
{
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<SpfResult>("result");
    const auto row = [](const char *domain, const char *client, SpfResult result) {
        QTest::addRow("%s from %s", domain, client)
            << QByteArray(domain) << QByteArray(client) << result;
    };
    row("a.spf.example", "203.0.113.1", SpfResult::Pass);
    row("a.spf.example", "2001:db8::1", SpfResult::Pass);
    row("a.spf.example", "203.0.113.2", SpfResult::Fail);
    row("mx.spf.example", "203.0.113.1", SpfResult::Pass);
    row("mx.spf.example", "203.0.113.9", SpfResult::SoftFail);
    row("inc.spf.example", "203.0.113.1", SpfResult::Pass);
    row("red.spf.example", "203.0.113.2", SpfResult::Fail);
    row("exists.spf.example", "203.0.113.5", SpfResult::Pass);
    row("exists.spf.example", "203.0.113.6", SpfResult::Neutral);
    row("split.spf.example", "203.0.113.1", SpfResult::Pass);
    row("two.spf.example", "203.0.113.1", SpfResult::PermError);
    row("void.spf.example", "203.0.113.1", SpfResult::PermError);
    row("nothing.spf.example", "203.0.113.1", SpfResult::None);
    row("host.spf.example", "203.0.113.1", SpfResult::None);
}

void TestSpfClient::worksOnARealNameServer()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    if (!m_server) {
        m_server = std::make_unique<test::TestDnsServer>();
        m_server->addZone(
            "spf.example",
            "host A 203.0.113.1\n"
            "host AAAA 2001:db8::1\n"
            "a TXT \"v=spf1 a:host.spf.example -all\"\n"
            "mx TXT \"v=spf1 mx ~all\"\n"
            "mx MX 10 host\n"
            "inc TXT \"v=spf1 include:a.spf.example ?all\"\n"
            "red TXT \"v=spf1 redirect=a.spf.example\"\n"
            "exists TXT \"v=spf1 exists:%{ir}.%{l}._list.%{d}\"\n"
            "5.113.0.203.anna._list.exists A 127.0.0.2\n"
            "split TXT \"v=spf1 ip4:203.\" \"0.113.1 -all\"\n"
            "two TXT \"v=spf1 +all\"\n"
            "two TXT \"v=spf1 -all\"\n"
            "void TXT \"v=spf1 a:n1.spf.example a:n2.spf.example a:n3.spf.example\"\n");
        QVERIFY2(m_server->start(), qPrintable(m_server->errorText()));
    }
    QFETCH(QByteArray, domain);
    QFETCH(QByteArray, client);
    ResolverSettings settings;
    settings.servers = {m_server->server()};
    const auto resolver = UnboundResolver::create(settings);
    QVERIFY(resolver);
    SpfClient spf(**resolver, {});
    const SpfFinding finding = check(spf, "anna@" + domain, client);
    QTEST(finding.result, "result");
}

void TestSpfClient::realNameServerDown()
{
    // F7
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer server;
    server.addZone("spf.example", "a TXT \"v=spf1 -all\"\n");
    QVERIFY2(server.start(), qPrintable(server.errorText()));
    ResolverSettings settings;
    settings.servers = {server.server()};
    const auto resolver = UnboundResolver::create(settings);
    QVERIFY(resolver);
    server.stop();
    SpfSettings spfSettings;
    spfSettings.limits.timeout = std::chrono::seconds(1);
    SpfClient spf(**resolver, spfSettings);
    QCOMPARE(check(spf, "anna@a.spf.example").result, SpfResult::TempError);
}

}  // namespace portcullis::policy::spf

QTEST_GUILESS_MAIN(portcullis::policy::spf::TestSpfClient)
#include "tst_spfclient.moc"
