// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/ClientLimits.h"

#include <QtTest/QTest>

#include <atomic>
#include <thread>
#include <vector>

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
    void treatsANetworkAsOneClient_data();
    void treatsANetworkAsOneClient();
    void limitsRecipients();
    void givesPlacesBackOverAReload();
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

void TestClientLimits::treatsANetworkAsOneClient_data()
{
    QTest::addColumn<int>("prefix4");
    QTest::addColumn<int>("prefix6");
    QTest::addColumn<QByteArray>("first");
    QTest::addColumn<QByteArray>("second");
    QTest::addColumn<bool>("isSame");
    const auto row = [](const char *name, int prefix4, int prefix6, const char *first,
                        const char *second, bool isSame) {
        QTest::newRow(name) << prefix4 << prefix6 << QByteArray(first) << QByteArray(second)
                            << isSame;
    };
    row("IPv4 neighbours are two", 32, 64, "192.0.2.1", "192.0.2.2", false);
    row("IPv4 and the same mapped", 32, 64, "192.0.2.1", "::ffff:192.0.2.1", true);
    row("S15 IPv4 /24", 24, 64, "192.0.2.1", "192.0.2.254", true);
    row("beside an IPv4 /24", 24, 64, "192.0.2.1", "192.0.3.1", false);
    row("IPv4 /8", 8, 64, "10.1.2.3", "10.255.0.1", true);
    row("IPv4 prefix leaves IPv6 alone", 8, 64, "2001:db8:0:1::1", "2001:db8:0:2::1", false);
    row("S15 rotation within a /64", 32, 64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true);
    row("beside a /64", 32, 64, "2001:db8:0:1::1", "2001:db8:0:2::1", false);
    row("S15 rotation within a /48", 32, 48, "2001:db8:7:1::1", "2001:db8:7:ffff::1", true);
    row("single IPv6 addresses", 32, 128, "2001:db8::1", "2001:db8::2", false);
    row("IPv6 /127", 32, 127, "2001:db8::2", "2001:db8::3", true);
    row("IPv6 /65", 32, 65, "2001:db8::1", "2001:db8::8000:0:0:1", false);
    row("an IPv6 prefix leaves mapped IPv4 alone", 32, 16, "192.0.2.1", "::ffff:192.0.2.2", false);
}

void TestClientLimits::treatsANetworkAsOneClient()
{
    QFETCH(int, prefix4);
    QFETCH(int, prefix6);
    QFETCH(QByteArray, first);
    QFETCH(QByteArray, second);
    QFETCH(bool, isSame);
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 1, .prefix4 = prefix4, .prefix6 = prefix6});
    const auto place = limits.connect(at(first));
    QVERIFY(place.verdict() == Verdict::Allowed);
    QCOMPARE(limits.connect(at(second)).verdict() == Verdict::TooManyConnections, isSame);
}

void TestClientLimits::limitsRecipients()
{
    ManualClock clock;
    ClientLimits limits(clock, {.messagesPerMinute = 1, .recipientsPerMinute = 100, .prefix4 = 24});
    int allowed = 0;
    for (int i = 0; i < 200; ++i) {
        const QHostAddress client(0xc0000200U + quint32(i % 250));
        allowed += limits.countRecipient(client) == Verdict::Allowed ? 1 : 0;
    }
    QCOMPARE(allowed, 100);
    // Each rate has a counter of its own.
    QVERIFY(limits.countMessage(at("192.0.2.1")) == Verdict::Allowed);
    QVERIFY(limits.countMessage(at("192.0.2.1")) == Verdict::TooFast);
    clock.advance(2min);
    QVERIFY(limits.countRecipient(at("192.0.2.9")) == Verdict::Allowed);
}

void TestClientLimits::givesPlacesBackOverAReload()
{
    ManualClock clock;
    ClientLimits limits(clock, {.connections = 1});
    {
        const auto old = limits.connect(at("192.0.2.1"));
        limits.setSettings({.connections = 1, .prefix4 = 24});
        const auto now = limits.connect(at("192.0.2.7"));
        QVERIFY(now.verdict() == Verdict::Allowed);
        QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::TooManyConnections);
        limits.setSettings({.connections = 1});
        QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::TooManyConnections);
    }
    QVERIFY(limits.connect(at("192.0.2.1")).verdict() == Verdict::Allowed);
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

/// S15: clients of few networks meet on all threads, while settings are read anew.
void TestClientLimits::staysRightOverThreads()
{
    constexpr int threadCount = 8;
    constexpr int rounds = 500;
    constexpr int networks = 4;
    ManualClock clock;
    const ClientLimitSettings settings{
        .connections = threadCount, .messagesPerMinute = 300, .recipientsPerMinute = 600};
    ClientLimits limits(clock, settings);
    std::atomic<int> messages{0};
    std::atomic<int> recipients{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < threadCount; ++i) {
        threads.emplace_back([&, i] {
            for (int j = 0; j < rounds; ++j) {
                const QHostAddress client(0xc0000200U + quint32((i + j) % networks));
                const auto place = limits.connect(client);
                refused += place.verdict() == Verdict::Allowed ? 0 : 1;
                messages += limits.countMessage(client) == Verdict::Allowed ? 1 : 0;
                recipients += limits.countRecipient(client) == Verdict::Allowed ? 1 : 0;
                if (j % 50 == 0) {
                    limits.setSettings(settings);
                }
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    QCOMPARE(refused.load(), 0);
    QCOMPARE(messages.load(), networks * 300);
    QCOMPARE(recipients.load(), networks * 600);
    QCOMPARE(limits.clientCount(), size_t(networks));
    // All places were given back.
    std::vector<ClientLimits::Place> places;
    for (int i = 0; i < threadCount; ++i) {
        places.push_back(limits.connect(at("192.0.2.0")));
        QVERIFY(places.back().verdict() == Verdict::Allowed);
    }
    QVERIFY(limits.connect(at("192.0.2.0")).verdict() == Verdict::TooManyConnections);
}

}  // namespace portcullis::policy

QTEST_APPLESS_MAIN(portcullis::policy::TestClientLimits)
#include "tst_client_limits.moc"
