// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblCheck.h"
#include "appliance/policy/dnsbl/DnsblHealth.h"

#include <QtTest/QTest>

#include <thread>

namespace portcullis::policy {

using namespace std::chrono_literals;
using Use = DnsblHealth::Advice::Use;
using TestResult = DnsblHealth::TestResult;

namespace {

const QByteArray list = "bl.example.test";

QHostAddress at(const char *text)
{
    return QHostAddress(QString::fromLatin1(text));
}

std::shared_ptr<const DnsblOutcome> outcomeWith(int score)
{
    DnsblOutcome outcome;
    outcome.score = score;
    return std::make_shared<const DnsblOutcome>(outcome);
}

}  // namespace

class TestDnsblHealth : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void believesOnlyTestedLists();
    void testsAgainOnce();
    void leavesOutWhatCannotBeBelieved_data();
    void leavesOutWhatCannotBeBelieved();
    void leavesOutSilentListsEverLonger();
    void forgivesSingleSilences();
    void judgesEachListAlone();
    void remembersOutcomesForTheirTime();
    void forgetsWhatWasDecidedOtherwise();
    void boundsItsMemory();
    void worksOverThreads();
};

void TestDnsblHealth::believesOnlyTestedLists()
{
    ManualClock clock;
    DnsblHealth health(clock);
    for (int i = 0; i < 3; ++i) {
        const auto advice = health.advise(list);
        QVERIFY(advice.use == Use::AskOnTest);
        QVERIFY(advice.wantsTest);  // The outcome of each depends on it.
    }
    health.noteTest(list, TestResult::Good);
    QVERIFY(health.advise(list).use == Use::Ask);
    QVERIFY(!health.advise(list).wantsTest);
}

void TestDnsblHealth::testsAgainOnce()
{
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest(list, TestResult::Good);
    clock.advance(31min);
    QVERIFY(health.advise(list).wantsTest);
    QVERIFY(!health.advise(list).wantsTest);
    QVERIFY(health.advise(list).use == Use::Ask);
    clock.advance(61s);
    QVERIFY2(health.advise(list).wantsTest, "a test that never ended must not be the last one");
    health.noteTest(list, TestResult::Good);
    clock.advance(29min);
    QVERIFY(!health.advise(list).wantsTest);
}

void TestDnsblHealth::leavesOutWhatCannotBeBelieved_data()
{
    QTest::addColumn<int>("result");
    QTest::addColumn<bool>("voidsOutcomes");
    QTest::newRow("F7 lists everybody") << int(TestResult::ListsAll) << true;
    QTest::newRow("F7 refuses our resolver") << int(TestResult::RefusesUs) << false;
}

void TestDnsblHealth::leavesOutWhatCannotBeBelieved()
{
    QFETCH(int, result);
    QFETCH(bool, voidsOutcomes);
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest(list, TestResult::Good);
    const quint64 before = health.generation();
    health.noteTest(list, static_cast<TestResult>(result));
    QCOMPARE(health.generation() != before, voidsOutcomes);
    QVERIFY(health.advise(list).use == Use::LeaveOut);
    clock.advance(29min);
    QVERIFY(health.advise(list).use == Use::LeaveOut);
    clock.advance(2min);
    QVERIFY(health.advise(list).use == Use::AskOnTest);
    health.noteTest(list, static_cast<TestResult>(result));
    QVERIFY(health.advise(list).use == Use::LeaveOut);
    clock.advance(31min);
    health.noteTest(list, TestResult::Good);
    QVERIFY(health.advise(list).use == Use::Ask);
}

void TestDnsblHealth::leavesOutSilentListsEverLonger()
{
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest(list, TestResult::Good);
    for (int i = 0; i < 5; ++i) {
        QVERIFY(health.advise(list).use == Use::Ask);
        health.noteSilence(list);
    }
    for (const auto pause : {60s, 120s, 240s, 480s, 960s, 1800s, 1800s}) {
        QVERIFY(health.advise(list).use == Use::LeaveOut);
        clock.advance(pause - 1s);
        QVERIFY(health.advise(list).use == Use::LeaveOut);
        clock.advance(1s);
        QVERIFY(health.advise(list).use == Use::AskOnTest);
        health.noteTest(list, TestResult::Unanswered);  // One silence is enough now.
    }
    clock.advance(1h);
    health.noteTest(list, TestResult::Good);
    QVERIFY(health.advise(list).use == Use::Ask);
}

void TestDnsblHealth::forgivesSingleSilences()
{
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest(list, TestResult::Good);
    for (int i = 0; i < 100; ++i) {
        health.noteSilence(list);
        if (i % 4 == 3) {
            health.noteAnswer(list);
        }
    }
    QVERIFY(health.advise(list).use == Use::Ask);
}

void TestDnsblHealth::judgesEachListAlone()
{
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest(list, TestResult::Good);
    health.noteRefusal("other.example.test");
    QVERIFY(health.advise(list).use == Use::Ask);
    QVERIFY(health.advise("other.example.test").use == Use::LeaveOut);
}

void TestDnsblHealth::remembersOutcomesForTheirTime()
{
    ManualClock clock;
    DnsblCache cache(clock);
    cache.put(at("192.0.2.1"), 1, outcomeWith(1), 0s);     // At least a minute,
    cache.put(at("192.0.2.2"), 1, outcomeWith(2), 10min);  // as long as DNS says,
    cache.put(at("192.0.2.3"), 1, outcomeWith(3), 100h);   // at most an hour.
    QCOMPARE(cache.find(at("::ffff:192.0.2.1"), 1)->score, 1);
    clock.advance(59s);
    QVERIFY(cache.find(at("192.0.2.1"), 1) != nullptr);
    clock.advance(1s);
    QVERIFY(cache.find(at("192.0.2.1"), 1) == nullptr);
    clock.advance(9min);
    QVERIFY(cache.find(at("192.0.2.2"), 1) == nullptr);
    clock.advance(49min);
    QVERIFY(cache.find(at("192.0.2.3"), 1) != nullptr);
    clock.advance(1min);
    QVERIFY(cache.find(at("192.0.2.3"), 1) == nullptr);
}

void TestDnsblHealth::forgetsWhatWasDecidedOtherwise()
{
    ManualClock clock;
    DnsblCache cache(clock);
    cache.put(at("2001:db8::1"), 1, outcomeWith(1), 1h);
    QVERIFY(cache.find(at("2001:db8::1"), 2) == nullptr);
    QVERIFY(cache.find(at("2001:db8::2"), 1) == nullptr);
    cache.put(at("2001:db8::1"), 2, outcomeWith(5), 1h);
    QCOMPARE(cache.find(at("2001:db8::1"), 2)->score, 5);
}

/// S15: clients from everywhere.
void TestDnsblHealth::boundsItsMemory()
{
    ManualClock clock;
    DnsblLimits limits;
    limits.maxClients = 1600;
    DnsblCache cache(clock, limits);
    for (quint32 i = 0; i < 20'000; ++i) {
        cache.put(QHostAddress(0x0a000000U + i), 1, outcomeWith(1), 1h);
    }
    QVERIFY(cache.size() <= 1600);
    QVERIFY2(cache.find(QHostAddress(0x0a000000U + 19'999), 1) != nullptr, "the youngest stays");
    QVERIFY2(cache.find(QHostAddress(0x0a000000U), 1) == nullptr, "the oldest goes");
}

void TestDnsblHealth::worksOverThreads()
{
    SystemClock &clock = SystemClock::instance();
    DnsblHealth health(clock);
    DnsblLimits limits;
    limits.maxClients = 320;
    DnsblCache cache(clock, limits);
    std::vector<std::thread> threads;
    for (quint32 i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            for (quint32 j = 0; j < 2000; ++j) {
                const QHostAddress client((i * 7 + j) % 500);
                const quint64 stamp = health.generation();
                if (const auto outcome = cache.find(client, stamp)) {
                    QVERIFY(outcome->score == int(client.toIPv4Address()));
                }
                cache.put(client, stamp, outcomeWith(int(client.toIPv4Address())), 1h);
                const QByteArray domain = "l" + QByteArray::number(j % 3);
                if (health.advise(domain).wantsTest) {
                    health.noteTest(domain, j % 50 == 0 ? TestResult::ListsAll : TestResult::Good);
                }
                j % 5 == 0 ? health.noteSilence(domain) : health.noteAnswer(domain);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QVERIFY(cache.size() <= 320);
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestDnsblHealth)
#include "tst_dnsbl_health.moc"
