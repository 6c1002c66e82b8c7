// SPDX-License-Identifier: GPL-2.0-or-later
// Receiver verification against next hops of all tempers (R5).
#include "appliance/base/UnboundResolver.h"
#include "appliance/delivery/ReceiverVerifier.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/support/mx/ScriptedMx.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtCore/QThread>
#include <QtCore/QTimer>
#include <QtTest/QTest>

#include <algorithm>
#include <optional>
#include <set>

namespace portcullis::delivery {

using policy::ReceiverState;
using test::ScriptedMx;
using namespace std::chrono_literals;
using Kind = ReceiverState::Kind;

/// A verifier that sends all probes to one next hop, or where the test says.
struct VerifierBench {
    explicit VerifierBench(quint16 port = 0)
    {
        config->fqdn = "gateway.example";
        if (port != 0) {
            routeTo(port);
        }
        settings = DeliverySettings::from(config);
        settings.allowsLoopbackMx = true;
        settings.allowsInet6 = false;
    }
    void routeTo(quint16 port, config::Protocol protocol = config::Protocol::Smtp)
    {
        config->mail.smarthost = config::NextHop{protocol, "127.0.0.1", port, false};
    }
    [[nodiscard]] std::shared_ptr<const DeliverySettings> current()
    {
        settings.config = std::make_shared<const config::Config>(*config);
        return std::make_shared<const DeliverySettings>(settings);
    }
    void start()
    {
        verifier = std::make_unique<ReceiverVerifier>(
            [this]() -> std::unique_ptr<Resolver> {
                auto made = UnboundResolver::create(resolver);
                if (!made.has_value()) {
                    qFatal("%s", qPrintable(made.error().toString()));
                }
                return std::move(*made);
            },
            current(), clock);
        verifier->start();
    }
    std::optional<ReceiverState> ask(const QByteArray &address,
                                     std::chrono::milliseconds limit = 20s)
    {
        std::optional<ReceiverState> state;
        QObject context;
        verifier->verify(*mail::Address::parse(address), &context,
                         [&](const ReceiverState &answer) { state = answer; });
        if (state) {
            qFatal("answered before verify() returned");
        }
        [[maybe_unused]] const bool isDone = QTest::qWaitFor([&] { return state.has_value(); },
                                                             static_cast<int>(limit.count()));
        return state;
    }

    ManualClock clock;
    std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
    DeliverySettings settings;
    ResolverSettings resolver;
    std::unique_ptr<ReceiverVerifier> verifier;
};

int countOf(const ScriptedMx &mx, const QByteArray &start)
{
    return static_cast<int>(
        std::count_if(mx.lines.begin(), mx.lines.end(),
                      [&](const QByteArray &line) { return line.startsWith(start); }));
}

class TestReceiverVerification final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void says_data();
    void says();
    void asksWithoutSendingAnything();
    void asksByLmtp();
    void leavesANextHopThatIsDownAlone();
    void doesNotWaitForASlowNextHop();
    void survivesAHostileNextHop_data();
    void survivesAHostileNextHop();
    void asksOnceForAnAddress();
    void opensFewConnectionsForManyAddresses();
    void answersSessionsOfManyThreads();
    void keepsAnswersForTheirLifetime();
    void renewsAnOldAnswerBehindTheScenes();
    void holdsAnAnswerWhileTheNextHopIsDown();
    void remembersAcrossARestart();
    void doesNotTrustADamagedFile();
    void forgetsWhatAnotherRouteSaid();
    void findsTheHostsByDns();
    void changesTheConnectionAfterManyRefusals();
    void asksAgainWhenAKeptConnectionWasClosed();
    void boundsTheQueue();
    void answersWhoWaitsWhenItStops();
};

void TestReceiverVerification::says_data()
{
    QTest::addColumn<QByteArray>("mailReply");
    QTest::addColumn<QByteArray>("rcptReply");
    QTest::addColumn<int>("kind");
    const auto row = [](const char *name, const QByteArray &mail, const QByteArray &rcpt,
                        Kind kind) {
        QTest::newRow(name) << mail << rcpt << static_cast<int>(kind);
    };
    const QByteArray ok = "250 2.1.0 ok\r\n";
    row("accepted", ok, "250 2.1.5 ok\r\n", Kind::Exists);
    row("251 will forward", ok, "251 2.1.5 elsewhere\r\n", Kind::Exists);
    row("R5 catch-all accepts whatever it is asked", ok, "250 ok\r\n", Kind::Exists);
    row("unknown user", ok, "550 5.1.1 no such user\r\n", Kind::Unknown);
    row("unknown user without enhanced code", ok, "550 no such user\r\n", Kind::Unknown);
    row("Exchange Online's words", ok, "550 5.4.1 Recipient address rejected\r\n", Kind::Unknown);
    row("mailbox disabled", ok, "550 5.2.1 disabled\r\n", Kind::Unknown);
    row("R5 4yz", ok, "450 4.2.1 later\r\n", Kind::Undecided);
    row("R5 greylisted", ok, "451 4.7.1 greylisted\r\n", Kind::Undecided);
    row("mailbox full", ok, "552 5.2.2 over quota\r\n", Kind::Undecided);
    row("R5 refuses us, not the recipient", ok, "554 5.7.1 relay access denied\r\n",
        Kind::Undecided);
    row("system trouble", ok, "554 5.3.0 no\r\n", Kind::Undecided);
    row("R5 refuses the null sender", "550 5.7.1 no\r\n", "503 5.5.1 MAIL first\r\n",
        Kind::Undecided);
    row("R5 refuses the null sender as unknown", "550 5.1.7 bad sender\r\n", "250 ok\r\n",
        Kind::Undecided);
    row("closes at RCPT", ok, QByteArray(ScriptedMx::hangUp), Kind::Undecided);
    row("421 at RCPT", ok, "421 4.3.2 closing\r\n", Kind::Undecided);
}

void TestReceiverVerification::says()
{
    QFETCH(QByteArray, mailReply);
    QFETCH(QByteArray, rcptReply);
    QFETCH(int, kind);
    for (const bool hasPipelining : {true, false}) {
        ScriptedMx mx;
        if (!hasPipelining) {
            mx.extensions = "SIZE 1000";
        }
        mx.script = [&](int, const QByteArray &line) {
            return line.startsWith("MAIL")   ? mailReply
                   : line.startsWith("RCPT") ? rcptReply
                                             : mx.polite(line);
        };
        VerifierBench bench(mx.serverPort());
        bench.start();
        const auto state = bench.ask("who@example.org");
        QVERIFY(state);
        QCOMPARE(static_cast<int>(state->kind), kind);
        QVERIFY(mx.messages.empty());
        QCOMPARE(countOf(mx, "DATA"), 0);
    }
}

void TestReceiverVerification::asksWithoutSendingAnything()
{
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("Anna@example.org")->kind), static_cast<int>(Kind::Exists));
    QTRY_COMPARE(countOf(mx, "RSET"), 1);
    for (int i = 0; i < 50 && mx.openConnections > 0; ++i) {
        bench.clock.advance(bench.settings.receivers.idle);
        QTest::qWait(100);
    }
    QCOMPARE(mx.openConnections, 0);
    const std::vector<QByteArray> expected{"EHLO gateway.example", "MAIL FROM:<>",
                                           "RCPT TO:<Anna@example.org>", "RSET", "QUIT"};
    QCOMPARE(mx.lines, expected);
}

void TestReceiverVerification::asksByLmtp()
{
    ScriptedMx mx;
    mx.isLmtp = true;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT TO:<no@") ? QByteArray("550 5.1.1 no\r\n") : mx.polite(line);
    };
    VerifierBench bench;
    bench.routeTo(mx.serverPort(), config::Protocol::Lmtp);
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("yes@example.org")->kind), static_cast<int>(Kind::Exists));
    QCOMPARE(static_cast<int>(bench.ask("no@example.org")->kind), static_cast<int>(Kind::Unknown));
    QCOMPARE(countOf(mx, "LHLO"), 1);
}

void TestReceiverVerification::leavesANextHopThatIsDownAlone()
{
    ScriptedMx mx;
    const quint16 port = mx.serverPort();
    mx.close();
    VerifierBench bench(port);
    bench.start();
    for (int i = 0; i < 20; ++i) {
        const auto state = bench.ask("a" + QByteArray::number(i) + "@example.org");
        QVERIFY(state);
        QCOMPARE(static_cast<int>(state->kind), static_cast<int>(Kind::Undecided));
        QVERIFY2(state->reply.contains("127.0.0.1"), state->reply.constData());
    }
    QCOMPARE(bench.verifier->statistics().connections, 1);

    // Back again: tried once the minute is over.
    QVERIFY(mx.listen(QHostAddress::LocalHost, port));
    bench.clock.advance(61s);
    QCOMPARE(static_cast<int>(bench.ask("a1@example.org")->kind), static_cast<int>(Kind::Exists));
}

void TestReceiverVerification::doesNotWaitForASlowNextHop()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? QByteArray() : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.start();
    std::optional<ReceiverState> state;
    QObject context;
    bench.verifier->verify(*mail::Address::parse("slow@example.org"), &context,
                           [&](const ReceiverState &answer) { state = answer; });
    QTRY_COMPARE(countOf(mx, "RCPT"), 1);
    QVERIFY(!state);
    bench.clock.advance(bench.settings.receivers.answer);
    QTRY_VERIFY(state);
    QCOMPARE(static_cast<int>(state->kind), static_cast<int>(Kind::Undecided));
    QCOMPARE(bench.verifier->statistics().pending, 1);
    bench.clock.advance(bench.settings.receivers.probe);
    QTRY_COMPARE(bench.verifier->statistics().pending, 0);
}

void TestReceiverVerification::survivesAHostileNextHop_data()
{
    QTest::addColumn<QByteArray>("reply");
    QTest::newRow("R7 a line without end") << QByteArray(3'000'000, '2');
    QTest::newRow("R7 a reply without end") << QByteArray("250-x\r\n").repeated(500'000);
    QTest::newRow("R7 no SMTP") << QByteArray("HTTP/1.1 200 OK\r\n\r\n");
    QTest::newRow("R7 octets") << QByteArray("\0\xff\xfe\r\n", 5);
    QTest::newRow("R7 354 to RCPT") << QByteArray("354 go on\r\n");
}

void TestReceiverVerification::survivesAHostileNextHop()
{
    QFETCH(QByteArray, reply);
    ScriptedMx mx;
    mx.script = [&](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? reply : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.start();
    const auto state = bench.ask("who@example.org");
    QVERIFY(state);
    QCOMPARE(static_cast<int>(state->kind), static_cast<int>(Kind::Undecided));
    QVERIFY(state->reply.size() < 500);
}

void TestReceiverVerification::asksOnceForAnAddress()
{
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.start();
    int answers = 0;
    QObject context;
    for (int i = 0; i < 1000; ++i) {
        bench.verifier->verify(
            *mail::Address::parse(i % 2 == 0 ? "same@example.org" : "SAME@Example.ORG"), &context,
            [&](const ReceiverState &state) { answers += state.kind == Kind::Exists ? 1 : 0; });
    }
    QTRY_COMPARE_WITH_TIMEOUT(answers, 1000, 20'000);
    QCOMPARE(mx.connections, 1);
    QCOMPARE(countOf(mx, "RCPT"), 1);
}

void TestReceiverVerification::opensFewConnectionsForManyAddresses()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT TO:<r1") ? QByteArray("550 5.1.1 no\r\n") : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.start();
    int exists = 0;
    int unknown = 0;
    QObject context;
    for (int i = 0; i < 1000; ++i) {
        bench.verifier->verify(*mail::Address::parse('r' + QByteArray::number(i) + "@example.org"),
                               &context, [&](const ReceiverState &state) {
                                   exists += state.kind == Kind::Exists ? 1 : 0;
                                   unknown += state.kind == Kind::Unknown ? 1 : 0;
                               });
    }
    QTRY_COMPARE_WITH_TIMEOUT(exists + unknown, 1000, 30'000);
    QCOMPARE(unknown, 111);  // r1, r1x, r1xx
    QCOMPARE(countOf(mx, "RCPT"), 1000);
    const std::set<QByteArray> different(mx.lines.begin(), mx.lines.end());
    QCOMPARE(std::count_if(different.begin(), different.end(),
                           [](const QByteArray &line) { return line.startsWith("RCPT"); }),
             1000);
    QVERIFY2(mx.mostOpenConnections <= bench.settings.receivers.connections,
             qPrintable(QString::number(mx.mostOpenConnections)));
}

void TestReceiverVerification::answersSessionsOfManyThreads()
{
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.start();
    constexpr int threads = 4;
    constexpr int questions = 100;
    std::atomic<int> right = 0;
    std::vector<std::unique_ptr<QThread>> running;
    for (int i = 0; i < threads; ++i) {
        running.emplace_back(QThread::create([&] {
            QEventLoop loop;
            QObject context;
            QThread *own = QThread::currentThread();
            int answers = 0;
            {
                // Who is gone is not answered.
                auto gone = std::make_unique<QObject>();
                bench.verifier->verify(*mail::Address::parse("gone@example.org"), gone.get(),
                                       [&](const ReceiverState &) { right = -100'000; });
            }
            for (int question = 0; question < questions; ++question) {
                bench.verifier->verify(
                    *mail::Address::parse('t' + QByteArray::number(question) + "@example.org"),
                    &context, [&](const ReceiverState &state) {
                        const bool isRight = state.kind == Kind::Exists
                                             && QThread::currentThread() == own;
                        right += isRight ? 1 : 0;
                        if (++answers == questions) {
                            loop.quit();
                        }
                    });
            }
            QTimer::singleShot(20s, &loop, &QEventLoop::quit);
            loop.exec();
        }));
        running.back()->start();
    }
    QTRY_VERIFY_WITH_TIMEOUT(std::all_of(running.begin(), running.end(),
                                         [](const auto &thread) { return thread->isFinished(); }),
                             25'000);
    QCOMPARE(right, threads * questions);
    QVERIFY(countOf(mx, "RCPT") <= questions + 1);
}

void TestReceiverVerification::keepsAnswersForTheirLifetime()
{
    ScriptedMx mx;
    bool exists = false;
    mx.script = [&](int, const QByteArray &line) {
        return !exists && line.startsWith("RCPT") ? QByteArray("550 5.1.1 no\r\n")
                                                  : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("new@example.org")->kind), static_cast<int>(Kind::Unknown));
    exists = true;  // The mailbox is made after its first mail was refused.
    bench.clock.advance(2h);
    QCOMPARE(static_cast<int>(bench.ask("new@example.org")->kind), static_cast<int>(Kind::Unknown));
    QCOMPARE(countOf(mx, "RCPT"), 1);
    bench.clock.advance(1h);
    QVERIFY2(bench.ask("new@example.org")->kind == Kind::Exists, "R5 negative answers are bounded");
    bench.clock.advance(std::chrono::days(6));
    QCOMPARE(static_cast<int>(bench.ask("new@example.org")->kind), static_cast<int>(Kind::Exists));
    QCOMPARE(countOf(mx, "RCPT"), 2);
    exists = false;
    bench.clock.advance(std::chrono::days(32));
    QCOMPARE(static_cast<int>(bench.ask("new@example.org")->kind), static_cast<int>(Kind::Unknown));
}

void TestReceiverVerification::renewsAnOldAnswerBehindTheScenes()
{
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.start();
    QVERIFY(bench.ask("old@example.org"));
    bench.clock.advance(std::chrono::days(8));
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? QByteArray("550 5.1.1 left\r\n") : mx.polite(line);
    };
    QVERIFY2(bench.ask("old@example.org")->kind == Kind::Exists, "the old answer holds meanwhile");
    QTRY_COMPARE(countOf(mx, "RCPT"), 2);
    QTRY_COMPARE(static_cast<int>(bench.ask("old@example.org")->kind),
                 static_cast<int>(Kind::Unknown));
}

void TestReceiverVerification::holdsAnAnswerWhileTheNextHopIsDown()
{
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.settings.receivers.idle = 0ms;
    bench.start();
    QVERIFY(bench.ask("known@example.org"));
    QTRY_COMPARE(mx.openConnections, 0);
    mx.close();
    bench.clock.advance(std::chrono::days(8));
    for (int i = 0; i < 10; ++i) {
        QCOMPARE(static_cast<int>(bench.ask("known@example.org")->kind),
                 static_cast<int>(Kind::Exists));
    }
    QTRY_COMPARE(bench.verifier->statistics().connections, 2);
    QCOMPARE(static_cast<int>(bench.ask("other@example.org")->kind),
             static_cast<int>(Kind::Undecided));
    QCOMPARE(static_cast<int>(bench.ask("known@example.org")->kind),
             static_cast<int>(Kind::Exists));
    QCOMPARE(bench.verifier->statistics().connections, 2);
}

void TestReceiverVerification::remembersAcrossARestart()
{
    QTemporaryDir folder;
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT TO:<no@") ? QByteArray("550 5.1.1 no\r\n") : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.settings.receiverFile = folder.filePath(QStringLiteral("receivers"));
    bench.start();
    QVERIFY(bench.ask("yes@example.org"));
    QVERIFY(bench.ask("no@example.org"));
    bench.verifier.reset();
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("yes@example.org")->kind), static_cast<int>(Kind::Exists));
    const auto unknown = bench.ask("no@example.org");
    QCOMPARE(static_cast<int>(unknown->kind), static_cast<int>(Kind::Unknown));
    QCOMPARE(unknown->reply, QByteArray("550 5.1.1 no"));
    QCOMPARE(countOf(mx, "RCPT"), 2);
}

void TestReceiverVerification::doesNotTrustADamagedFile()
{
    QTemporaryDir folder;
    ScriptedMx mx;
    VerifierBench bench(mx.serverPort());
    bench.settings.receiverFile = folder.filePath(QStringLiteral("receivers"));
    bench.start();
    QVERIFY(bench.ask("yes@example.org"));
    bench.verifier.reset();
    QFile file(bench.settings.receiverFile);
    QVERIFY(file.open(QIODevice::ReadWrite));
    QVERIFY(file.size() > 60);
    QVERIFY(file.seek(50) && file.putChar('!'));
    file.close();
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("yes@example.org")->kind), static_cast<int>(Kind::Exists));
    QCOMPARE(countOf(mx, "RCPT"), 2);
}

void TestReceiverVerification::forgetsWhatAnotherRouteSaid()
{
    ScriptedMx former;
    ScriptedMx latter;
    former.script = [&former](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? QByteArray("550 5.1.1 no\r\n") : former.polite(line);
    };
    VerifierBench bench(former.serverPort());
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("who@example.org")->kind), static_cast<int>(Kind::Unknown));
    bench.routeTo(latter.serverPort());
    bench.verifier->setSettings(bench.current());
    QCOMPARE(static_cast<int>(bench.ask("who@example.org")->kind), static_cast<int>(Kind::Exists));
    QCOMPARE(countOf(former, "RCPT"), 1);
    QCOMPARE(countOf(latter, "RCPT"), 1);
}

void TestReceiverVerification::findsTheHostsByDns()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("example.org", "@ MX 10 down\n@ MX 20 up\ndown A 127.0.0.3\nup A 127.0.0.2\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    ScriptedMx mx(QHostAddress(QStringLiteral("127.0.0.2")));
    VerifierBench bench;
    bench.settings.mxPort = mx.serverPort();
    bench.resolver.servers = {dns.server()};
    bench.start();
    QVERIFY2(bench.ask("who@example.org")->kind == Kind::Exists, "the second MX answers");
    QCOMPARE(static_cast<int>(bench.ask("who@other.example")->kind),
             static_cast<int>(Kind::Undecided));
}

void TestReceiverVerification::changesTheConnectionAfterManyRefusals()
{
    ScriptedMx mx;
    mx.script = [&mx](int, const QByteArray &line) {
        return line.startsWith("RCPT") ? QByteArray("550 5.1.1 no\r\n") : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.settings.receivers.connections = 1;
    bench.start();
    for (int i = 0; i < 25; ++i) {
        QCOMPARE(static_cast<int>(bench.ask("a" + QByteArray::number(i) + "@example.org")->kind),
                 static_cast<int>(Kind::Unknown));
    }
    QCOMPARE(mx.connections, 3);
}

void TestReceiverVerification::asksAgainWhenAKeptConnectionWasClosed()
{
    ScriptedMx mx;
    mx.script = [&mx](int connection, const QByteArray &line) {
        const bool closes = connection == 1 && line.contains("second@");
        return closes ? QByteArray(ScriptedMx::hangUp) : mx.polite(line);
    };
    VerifierBench bench(mx.serverPort());
    bench.start();
    QCOMPARE(static_cast<int>(bench.ask("first@example.org")->kind),
             static_cast<int>(Kind::Exists));
    QCOMPARE(static_cast<int>(bench.ask("second@example.org")->kind),
             static_cast<int>(Kind::Exists));
    QCOMPARE(mx.connections, 2);
}

void TestReceiverVerification::boundsTheQueue()
{
    ScriptedMx mx;
    mx.greeting = {};
    VerifierBench bench(mx.serverPort());
    bench.settings.receivers.pending = 50;
    bench.start();
    int undecided = 0;
    QObject context;
    for (int i = 0; i < 200; ++i) {
        bench.verifier->verify(*mail::Address::parse('a' + QByteArray::number(i) + "@example.org"),
                               &context, [&](const ReceiverState &state) {
                                   undecided += state.kind == Kind::Undecided ? 1 : 0;
                               });
    }
    QTRY_COMPARE(undecided, 150);
    QCOMPARE(bench.verifier->statistics().pending, 50);
    QVERIFY(mx.mostOpenConnections <= bench.settings.receivers.connections);
}

void TestReceiverVerification::answersWhoWaitsWhenItStops()
{
    ScriptedMx mx;
    mx.greeting = {};
    VerifierBench bench(mx.serverPort());
    bench.start();
    int undecided = 0;
    QObject context;
    const auto count = [&](const ReceiverState &state) {
        undecided += state.kind == Kind::Undecided ? 1 : 0;
    };
    for (int i = 0; i < 10; ++i) {
        bench.verifier->verify(*mail::Address::parse('a' + QByteArray::number(i) + "@example.org"),
                               &context, count);
    }
    bench.verifier->stop();
    bench.verifier->verify(*mail::Address::parse("late@example.org"), &context, count);
    QTRY_COMPARE(undecided, 11);
}

}  // namespace portcullis::delivery

QTEST_GUILESS_MAIN(portcullis::delivery::TestReceiverVerification)
#include "tst_receiver_verification.moc"
