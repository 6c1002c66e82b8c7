// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/ChildProcess.h"

#include <QtTest/QtTest>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <thread>

using namespace portcullis;
using namespace std::chrono_literals;

/// A program that is started, listened to and ended, whatever it does.
class TestChildProcess : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void reportsOutputAndStatus();
    void passesArgumentsWithoutAShell();
    void hidesOurEnvironmentAndDescriptors();
    void saysWhyAProgramCannotStart_data();
    void saysWhyAProgramCannotStart();
    void appliesLimits();
    void endsWhatItStarted_data();
    void endsWhatItStarted();
    void leavesOtherChildrenAlone();
    void worksFromSeveralThreads();
    void diesWithItsParent();

private:
    static ChildCommand shell(const QByteArray &script, std::vector<QByteArray> arguments = {});
    static Result<ChildOutcome> run(const ChildCommand &command, const ChildLimits &limits = {});
};

ChildCommand TestChildProcess::shell(const QByteArray &script, std::vector<QByteArray> arguments)
{
    // Tests use the shell as the foreign program; the runner itself never does.
    ChildCommand command;
    command.program = "/bin/sh";
    command.arguments = {"-c", script, "sh"};
    command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
    return command;
}

Result<ChildOutcome> TestChildProcess::run(const ChildCommand &command, const ChildLimits &limits)
{
    return runChild(command, limits);
}

void TestChildProcess::reportsOutputAndStatus()
{
    const auto outcome = run(shell("echo out; echo err >&2; exit 3"));
    QVERIFY2(outcome, qPrintable(outcome ? QString() : outcome.error().toString()));
    QCOMPARE(outcome->end, ChildOutcome::End::Exited);
    QCOMPARE(outcome->code, 3);
    QCOMPARE(outcome->output, QByteArray("out\n"));
    QCOMPARE(outcome->errorOutput, QByteArray("err\n"));
    QVERIFY(!outcome->succeeded());

    const auto killed = run(shell("kill -SEGV $$"));
    QVERIFY(killed);
    QCOMPARE(killed->end, ChildOutcome::End::Signalled);
    QCOMPARE(killed->code, SIGSEGV);
}

void TestChildProcess::passesArgumentsWithoutAShell()
{
    ChildCommand command;
    command.program = "/bin/echo";
    command.arguments = {"$(id)", "`id`", ";", "a b", "", "*"};
    const auto outcome = run(command);
    QVERIFY(outcome);
    QCOMPARE(outcome->output, QByteArray("$(id) `id` ; a b  *\n"));
}

void TestChildProcess::hidesOurEnvironmentAndDescriptors()
{
    qputenv("PORTCULLIS_TEST_SECRET", "hunter2");
    const int leaky = ::open("/etc/hostname", O_RDONLY);  // deliberately without O_CLOEXEC
    QVERIFY(leaky >= 0);
    const auto outcome = run(shell("env; ls /proc/self/fd; readlink /proc/self/fd/0"));
    ::close(leaky);
    QVERIFY(outcome);
    QVERIFY(!outcome->output.contains("hunter2"));
    QVERIFY2(outcome->output.contains("\n0\n1\n2\n3\n/dev/null\n"), outcome->output.constData());
}

void TestChildProcess::saysWhyAProgramCannotStart_data()
{
    QTest::addColumn<QByteArray>("program");
    QTest::newRow("missing") << QByteArray("/nonexistent/program");
    QTest::newRow("folder") << QByteArray("/etc");
    QTest::newRow("not executable") << QByteArray("/etc/passwd");
}

void TestChildProcess::saysWhyAProgramCannotStart()
{
    QFETCH(QByteArray, program);
    ChildCommand command;
    command.program = program;
    const auto outcome = run(command);
    QVERIFY(!outcome);
    QCOMPARE(outcome.error().id, QByteArray("child.start"));
    QVERIFY(!outcome.error().isTransient());
    QVERIFY(outcome.error().detail.contains(QString::fromLatin1(program)));
}

void TestChildProcess::appliesLimits()
{
    ChildLimits limits;
    limits.cpu = 7s;
    limits.fileSize = 512 * 1024;
    limits.addressSpace = 300LL * 1024 * 1024;
    const auto outcome = run(shell("ulimit -t; ulimit -v; ulimit -c; ulimit -f"), limits);
    QVERIFY(outcome);
    QCOMPARE(outcome->output, QByteArray("7\n307200\n0\n1024\n"));
}

void TestChildProcess::endsWhatItStarted_data()
{
    QTest::addColumn<QByteArray>("script");
    QTest::addColumn<ChildOutcome::End>("end");
    using End = ChildOutcome::End;
    QTest::newRow("F23 stuck") << QByteArray("echo begun; exec sleep 1000") << End::TimedOut;
    QTest::newRow("F23 deaf to polite signals")
        << QByteArray("trap '' TERM INT HUP; echo begun; while :; do sleep 1; done")
        << End::TimedOut;
    QTest::newRow("F23 huge output") << QByteArray("yes") << End::OutputExceeded;
    QTest::newRow("F23 huge error output") << QByteArray("yes >&2") << End::OutputExceeded;
    QTest::newRow("F23 background child keeps the pipe open")
        << QByteArray("sleep 1000 & echo done") << End::Exited;
    QTest::newRow("F23 child in its own session")
        << QByteArray("setsid sleep 1000 & setsid -f sleep 1000; echo done") << End::Exited;
    QTest::newRow("F23 daemon within a daemon") << QByteArray(
        "setsid -f sh -c 'setsid -f sh -c \"setsid -f sleep 1000; sleep 1000\"; sleep "
        "1000'; sleep 0.2; echo done") << End::Exited;
    // Bounded for the sake of the machine: 2^6 processes, each of which would live on.
    QTest::newRow("F23 fork bomb")
        << QByteArray("b() { [ $1 = 0 ] || { b $(($1-1)) & b $(($1-1)) & }; sleep 1000; }; b 6")
        << End::TimedOut;
    QTest::newRow("F23 closes its streams and stays")
        << QByteArray("exec >&- 2>&-; sleep 1000") << End::TimedOut;
}

void TestChildProcess::endsWhatItStarted()
{
    QFETCH(QByteArray, script);
    QFETCH(ChildOutcome::End, end);
    // A mark to find survivors by: nothing started with it may live when the call returns.
    const QByteArray mark = "PORTCULLIS_TEST_MARK="
                            + QByteArray::number(QRandomGenerator::global()->generate64());
    ChildCommand command = shell(script);
    command.environment.push_back(mark);
    ChildLimits limits;
    limits.deadline = 1500ms;
    limits.output = 4096;
    limits.errorOutput = 2048;
    limits.errorFlood = 100'000;
    const auto outcome = run(command, limits);
    QVERIFY2(outcome, qPrintable(outcome ? QString() : outcome.error().toString()));
    QCOMPARE(outcome->end, end);
    QVERIFY(outcome->output.size() <= 4096);
    QVERIFY(outcome->errorOutput.size() <= 2048);
    QDir processes(QStringLiteral("/proc"));
    for (const QString &pid : processes.entryList(QDir::Dirs)) {
        QFile environment(QStringLiteral("/proc/%1/environ").arg(pid));
        if (environment.open(QIODevice::ReadOnly)) {
            QVERIFY2(!environment.readAll().contains(mark), qPrintable(pid));
        }
    }
}

void TestChildProcess::leavesOtherChildrenAlone()
{
    const auto other = startChild(shell("exec sleep 1000"), {}, {});
    QVERIFY(other);
    QVERIFY(run(shell("setsid -f sleep 1000")));
    QCOMPARE(::kill(*other, 0), 0);
    const int status = endChild(*other);
    QVERIFY(WIFSIGNALED(status));
}

void TestChildProcess::worksFromSeveralThreads()
{
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([i, &right] {
            for (int round = 0; round < 10; ++round) {
                const auto outcome = run(shell("echo $1", {QByteArray::number(i)}));
                right += outcome && outcome->output == QByteArray::number(i) + '\n';
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(right.load(), 40);
}

void TestChildProcess::diesWithItsParent()
{
    std::array<int, 2> ends{};
    QCOMPARE(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_t child = 0;
    std::thread parent([&] {
        const auto started = startChild(shell("exec sleep 1000"), {}, {{ends[1], 1}});
        child = started ? *started : 0;
    });
    parent.join();
    ::close(ends[1]);
    QVERIFY(child > 0);
    char byte = 0;
    QCOMPARE(::read(ends[0], &byte, 1), 0);  // its end closed: it is gone
    ::close(ends[0]);
    const int status = endChild(child);
    QVERIFY(WIFSIGNALED(status));
}

QTEST_GUILESS_MAIN(TestChildProcess)
#include "tst_childprocess.moc"
