// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Destination.h"
#include "appliance/delivery/HostFinder.h"
#include "appliance/delivery/LifetimeClock.h"
#include "appliance/delivery/Route.h"

#include <QtCore/QHash>
#include <QtCore/QTemporaryDir>
#include <QtCore/QtEndian>
#include <QtCore/QTimer>
#include <QtTest/QTest>

#include <algorithm>

namespace portcullis::delivery {

using namespace std::chrono_literals;

/// DNS as the test says. Names not told of do not exist.
class FakeResolver final : public Resolver
{
public:
    void lookup(const QByteArray &name, DnsType type, QObject *context, Callback done) override
    {
        QTimer::singleShot(0, context, [this, name, type, done = std::move(done)] {
            const auto key = qMakePair(name, static_cast<int>(type));
            if (failing.contains(name)) {
                done(Error::transient("dns.servfail", QString::fromUtf8(name)));
            } else if (records.contains(key)) {
                done(DnsAnswer{DnsAnswer::Kind::Records, records[key], isSecure, 60s});
            } else {
                const bool isKnown = std::any_of(
                    records.keyBegin(), records.keyEnd(),
                    [&](const auto &known) { return known.first == name; });
                done(DnsAnswer{isKnown ? DnsAnswer::Kind::NoData : DnsAnswer::Kind::NoName,
                               {},
                               isSecure,
                               60s});
            }
        });
    }
    static QByteArray wireName(const QByteArray &name)
    {
        QByteArray wire;
        for (const QByteArray &label : name.split('.')) {
            wire += static_cast<char>(label.size()) + label;
        }
        return wire + '\0';
    }
    void mx(const QByteArray &domain, quint16 preference, const QByteArray &host)
    {
        QByteArray rdata(2, '\0');
        qToBigEndian(preference, rdata.data());
        records[{domain, static_cast<int>(DnsType::Mx)}].push_back(
            rdata + (host.isEmpty() ? QByteArray(1, '\0') : wireName(host)));
    }
    void a(const QByteArray &host, const char *address)
    {
        QByteArray rdata(4, '\0');
        qToBigEndian(QHostAddress(QString::fromLatin1(address)).toIPv4Address(), rdata.data());
        records[{host, static_cast<int>(DnsType::A)}].push_back(rdata);
    }

    QHash<QPair<QByteArray, int>, std::vector<QByteArray>> records;
    QList<QByteArray> failing;
    bool isSecure = false;
};

class TestDeliveryParts final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void routes_data();
    void routes();
    void findsHosts_data();
    void findsHosts();
    void boundsWhatDnsSays();
    void wantsSecureTlsaForDane();
    void growsWaits();
    void ages();
    void agesAcrossRestarts();
    void letsMessagesTakeTurns();
    void leavesADeadDestinationAlone();
};

namespace {

QByteArray textOf(const HostList &list)
{
    QByteArrayList parts;
    for (const Host &host : list.hosts) {
        parts += host.name + '=' + host.address.toString().toUtf8();
    }
    return list.problem.code == 0
               ? parts.join(' ')
               : QByteArray::number(list.problem.code) + ' ' + list.problem.enhanced;
}

HostList find(Resolver &resolver, const Route &route, const DeliverySettings &settings)
{
    HostFinder finder(resolver);
    std::optional<HostList> found;
    finder.find(route, std::make_shared<const DeliverySettings>(settings),
                [&](HostList list) { found = std::move(list); });
    [[maybe_unused]] const bool isDone = QTest::qWaitFor([&] { return found.has_value(); });
    return found.value_or(HostList{{}, {999, "9.9.9", "no answer"}, {}, 0s});
}

}  // namespace

void TestDeliveryParts::routes_data()
{
    QTest::addColumn<QByteArray>("recipient");
    QTest::addColumn<QByteArray>("key");
    QTest::newRow("transport of the address")
        << QByteArray("vip@ours.example") << QByteArray("smtp:[vip.example]:25 0");
    QTest::newRow("transport of the domain")
        << QByteArray("a@lmtp.example") << QByteArray("lmtp:[127.0.0.1]:24 0");
    QTest::newRow("transport of a parent domain")
        << QByteArray("a@x.y.sub.example") << QByteArray("smtp:hub.example:2525 0");
    QTest::newRow("relay domain") << QByteArray("a@ours.example")
                                  << QByteArray("smtp:[relay.example]:26 0");
    QTest::newRow("anything else")
        << QByteArray("a@far.example") << QByteArray("smtp:[smart.example]:587 0");
    QTest::newRow("TLS policy is part of it")
        << QByteArray("a@secure.example") << QByteArray("smtp:[smart.example]:587 2");
}

void TestDeliveryParts::routes()
{
    QFETCH(QByteArray, recipient);
    QFETCH(QByteArray, key);
    config::Config config;
    config.relayDomains["ours.example"] = {"ours.example", false, {}};
    config.mail.relay = config::NextHop{config::Protocol::Smtp, "relay.example", 26, false};
    config.mail.smarthost = config::NextHop{config::Protocol::Smtp, "smart.example", 587, false};
    config.transports["vip@ours.example"] = {
        "vip@ours.example", {config::Protocol::Smtp, "vip.example", 25, false}, {}};
    config.transports["lmtp.example"] = {
        "lmtp.example", {config::Protocol::Lmtp, "127.0.0.1", 24, false}, {}};
    config.transports[".sub.example"] = {
        ".sub.example", {config::Protocol::Smtp, "hub.example", 2525, true}, {}};
    config.tlsPolicies["secure.example"] = {"secure.example", config::TlsLevel::Encrypt, {}, {}};
    QCOMPARE(routeFor(config, *mail::Address::parse(recipient)).key(), key);
}

void TestDeliveryParts::findsHosts_data()
{
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<bool>("useMx");
    QTest::addColumn<bool>("isConfigured");
    QTest::addColumn<QByteArray>("found");
    const auto row = [](const char *name, const QByteArray &domain, bool useMx, bool isConfigured,
                        const QByteArray &found) {
        QTest::newRow(name) << domain << useMx << isConfigured << found;
    };
    row("MX by preference", "two.example", true, false, "a.example=192.0.2.1 b.example=192.0.2.2");
    row("no MX: the domain itself", "b.example", true, false, "b.example=192.0.2.2");
    row("brackets: no MX", "b.example", false, true, "b.example=192.0.2.2");
    row("an address", "192.0.2.9", false, true, "=192.0.2.9");
    row("unknown domain", "nowhere.example", true, false, "550 5.1.2");
    row("unknown relay waits", "nowhere.example", false, true, "451 4.4.4");
    row("null MX", "null.example", true, false, "556 5.1.10");
    row("server failure waits", "fail.example", true, false, "451 4.4.3");
    row("MX whose hosts do not exist", "ghost.example", true, false, "554 5.4.4");
    row("MX whose hosts cannot be looked up", "halffail.example", true, false, "451 4.4.3");
    row("R3 we are the best MX", "self.example", true, false, "554 5.4.6");
    row("R3 only better MX than us", "backup.example", true, false, "a.example=192.0.2.1");
    row("R3 MX with our address", "alias.example", true, false, "554 5.4.6");
    row("R8 loopback MX", "loop.example", true, false, "554 5.4.4");
    row("R8 multicast MX", "multi.example", true, false, "554 5.4.4");
    row("R8 unspecified MX", "zero.example", true, false, "554 5.4.4");
    row("loopback relay is fine", "127.0.0.1", false, true, "=127.0.0.1");
}

void TestDeliveryParts::findsHosts()
{
    QFETCH(QByteArray, domain);
    QFETCH(bool, useMx);
    QFETCH(bool, isConfigured);
    QFETCH(QByteArray, found);
    FakeResolver resolver;
    resolver.a("a.example", "192.0.2.1");
    resolver.a("b.example", "192.0.2.2");
    resolver.a("ours.example", "192.0.2.100");
    resolver.a("lo.example", "127.0.0.1");
    resolver.a("mc.example", "224.0.0.1");
    resolver.a("zero-host.example", "0.0.0.0");
    resolver.mx("two.example", 20, "b.example");
    resolver.mx("two.example", 10, "a.example");
    resolver.mx("null.example", 0, {});
    resolver.mx("ghost.example", 10, "ghost-host.example");
    resolver.mx("halffail.example", 10, "fail.example");
    resolver.mx("self.example", 10, "gw.example");
    resolver.mx("self.example", 10, "a.example");
    resolver.mx("backup.example", 5, "a.example");
    resolver.mx("backup.example", 10, "gw.example");
    resolver.mx("backup.example", 20, "b.example");
    resolver.mx("alias.example", 10, "ours.example");
    resolver.mx("loop.example", 10, "lo.example");
    resolver.mx("multi.example", 10, "mc.example");
    resolver.mx("zero.example", 10, "zero-host.example");
    resolver.failing = {"fail.example"};
    DeliverySettings settings;
    settings.ownNames = {"gw.example"};
    settings.ownAddresses = {QHostAddress(QStringLiteral("192.0.2.100"))};
    Route route;
    route.nextHop = {config::Protocol::Smtp, domain, 25, useMx};
    route.isConfigured = isConfigured;
    QCOMPARE(textOf(find(resolver, route, settings)), found);
}

void TestDeliveryParts::boundsWhatDnsSays()
{
    FakeResolver resolver;
    for (quint16 i = 0; i < 1000; ++i) {
        const QByteArray host = "mx" + QByteArray::number(i) + ".example";
        resolver.mx("r8.example", i, host);
        resolver.a(host, "192.0.2.1");
    }
    Route route;
    route.nextHop = {config::Protocol::Smtp, "r8.example", 25, true};
    const DeliverySettings settings;
    QCOMPARE(static_cast<int>(find(resolver, route, settings).hosts.size()), settings.mx.addresses);
}

void TestDeliveryParts::wantsSecureTlsaForDane()
{
    FakeResolver resolver;
    resolver.mx("dane.example", 10, "a.example");
    resolver.a("a.example", "192.0.2.1");
    resolver.records[{"_25._tcp.a.example", static_cast<int>(DnsType::Tlsa)}] = {
        QByteArray("\3\1\1", 3) + QByteArray(32, 'x')};
    Route route;
    route.nextHop = {config::Protocol::Smtp, "dane.example", 25, true};
    route.tls.level = config::TlsLevel::Dane;
    const DeliverySettings settings;

    HostList insecure = find(resolver, route, settings);
    QVERIFY(insecure.hosts.front().tls.tlsa.empty());
    QVERIFY(insecure.hosts.front().tlsProblem.isEmpty());
    route.tls.level = config::TlsLevel::DaneOnly;
    QVERIFY(!find(resolver, route, settings).hosts.front().tlsProblem.isEmpty());

    resolver.isSecure = true;
    QCOMPARE(find(resolver, route, settings).hosts.front().tls.tlsa.size(), size_t(1));
    resolver.failing = {"_25._tcp.a.example"};
    route.tls.level = config::TlsLevel::Dane;
    QVERIFY2(!find(resolver, route, settings).hosts.front().tlsProblem.isEmpty(),
             "RFC 7672 §2.2: a failed look-up must not become plain text");
    resolver.failing.clear();
    resolver.records[{"_25._tcp.a.example", static_cast<int>(DnsType::Tlsa)}] = {
        QByteArray("\0\1\1", 3) + QByteArray(32, 'x')};
    QCOMPARE(find(resolver, route, settings).hosts.front().tls.level, config::TlsLevel::Encrypt);
}

void TestDeliveryParts::growsWaits()
{
    const BackoffSchedule schedule{300s, 4000s, 0.1};
    QCOMPARE(schedule.waitAfter(1, 0.5), 300'000ms);
    QCOMPARE(schedule.waitAfter(2, 0.5), 600'000ms);
    QCOMPARE(schedule.waitAfter(4, 0.5), 2'400'000ms);
    QCOMPARE(schedule.waitAfter(5, 0.5), 4'000'000ms);
    QCOMPARE(schedule.waitAfter(4'000'000'000U, 0.5), 4'000'000ms);
    QCOMPARE(schedule.waitAfter(0, 0.0), 270'000ms);
    QVERIFY(schedule.waitAfter(1, 0.999) < 330'000ms);
}

void TestDeliveryParts::ages()
{
    ManualClock clock;
    LifetimeClock lifetime(clock, {});
    const Clock::WallTime arrival = clock.wall();
    clock.advance(1h);
    lifetime.tick();
    QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(1h));

    clock.setWall(clock.wall() + std::chrono::years(10));  // F12
    QVERIFY(lifetime.tick() > 0s);
    QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(1h));
    const Clock::WallTime later = clock.wall();
    clock.advance(2h);
    lifetime.tick();
    QCOMPARE(lifetime.ageOf(later), std::chrono::microseconds(2h));
    QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(3h));

    clock.setWall(clock.wall() - std::chrono::years(10));  // The mistake is corrected.
    QVERIFY(lifetime.tick() < 0s);
    QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(3h));
    QCOMPARE(lifetime.ageOf(later), std::chrono::microseconds(0));

    clock.setWall(clock.wall() + 1min);  // NTP's work, not a jump.
    QCOMPARE(lifetime.tick(), std::chrono::microseconds(0));
}

void TestDeliveryParts::agesAcrossRestarts()
{
    QTemporaryDir folder;
    const QString file = folder.filePath(QStringLiteral("clock"));
    ManualClock clock;
    const Clock::WallTime arrival = clock.wall();
    {
        LifetimeClock lifetime(clock, file);
        clock.advance(1h);
        lifetime.tick();
    }
    clock.setWall(clock.wall() + 6h);  // An ordinary pause counts in full.
    {
        LifetimeClock lifetime(clock, file);
        QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(7h));
    }
    clock.setWall(clock.wall() + std::chrono::years(3));  // F12: a pause of years, or a jump.
    {
        LifetimeClock lifetime(clock, file);
        QCOMPARE(lifetime.ageOf(arrival), std::chrono::microseconds(19h));
    }
    LifetimeClock again(clock, file);
    QCOMPARE(again.ageOf(arrival), std::chrono::microseconds(19h));
}

void TestDeliveryParts::letsMessagesTakeTurns()
{
    Destination destination({}, {});
    const auto big = std::make_shared<ActiveMessage>();
    const auto small = std::make_shared<ActiveMessage>();
    destination.enqueue({{big, {0}, 0}, {big, {1}, 0}, {big, {2}, 0}});
    destination.enqueue({{small, {0}, 0}});
    QCOMPARE(destination.jobCount(), qsizetype(4));
    QCOMPARE(destination.take()->message, big);
    QCOMPARE(destination.take()->message, small);
    QCOMPARE(destination.take()->message, big);
    QCOMPARE(destination.take()->recipients, std::vector<int>{2});
    QVERIFY(!destination.take());
}

void TestDeliveryParts::leavesADeadDestinationAlone()
{
    const ConnectionLimits limits;
    const BackoffSchedule schedule{60s, 4000s, 0.0};
    Destination destination({}, limits);
    const Destination::Time start{};
    destination.died(start, schedule, 0.5, {451, "4.4.1", "refused"});
    QVERIFY(destination.isDead(start + 59s));
    QVERIFY(!destination.isDead(start + 60s));
    QCOMPARE(destination.window(), 1);
    destination.died(start + 60s, schedule, 0.5, {451, "4.4.1", "refused"});
    QVERIFY(destination.isDead(start + 179s));
    QVERIFY(!destination.isDead(start + 180s));
    destination.succeeded(limits);
    QCOMPARE(destination.window(), 2);
    QCOMPARE(destination.failures(), 0U);
}

}  // namespace portcullis::delivery

QTEST_GUILESS_MAIN(portcullis::delivery::TestDeliveryParts)
#include "tst_delivery_parts.moc"
