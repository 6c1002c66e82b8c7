// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/ClientLimits.h"

#include <QtTest/QTest>

#include <atomic>
#include <thread>

namespace portcullis::policy {

using namespace std::chrono_literals;
using Verdict = ClientLimits::Verdict;

namespace {

QHostAddress at(const char *text)
{
    return QHostAddress(QString::fromLatin1(text));
}

}  // namespace

class TestClientLimits : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void limitsOpenSessions();
    void treatsAnIpv6NetworkAsOneClient();
    void letsARateSlide();
    void countsOnlyWhatWasAllowed();
    void leavesExemptNetworksAlone();
    void switchesOffWithZero();
    void keepsItsMemory();
    void forgetsIdleClients();
    void staysRightOverThreads();
};

void TestClientLimits::limitsOpenSessions()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 2});
    auto first = limits.connect(at("192.0.2.1"));
    auto second = limits.connect(at("::ffff:192.0.2.1"));
    QVERIFY(first.verdict() == Verdict::Allowed && second.verdict() == Verdict::Allowed);
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::TooManyConnections);
    QVERIFY(limits.connect(at("192.0.2.2")).verdict() == Verdict::Allowed);
    first = {};
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::Allowed);
}

void TestClientLimits::treatsAnIpv6NetworkAsOneClient()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 1});
    // S15: rotation within a /64
    const auto first = limits.connect(at("2001:db8:0:1::1"));
    QVERIFY(limits.connect(at("2001:db8:0:1:ffff::2")).verdict() == Verdict::TooManyConnections);
    QVERIFY(limits.connect(at("2001:db8:0:2::1")).verdict() == Verdict::Allowed);
}

void TestClientLimits::letsARateSlide()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 0, .messagesPerMinute = 60});
    const QHostAddress client = at("192.0.2.1");
    const auto admitted = [&](int tries) {
        int count = 0;
        for (int i = 0; i < tries; ++i) {
            count += limits.countMessage(client) == Verdict::Allowed ? 1 : 0;
        }
        return count;
    };
    QCOMPARE(admitted(100), 60);
    clock.advance(60s);
    QCOMPARE(admitted(100), 0);
    clock.advance(30s);
    QCOMPARE(admitted(100), 30);
    clock.advance(10min);
    QCOMPARE(admitted(100), 60);
}

void TestClientLimits::countsOnlyWhatWasAllowed()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 0, .connectionsPerMinute = 1});
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::Allowed);
    for (int i = 0; i < 600; ++i) {
        clock.advance(100ms);
        (void)limits.connect(at("192.0.2.1"));
    }
    clock.advance(61s);
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::Allowed);
}

void TestClientLimits::leavesExemptNetworksAlone()
{
    ManualClock clock;
    ClientLimitSettings settings{.connections = 1, .recipientsPerMinute = 1};
    settings.exempt.push_back(QHostAddress::parseSubnet(QStringLiteral("192.0.2.0/24")));
    ClientLimits limits(clock, settings);
    const auto first = limits.connect(at("192.0.2.1"));
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::Allowed);
    QVERIFY(limits.countRecipient(at("192.0.2.9")) == Verdict::Allowed);
    QVERIFY(limits.countRecipient(at("192.0.2.9")) == Verdict::Allowed);
    QVERIFY(limits.countRecipient(at("198.51.100.9")) == Verdict::Allowed);
    QVERIFY(limits.countRecipient(at("198.51.100.9")) == Verdict::TooFast);
}

void TestClientLimits::switchesOffWithZero()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 0});
    std::vector<ClientLimits::Place> places;
    for (int i = 0; i < 1000; ++i) {
        places.push_back(limits.connect(at("192.0.2.1")));
        QVERIFY(places.back().verdict() == Verdict::Allowed);
    }
}

void TestClientLimits::keepsItsMemory()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 1, .maxClients = 1600});
    const auto held = limits.connect(at("192.0.2.1"));
    // S15: a flood from everywhere
    for (quint32 i = 0; i < 50'000; ++i) {
        (void)limits.connect(QHostAddress(0x0a00'0000U + i));
    }
    QVERIFY(limits.clientCount() <= 1600);
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::TooManyConnections);
}

void TestClientLimits::forgetsIdleClients()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 1});
    for (quint32 i = 0; i < 1000; ++i) {
        (void)limits.connect(QHostAddress(0x0a00'0000U + i));
    }
    QCOMPARE(limits.clientCount(), size_t(1000));
    clock.advance(5min);
    for (quint32 i = 0; i < 200; ++i) {
        (void)limits.connect(QHostAddress(0x0b00'0000U + i));
    }
    QVERIFY(limits.clientCount() < 400);
}

void TestClientLimits::staysRightOverThreads()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 0, .messagesPerMinute = 1000});
    std::atomic<int> admitted{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 500; ++j) {
                const auto place = limits.connect(at("192.0.2.1"));
                admitted += limits.countMessage(at("192.0.2.1")) == Verdict::Allowed ? 1 : 0;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(admitted.load(), 1000);
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestClientLimits)
#include "tst_client_limits.moc"
