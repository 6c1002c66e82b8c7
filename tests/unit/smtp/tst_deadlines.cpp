// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/Deadlines.h"
#include "EngineBench.h"

#include <QtTest/QTest>

namespace portcullis::smtp {

using namespace std::chrono_literals;
using Expired = Deadlines::Expired;

namespace {

/// A session whose clock we turn.
struct TimedBench {
    explicit TimedBench(const SessionSettings &settings)
        : bench(settings)
        , deadlines(bench.engine.settings().limits, clock.monotonic())
    {
        bench.greet();
        look();
    }

    void look(bool hasUnwritten = false)
    {
        deadlines.observe(bench.engine, hasUnwritten, clock.monotonic());
    }
    Expired after(std::chrono::milliseconds time)
    {
        clock.advance(time);
        return deadlines.check(bench.engine, clock.monotonic());
    }
    void say(QByteArrayView octets)
    {
        bench.say(octets);
        look();
    }
    void beginData() { say("MAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\nDATA\r\n"); }

    ManualClock clock;
    EngineBench bench;
    Deadlines deadlines;
};

}  // namespace

class TestDeadlines : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void doesNotProlongACommandByOctets();
    void asksForAMinimumRate();
    void endsDataInAll();
    void endsSlowChunks();
    void givesUpOnAClientThatDoesNotRead();
    void endsAHandshake();
    void endsAnOldSessionBetweenTransactions();
    void leavesAWaitingSessionAlone();
};

void TestDeadlines::doesNotProlongACommandByOctets()
{
    TimedBench session({});
    // S14: an octet every 30 s.
    for (int i = 0; i < 10; ++i) {
        QVERIFY(session.after(30s) == Expired::No);
        session.say("N");
    }
    QVERIFY(session.after(1s) == Expired::Command);
    // A complete command starts the time anew.
    TimedBench lively({});
    for (int i = 0; i < 10; ++i) {
        QVERIFY(lively.after(200s) == Expired::No);
        lively.say("NOOP\r\n");
    }
}

void TestDeadlines::asksForAMinimumRate()
{
    SessionSettings settings;
    settings.limits.dataGrace = 10s;
    TimedBench session(settings);
    session.beginData();
    // 500 octets a second are enough, however they come.
    for (int i = 0; i < 100; ++i) {
        session.say(QByteArray(500, 'x'));
        QVERIFY(session.after(1s) == Expired::No);
    }
    // S14: after that an octet every second is not.
    int seconds = 0;
    while (session.after(1s) == Expired::No && seconds < 100) {
        session.say("x");
        ++seconds;
    }
    QVERIFY(seconds >= 9 && seconds <= 12);
}

void TestDeadlines::endsDataInAll()
{
    SessionSettings settings;
    settings.limits.dataRate = 0;
    TimedBench session(settings);
    session.beginData();
    QVERIFY(session.after(59min) == Expired::No);
    session.say(QByteArray(100'000, 'x'));
    QVERIFY(session.after(2min) == Expired::Data);
}

void TestDeadlines::endsSlowChunks()
{
    TimedBench session({});
    session.say("MAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\n");
    // S8, S14: tiny chunks with pauses shorter than the command timeout.
    Expired expired = Expired::No;
    for (int i = 0; i < 10 && expired == Expired::No; ++i) {
        session.say("BDAT 1\r\nx");
        expired = session.after(100s);
    }
    QVERIFY(expired == Expired::Data);
}

void TestDeadlines::givesUpOnAClientThatDoesNotRead()
{
    TimedBench session({});
    session.look(true);
    QVERIFY(session.after(100s) == Expired::No);
    session.look(true);
    QVERIFY(session.after(30s) == Expired::Write);
}

void TestDeadlines::endsAHandshake()
{
    SessionSettings settings;
    settings.extensions.setFlag(Extension::StartTls);
    TimedBench session(settings);
    session.say("STARTTLS\r\n");
    QVERIFY(session.after(59s) == Expired::No);
    QVERIFY(session.after(2s) == Expired::Handshake);
}

void TestDeadlines::endsAnOldSessionBetweenTransactions()
{
    TimedBench session({});
    for (int i = 0; i < 60; ++i) {
        session.say("NOOP\r\n");
        QVERIFY(session.after(4min) == Expired::No);
    }
    session.say("NOOP\r\n");
    QVERIFY(session.after(1min) == Expired::Session);
}

void TestDeadlines::leavesAWaitingSessionAlone()
{
    TimedBench session({});
    session.bench.handler.isAsynchronous = true;
    session.say("MAIL FROM:<a@one.example>\r\n");
    QVERIFY(session.after(48h) == Expired::No);
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestDeadlines)
#include "tst_deadlines.moc"
