// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/UnboundResolver.h"
#include "appliance/policy/dnsbl/DnsblCheck.h"
#include "tests/support/dns/HostileDnsServer.h"
#include "tests/support/dns/TestDnsServer.h"

#include <QtTest/QTest>

#include <algorithm>
#include <optional>

namespace portcullis::policy {

using namespace std::chrono_literals;
using test::HostileDnsServer;
using Behaviour = HostileDnsServer::Behaviour;
using OutcomePointer = std::shared_ptr<const DnsblOutcome>;

namespace {

/// 203.0.113.9 and 2001:db8::9 are on all lists but good, 198.51.100.7 is on good and bad.
constexpr auto listedZone =
    "2.0.0.127 A 127.0.0.2\n"
    "9.113.0.203 A 127.0.0.2\n"
    "9.113.0.203 A 127.0.0.10\n"
    "9.113.0.203 TXT \"See https://bad.example/?ip=203.0.113.9\" \"\\007!\"\n"
    "7.100.51.198 A 127.0.0.4\n"
    "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    " A 127.0.0.3\n";
constexpr auto goodZone = "2.0.0.127 A 127.0.0.2\n7.100.51.198 A 127.0.5.1\n";

QHostAddress at(const char *text)
{
    return QHostAddress(QString::fromLatin1(text));
}

/// A check of its own thread with everything that it needs, as the gateway has it.
class Bench
{
public:
    explicit Bench(const QString &server,
                   const QByteArray &sites,
                   int threshold = 1,
                   const DnsblLimits &limits = {},
                   std::chrono::milliseconds dnsTimeout = 10s)
        : health(clock)
        , cache(clock, limits)
    {
        ResolverSettings settings;
        settings.servers = {server};
        settings.timeout = dnsTimeout;
        resolver = std::move(*UnboundResolver::create(settings));
        check.emplace(*resolver, health, cache, limits);
        auto read = DnsblSites::parse(sites, threshold);
        if (!read) {
            qFatal("%s", qPrintable(read.error().toString()));
        }
        check->setSites(std::make_shared<const DnsblSites>(std::move(*read)));
    }

    /// Has the lists tested, so that which answer comes first does not matter.
    void testLists(const QByteArrayList &domains)
    {
        QObject context;
        check->testLists(&context);
        for (const QByteArray &domain : domains) {
            // One that nobody serves never gets there.
            (void)QTest::qWaitFor(
                [&] { return health.advise(domain).use != DnsblHealth::Advice::Use::AskOnTest; },
                1000);
        }
    }

    OutcomePointer ask(const QHostAddress &client)
    {
        OutcomePointer found;
        QObject context;
        check->check(client, &context, [&found](const OutcomePointer &outcome) {
            Q_ASSERT(!found);
            found = outcome;
        });
        Q_ASSERT(!found);
        return QTest::qWaitFor([&found] { return found != nullptr; }, 15'000) ? found : nullptr;
    }

    ManualClock clock;
    DnsblHealth health;
    DnsblCache cache;
    std::unique_ptr<UnboundResolver> resolver;
    std::optional<DnsblCheck> check;
};

QByteArrayList listsOf(const DnsblOutcome &outcome)
{
    QByteArrayList lists;
    for (const verdict::DnsblFinding &finding : outcome.findings) {
        lists.append(finding.list + '=' + finding.answer + '*'
                     + QByteArray::number(finding.weight));
    }
    std::sort(lists.begin(), lists.end());
    return lists;
}

}  // namespace

class TestDnsblCheck : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void scoresClients_data();
    void scoresClients();
    void saysWhy();
    void hidesKeysFromClients();
    void asksNobodyWithoutLists();
    void remembersClients();
    void forgetsClientsWithOtherLists();
    void endsWithItsContext();
    void endsEarly_data();
    void endsEarly();
    void waitsForListsOfTheGood();
    void isNeutralToBadServers_data();
    void isNeutralToBadServers();
    void isNeutralWhenDnsIsDown();
    void recoversWithDns();
    void switchesLyingListsOff_data();
    void switchesLyingListsOff();
    void findsOutWhenAListBeginsToLie();
    void countsSlowAnswersOnlyInTime();
    void survivesFloodsOfQuestions();
    void sparesTheSameClientALookup();

private:
    test::TestDnsServer m_dns;
};

void TestDnsblCheck::initTestCase()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    m_dns.addZone("bad.test", listedZone);
    m_dns.addZone("worse.test", listedZone);
    m_dns.addZone("secret1234567890secret.paid.test", listedZone);
    m_dns.addZone("good.test", goodZone);
    // RFC 5782 section 5: a list must not have 127.0.0.1. This one lists the world.
    m_dns.addZone("dead.test", "* A 127.0.0.2\n");
    m_dns.addZone("wide.test", "2.0.0.127 A 127.0.0.2\n*.113.0.203 A 127.255.255.254\n");
    m_dns.addZone("parked.test", "* A 198.51.100.80\n");
    // R8: an answer that does not fit UDP, so that it comes over TCP.
    QByteArray large = "2.0.0.127 A 127.0.0.2\n";
    for (int i = 0; i < 200; ++i) {
        large += "9.113.0.203 A 127.0.1." + QByteArray::number(i) + '\n';
    }
    m_dns.addZone("large.test", large);
    QVERIFY2(m_dns.start(), qPrintable(m_dns.errorText()));
}

void TestDnsblCheck::scoresClients_data()
{
    QTest::addColumn<QByteArray>("sites");
    QTest::addColumn<int>("threshold");
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<bool>("isRefused");
    QTest::addColumn<int>("score");
    QTest::addColumn<QByteArrayList>("findings");
    const auto row = [](const char *name, const QByteArray &sites, int threshold,
                        const QByteArray &client, bool isRefused, int score,
                        const QByteArrayList &findings) {
        QTest::newRow(name) << sites << threshold << client << isRefused << score << findings;
    };
    row("listed", "bad.test", 1, "203.0.113.9", true, 1, {"bad.test=127.0.0.2*1"});
    row("not listed", "bad.test", 1, "203.0.113.10", false, 0, {});
    row("IPv4-mapped", "bad.test", 1, "::ffff:203.0.113.9", true, 1, {"bad.test=127.0.0.2*1"});
    row("IPv6 listed", "bad.test*3", 2, "2001:db8::9", true, 3, {"bad.test=127.0.0.3*3"});
    row("IPv6 not listed", "bad.test", 1, "2001:db8::a", false, 0, {});
    row("filter", "bad.test=127.0.0.10*2", 2, "203.0.113.9", true, 2, {"bad.test=127.0.0.10*2"});
    row("beside the filter", "bad.test=127.0.0.[3..9]", 1, "203.0.113.9", false, 0, {});
    row("both filters of one list", "bad.test=127.0.0.2*2 bad.test=127.0.0.10*3", 5, "203.0.113.9",
        true, 5, {"bad.test=127.0.0.10*3", "bad.test=127.0.0.2*2"});
    row("below the threshold", "bad.test bad.test=127.0.0.99*9", 2, "203.0.113.9", false, 1,
        {"bad.test=127.0.0.2*1"});
    row("two agree", "bad.test worse.test", 2, "203.0.113.9", true, 2,
        {"bad.test=127.0.0.2*1", "worse.test=127.0.0.2*1"});
    row("a good list makes up for it", "bad.test*2 good.test=127.0.[0..255].[1..3]*-2", 1,
        "198.51.100.7", false, 0, {"bad.test=127.0.0.4*2", "good.test=127.0.5.1*-2"});
    row("a good list that is too light", "bad.test*5 good.test*-2 good.test=127.9.9.9*-9", 3,
        "198.51.100.7", true, 3, {"bad.test=127.0.0.4*5", "good.test=127.0.5.1*-2"});
    row("threshold 0 notes only", "bad.test worse.test", 0, "203.0.113.9", false, 2,
        {"bad.test=127.0.0.2*1", "worse.test=127.0.0.2*1"});
    row("F7 a list that lists the world", "dead.test*5 bad.test", 1, "203.0.113.9", true, 1,
        {"bad.test=127.0.0.2*1"});
    row("F7 addresses outside 127/8", "parked.test*5", 1, "203.0.113.9", false, 0, {});
    row("F7 refuses our resolver", "wide.test*5", 1, "203.0.113.9", false, 0, {});
    row("F7 a zone that nobody serves", "unserved.test*5 bad.test", 1, "203.0.113.9", true, 1,
        {"bad.test=127.0.0.2*1"});
    row("R8 200 records over TCP", "large.test=127.0.1.199*7", 7, "203.0.113.9", true, 7,
        {"large.test=127.0.1.199*7"});
}

void TestDnsblCheck::scoresClients()
{
    QFETCH(QByteArray, sites);
    QFETCH(int, threshold);
    QFETCH(QByteArray, client);
    QFETCH(bool, isRefused);
    QFETCH(int, score);
    QFETCH(QByteArrayList, findings);
    Bench bench(m_dns.server(), sites, threshold);
    QByteArrayList domains;
    const auto read = DnsblSites::parse(sites, threshold);
    for (const DnsblList &list : read->lists()) {
        domains.append(list.domain);
    }
    bench.testLists(domains);
    const auto outcome = bench.ask(at(client));
    QVERIFY(outcome != nullptr);
    QCOMPARE(listsOf(*outcome), findings);
    QCOMPARE(outcome->score, score);
    QCOMPARE(outcome->isRefused, isRefused);
    QCOMPARE(outcome->refusal(at(client)).has_value(), isRefused);
}

void TestDnsblCheck::saysWhy()
{
    Bench bench(m_dns.server(), "worse.test bad.test*3 good.test*-1", 2);
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY(outcome != nullptr);
    // The heaviest list first, and its words, without what would steer a terminal.
    QCOMPARE(outcome->blamed.front(), QByteArray("bad.test"));
    QCOMPARE(outcome->reason, QByteArray("See https://bad.example/?ip=203.0.113.9?!"));
    const auto refusal = outcome->refusal(at("203.0.113.9"));
    QVERIFY(refusal.has_value());
    QCOMPARE(refusal->code, 554);
    QCOMPARE(refusal->enhanced, QByteArray("5.7.1"));
    QVERIFY2(refusal->text.startsWith("Service unavailable; client [203.0.113.9] blocked using "
                                      "bad.test"),
             refusal->text);
    QVERIFY(refusal->text.endsWith("See https://bad.example/?ip=203.0.113.9?!"));
    QVERIFY(refusal->text.size() < 450);
    QCOMPARE(QByteArray(refusal->check), QByteArray("dnsbl"));
}

void TestDnsblCheck::hidesKeysFromClients()
{
    Bench bench(m_dns.server(), "secret1234567890secret.paid.test");
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY(outcome && outcome->isRefused);
    QVERIFY(outcome->replyText(at("203.0.113.9")).contains("paid.test"));
    QVERIFY(!outcome->replyText(at("203.0.113.9")).contains("secret"));
    QCOMPARE(outcome->findings.front().list, QByteArray("paid.test"));
}

void TestDnsblCheck::asksNobodyWithoutLists()
{
    Bench bench(m_dns.server(), "");
    QVERIFY(bench.check->remembered(at("203.0.113.9")) != nullptr);
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY(outcome && !outcome->isRefused);
}

void TestDnsblCheck::remembersClients()
{
    Bench bench(m_dns.server(), "bad.test");
    QVERIFY(bench.check->remembered(at("203.0.113.9")) == nullptr);
    const auto first = bench.ask(at("203.0.113.9"));
    QVERIFY(first && first->isRefused);
    QCOMPARE(bench.check->remembered(at("::ffff:203.0.113.9")), first);
    QCOMPARE(bench.ask(at("203.0.113.9")), first);
    // The zone's answers live 60 s.
    bench.clock.advance(61s);
    QVERIFY(bench.check->remembered(at("203.0.113.9")) == nullptr);
}

void TestDnsblCheck::forgetsClientsWithOtherLists()
{
    Bench bench(m_dns.server(), "bad.test");
    QVERIFY(bench.ask(at("203.0.113.9"))->isRefused);
    bench.check->setSites(std::make_shared<const DnsblSites>(*DnsblSites::parse("good.test", 1)));
    QVERIFY(!bench.ask(at("203.0.113.9"))->isRefused);
    bench.check->setSites(std::make_shared<const DnsblSites>(*DnsblSites::parse("bad.test", 1)));
    QVERIFY(bench.ask(at("203.0.113.9"))->isRefused);
    // A list that turns out to lie takes its victims along.
    bench.health.noteTest("bad.test", DnsblHealth::TestResult::ListsAll);
    QVERIFY(bench.check->remembered(at("203.0.113.9")) == nullptr);
    QVERIFY(!bench.ask(at("203.0.113.9"))->isRefused);
}

void TestDnsblCheck::endsWithItsContext()
{
    HostileDnsServer server;
    server.setRule("slow.test", {Behaviour::Answers, {"127.0.0.2"}, 100ms});
    DnsblLimits limits;
    limits.deadline = 200ms;
    Bench bench(server.server(), "slow.test", 1, limits);
    auto context = std::make_unique<QObject>();
    bool isCalled = false;
    bench.check->check(at("203.0.113.9"), context.get(),
                       [&isCalled](const OutcomePointer &) { isCalled = true; });
    context.reset();
    QTest::qWait(500);
    QVERIFY(!isCalled);
}

void TestDnsblCheck::endsEarly_data()
{
    QTest::addColumn<QByteArray>("sites");
    QTest::addColumn<bool>("isRefused");
    QTest::newRow("enough is enough") << QByteArray("bad.test*2 silent.test*1") << true;
    QTest::newRow("the good list cannot make up for it")
        << QByteArray("bad.test*5 silent.test*-3") << true;
    QTest::newRow("the bad list could not reach it")
        << QByteArray("empty.test*2 silent.test*1") << false;
    QTest::newRow("the good list is not needed")
        << QByteArray("empty.test*2 silent.test*-3") << false;
}

void TestDnsblCheck::endsEarly()
{
    QFETCH(QByteArray, sites);
    QFETCH(bool, isRefused);
    HostileDnsServer server;
    server.setRule("9.113.0.203.bad.test", {Behaviour::Answers, {"127.0.0.2"}});
    server.setRule("silent.test", {Behaviour::Silent});
    DnsblLimits limits;
    limits.deadline = 1h;  // Whoever waits for the silent list never gets there.
    limits.reason = 0ms;
    Bench bench(server.server(), sites, 2, limits, 1h);
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY2(outcome != nullptr, "waited for the silent list");
    QCOMPARE(outcome->isRefused, isRefused);
    QVERIFY(server.questionCount("silent.test") > 0);
}

void TestDnsblCheck::waitsForListsOfTheGood()
{
    HostileDnsServer server;
    server.setRule("9.113.0.203.bad.test", {Behaviour::Answers, {"127.0.0.2"}});
    server.setRule("9.113.0.203.good.test", {Behaviour::Answers, {"127.0.0.2"}, 300ms});
    Bench bench(server.server(), "bad.test*2 good.test*-2", 2);
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY(outcome != nullptr);
    QVERIFY(!outcome->isRefused);
    QCOMPARE(outcome->findings.size(), size_t(2));
}

void TestDnsblCheck::isNeutralToBadServers_data()
{
    QTest::addColumn<int>("behaviour");
    QTest::newRow("F7 SERVFAIL") << int(Behaviour::ServFail);
    QTest::newRow("F7 no answer") << int(Behaviour::Silent);
    QTest::newRow("R8 truncated, and no TCP") << int(Behaviour::Truncated);
    QTest::newRow("R8 noise") << int(Behaviour::Garbage);
    QTest::newRow("R8 two octets") << int(Behaviour::HeaderOnly);
    QTest::newRow("R8 short RDATA") << int(Behaviour::ShortRdata);
    QTest::newRow("R8 announces 1,000 records") << int(Behaviour::CountLies);
    QTest::newRow("R8 a name that points to itself") << int(Behaviour::PointerLoop);
    QTest::newRow("R8 an alias of itself") << int(Behaviour::CnameLoop);
    QTest::newRow("R8 an answer to another question") << int(Behaviour::OtherName);
}

void TestDnsblCheck::isNeutralToBadServers()
{
    QFETCH(int, behaviour);
    HostileDnsServer server;
    server.setRule("bl.test", {static_cast<Behaviour>(behaviour)});
    DnsblLimits limits;
    limits.deadline = 400ms;
    Bench bench(server.server(), "bl.test*9", 1, limits);
    bench.health.noteTest("bl.test", DnsblHealth::TestResult::Good);
    const auto outcome = bench.ask(at("203.0.113.9"));
    QVERIFY(outcome != nullptr);
    QVERIFY(!outcome->isRefused);
    QCOMPARE(outcome->score, 0);
    if (behaviour == int(Behaviour::OtherName)) {
        return;  // Unbound drops the foreign record: there is no data of that name.
    }
    QCOMPARE(outcome->mute, std::vector<QByteArray>{"bl.test"});
    QVERIFY2(bench.check->remembered(at("203.0.113.9")) == nullptr,
             "what is not known must not be remembered");
}

/// F7: nothing answers at all. After a few clients nobody waits any more.
void TestDnsblCheck::isNeutralWhenDnsIsDown()
{
    test::TestDnsServer stopped;
    stopped.addZone("bad.test", listedZone);
    QVERIFY2(stopped.start(), qPrintable(stopped.errorText()));
    stopped.stop();
    DnsblLimits limits;
    limits.deadline = 100ms;
    Bench bench(stopped.server(), "bad.test*9", 1, limits);
    for (int i = 0; i < 8; ++i) {
        const auto outcome = bench.ask(QHostAddress(0xcb007101U + quint32(i)));
        QVERIFY(outcome && !outcome->isRefused);
        QCOMPARE(outcome->mute.size(), size_t(1));
    }
    QVERIFY(bench.health.advise("bad.test").use == DnsblHealth::Advice::Use::LeaveOut);
}

void TestDnsblCheck::recoversWithDns()
{
    test::TestDnsServer server;
    server.addZone("bad.test", listedZone);
    QVERIFY2(server.start(), qPrintable(server.errorText()));
    server.stop();
    DnsblLimits limits;
    limits.deadline = 100ms;
    Bench bench(server.server(), "bad.test*9", 1, limits, 500ms);
    for (quint32 i = 0; i < 6; ++i) {
        QVERIFY(!bench.ask(QHostAddress(0xcb007110U + i))->isRefused);
    }
    QVERIFY2(server.start(), qPrintable(server.errorText()));
    // A resolver of its own: libunbound's waits before it tries a dead server again.
    Bench later(server.server(), "bad.test*9");
    later.health.noteTest("bad.test", DnsblHealth::TestResult::RefusesUs);
    QVERIFY(!later.ask(at("203.0.113.9"))->isRefused);
    later.clock.advance(31min);
    QVERIFY(later.ask(at("203.0.113.9"))->isRefused);
}

void TestDnsblCheck::switchesLyingListsOff_data()
{
    QTest::addColumn<QByteArray>("suffix");
    QTest::addColumn<QByteArray>("answer");
    QTest::newRow("F7 every name is listed") << QByteArray("bl.test") << QByteArray("127.0.0.2");
    QTest::newRow("F7 the resolver sells names") << QByteArray("") << QByteArray("198.51.100.80");
    QTest::newRow("F7 asked too much") << QByteArray("bl.test") << QByteArray("127.255.255.254");
    QTest::newRow("F7 the wrong name of a list")
        << QByteArray("bl.test") << QByteArray("127.255.255.252");
    QTest::newRow("F7 only the IPv6 half lies")
        << QByteArray("1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test")
        << QByteArray("127.0.0.2");
}

void TestDnsblCheck::switchesLyingListsOff()
{
    QFETCH(QByteArray, suffix);
    QFETCH(QByteArray, answer);
    HostileDnsServer server;
    server.setRule("9.113.0.203.bl.test", {Behaviour::Answers, {"127.0.0.2"}});
    server.setRule("9.113.0.203.honest.test", {Behaviour::Answers, {"127.0.0.2"}});
    server.setRule(suffix, {Behaviour::Answers, {answer}});
    if (suffix.isEmpty()) {
        server.setRule("9.113.0.203.bl.test", {Behaviour::Answers, {answer}});
    } else {
        server.setRule("honest.test", {Behaviour::NoName});
    }
    Bench bench(server.server(), "bl.test*9", 9);
    QVERIFY(!bench.ask(at("203.0.113.9"))->isRefused);
    QVERIFY(bench.health.advise("bl.test").use == DnsblHealth::Advice::Use::LeaveOut);
    if (!suffix.isEmpty()) {
        bench.check->setSites(
            std::make_shared<const DnsblSites>(*DnsblSites::parse("bl.test*9 honest.test*9", 9)));
        QVERIFY2(bench.ask(at("203.0.113.9"))->isRefused, "the honest list goes on");
    }
}

/// F7: a list in use closes down and lists the world.
void TestDnsblCheck::findsOutWhenAListBeginsToLie()
{
    HostileDnsServer server;
    server.setRule("9.113.0.203.bl.test", {Behaviour::Answers, {"127.0.0.2"}, 0ms, 1});
    Bench bench(server.server(), "bl.test");
    QVERIFY(bench.ask(at("203.0.113.9"))->isRefused);
    QVERIFY(!bench.ask(at("203.0.113.10"))->isRefused);
    server.setRule("bl.test", {Behaviour::Answers, {"127.0.0.2"}, 0ms, 1});
    QVERIFY2(bench.ask(at("203.0.113.11"))->isRefused, "the next test is not due yet");
    QVERIFY(bench.check->remembered(at("203.0.113.11")) != nullptr);
    bench.clock.advance(31min);
    // The resolver of the test remembers that 127.0.0.1 was not listed; a new one does not.
    const auto fresh = std::move(*UnboundResolver::create(
        {.servers = {server.server()}, .timeout = 10s, .trustAnchorFile = {}, .maxPending = 100}));
    DnsblCheck later(*fresh, bench.health, bench.cache);
    later.setSites(std::make_shared<const DnsblSites>(*DnsblSites::parse("bl.test", 1)));
    QObject context;
    later.check(at("203.0.113.12"), &context, [](const OutcomePointer &) {});
    QTRY_VERIFY(bench.health.advise("bl.test").use == DnsblHealth::Advice::Use::LeaveOut);
    QVERIFY(bench.check->remembered(at("203.0.113.11")) == nullptr);
    QVERIFY(!bench.ask(at("203.0.113.11"))->isRefused);
}

void TestDnsblCheck::countsSlowAnswersOnlyInTime()
{
    HostileDnsServer server;
    server.setRule("bl.test", {Behaviour::Answers, {"127.0.0.2"}, 250ms});
    DnsblLimits limits;
    limits.deadline = 100ms;
    Bench bench(server.server(), "bl.test", 1, limits);
    bench.health.noteTest("bl.test", DnsblHealth::TestResult::Good);
    QVERIFY(!bench.ask(at("203.0.113.9"))->isRefused);  // F7: slow.
    // The answer came in meanwhile and waits in the resolver's cache.
    QTest::qWait(600);
    QVERIFY(bench.ask(at("203.0.113.9"))->isRefused);
}

void TestDnsblCheck::survivesFloodsOfQuestions()
{
    HostileDnsServer server;
    server.setRule("bl.test", {Behaviour::Silent});
    ResolverSettings settings;
    settings.servers = {server.server()};
    settings.maxPending = 10;
    const auto resolver = std::move(*UnboundResolver::create(settings));
    ManualClock clock;
    DnsblHealth health(clock);
    health.noteTest("bl.test", DnsblHealth::TestResult::Good);
    DnsblCache cache(clock);
    DnsblCheck check(*resolver, health, cache);
    check.setSites(std::make_shared<const DnsblSites>(*DnsblSites::parse("bl.test", 1)));
    int ended = 0;
    QObject context;
    for (quint32 i = 0; i < 500; ++i) {
        check.check(QHostAddress(0x0a000000U + i), &context,
                    [&ended](const OutcomePointer &outcome) {
                        QVERIFY(!outcome->isRefused);
                        ++ended;
                    });
    }
    QTRY_VERIFY_WITH_TIMEOUT(ended >= 490, 4000);
    // A flood must not switch a list off for everybody.
    QVERIFY(health.advise("bl.test").use == DnsblHealth::Advice::Use::Ask);
}

void TestDnsblCheck::sparesTheSameClientALookup()
{
    HostileDnsServer server;
    server.setRule("bl.test", {Behaviour::NoName});
    server.setRule("9.113.0.203.bl.test", {Behaviour::Answers, {"127.0.0.2"}});
    DnsblLimits limits;
    limits.reason = 0ms;
    Bench bench(server.server(), "bl.test=127.0.0.2 bl.test=127.0.0.[3..9]*2 bl.test", 1, limits);
    for (int i = 0; i < 5; ++i) {
        QVERIFY(bench.ask(at("203.0.113.9"))->isRefused);
    }
    QCOMPARE(server.questionCount("9.113.0.203.bl.test"), 1);
}

}  // namespace portcullis::policy

QTEST_GUILESS_MAIN(portcullis::policy::TestDnsblCheck)
#include "tst_dnsbl_check.moc"
