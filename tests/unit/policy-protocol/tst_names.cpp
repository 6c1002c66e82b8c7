// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/UnboundResolver.h"
#include "appliance/policy/protocol/ReverseName.h"
#include "appliance/policy/protocol/SenderDomain.h"
#include "tests/support/dns/HostileDnsServer.h"
#include "tests/support/dns/TestDnsServer.h"

#include <QtTest/QTest>

#include <optional>

namespace portcullis::policy {

using namespace std::chrono_literals;
using test::HostileDnsServer;
using Behaviour = HostileDnsServer::Behaviour;
using Reverse = ReverseNameResult::Kind;
using Sender = SenderDomainResult::Kind;

namespace {

QHostAddress at(const QByteArray &text)
{
    return QHostAddress(QString::fromLatin1(text));
}

std::unique_ptr<UnboundResolver> resolverFor(const QString &server,
                                             std::chrono::milliseconds timeout = 10s)
{
    ResolverSettings settings;
    settings.servers = {server};
    settings.timeout = timeout;
    auto resolver = UnboundResolver::create(settings);
    if (!resolver) {
        qFatal("%s", qPrintable(resolver.error().toString()));
    }
    return std::move(*resolver);
}

ReverseNameResult nameOf(Resolver &resolver,
                         const QHostAddress &client,
                         const ReverseNameLimits &limits = {})
{
    ReverseName names(resolver, limits);
    std::optional<ReverseNameResult> found;
    QObject context;
    names.find(client, &context, [&found](const ReverseNameResult &result) {
        Q_ASSERT(!found);
        found = result;
    });
    Q_ASSERT(!found);
    if (!QTest::qWaitFor([&found] { return found.has_value(); }, 20'000)) {
        qFatal("the callback never ran");
    }
    return *found;
}

SenderDomainResult domainOf(Resolver &resolver,
                            const mail::Address &sender,
                            const SenderDomainLimits &limits = {})
{
    SenderDomain domains(resolver, limits);
    std::optional<SenderDomainResult> found;
    QObject context;
    domains.check(sender, &context, [&found](const SenderDomainResult &result) {
        Q_ASSERT(!found);
        found = result;
    });
    Q_ASSERT(!found);
    if (!QTest::qWaitFor([&found] { return found.has_value(); }, 20'000)) {
        qFatal("the callback never ran");
    }
    return *found;
}

mail::Address senderFrom(const QByteArray &path)
{
    return *mail::Address::parsePath(path);
}

}  // namespace

class TestNames : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void confirmsNames_data();
    void confirmsNames();
    void asksReversedNames();
    void followsFewNames();
    void findsSenderDomains_data();
    void findsSenderDomains();
    void staysTemporaryWithBadServers_data();
    void staysTemporaryWithBadServers();
    void staysTemporaryWhenDnsIsDown();
    void keepsItsDeadline();
    void endsWithItsContext();

private:
    test::TestDnsServer m_dns;
    std::unique_ptr<UnboundResolver> m_resolver;
};

void TestNames::initTestCase()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    m_dns.addZone("example.test",
                  "mail A 203.0.113.1\nmail AAAA 2001:db8::1\nother A 203.0.113.77\n"
                  "multi A 203.0.113.3\nmulti A 203.0.113.4\nalias CNAME mail\n"
                  "mx MX 10 mail\nboth MX 10 mail\nboth MX 0 .\nnullmx MX 0 .\n"
                  "onlya A 203.0.113.1\nonlyaaaa AAAA 2001:db8::1\nonlytxt TXT \"no mail here\"\n"
                  "null-and-a MX 0 .\nnull-and-a A 203.0.113.1\n"
                  "cname-mx CNAME mx\nxn--bcher-kva MX 10 mail\nodd MX 10 \\032odd\n");
    m_dns.addZone("113.0.203.in-addr.arpa",
                  "1 PTR mail.example.test.\n2 PTR other.example.test.\n"
                  "3 PTR nobody.example.test.\n3 PTR multi.example.test.\n"
                  "5 PTR mail.unserved.test.\n6 PTR \\010evil\\032name.example.test.\n"
                  "7 CNAME 1.sub\n1.sub PTR alias7.example.test.\n8 TXT \"no PTR\"\n"
                  "9 PTR .\n");
    m_dns.addZone("8.b.d.0.1.0.0.2.ip6.arpa",
                  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR mail.example.test.\n"
                  "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR mail.example.test.\n");
    QVERIFY2(m_dns.start(), qPrintable(m_dns.errorText()));
    m_resolver = resolverFor(m_dns.server());
}

void TestNames::confirmsNames_data()
{
    QTest::addColumn<QByteArray>("client");
    QTest::addColumn<int>("kind");
    QTest::addColumn<QByteArray>("name");
    const auto row = [](const char *what, const QByteArray &client, Reverse kind,
                        const QByteArray &name) {
        QTest::newRow(what) << client << int(kind) << name;
    };
    row("there and back", "203.0.113.1", Reverse::Confirmed, "mail.example.test");
    row("IPv4-mapped", "::ffff:203.0.113.1", Reverse::Confirmed, "mail.example.test");
    row("IPv6", "2001:db8::1", Reverse::Confirmed, "mail.example.test");
    row("IPv6 of somebody else", "2001:db8::2", Reverse::Mismatch, "mail.example.test");
    row("the name of another host", "203.0.113.2", Reverse::Mismatch, "other.example.test");
    row("the second of two names", "203.0.113.3", Reverse::Confirmed, "multi.example.test");
    row("no PTR", "203.0.113.4", Reverse::NoName, "");
    row("other records only", "203.0.113.8", Reverse::NoName, "");
    row("the root as name", "203.0.113.9", Reverse::NoName, "");
    row("control characters in the name", "203.0.113.6", Reverse::NoName, "");
    row("the name's server is down", "203.0.113.5", Reverse::TempError, "");
    row("zone that nobody serves", "198.51.100.1", Reverse::TempError, "");
}

void TestNames::confirmsNames()
{
    QFETCH(QByteArray, client);
    QFETCH(int, kind);
    QFETCH(QByteArray, name);
    const auto result = nameOf(*m_resolver, at(client));
    QCOMPARE(int(result.kind), kind);
    QCOMPARE(result.confirmedName(), result.kind == Reverse::Confirmed ? name : QByteArray());
    if (result.kind != Reverse::TempError) {
        QCOMPARE(result.name, name);
    }
    const auto refusal = result.refusal(at(client));
    QCOMPARE(refusal.has_value(), result.kind != Reverse::Confirmed);
    if (refusal) {
        QCOMPARE(refusal->code, 450);
        QCOMPARE(refusal->enhanced, QByteArray("4.7.25"));
        QVERIFY(refusal->text.contains(client));
    }
}

void TestNames::asksReversedNames()
{
    QCOMPARE(reverseQueryName(AddressKey::of(at("192.0.2.55"))),
             QByteArray("55.2.0.192.in-addr.arpa"));
    QCOMPARE(
        reverseQueryName(AddressKey::of(at("2001:db8::567:89ab"))),
        QByteArray("b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
}

/// R8: anybody may point thousands of names at an address.
void TestNames::followsFewNames()
{
    test::TestDnsServer dns;
    QByteArray pointers;
    for (int i = 0; i < 200; ++i) {
        pointers += "1 PTR n" + QByteArray::number(i) + ".example.test.\n";
    }
    dns.addZone("113.0.203.in-addr.arpa", pointers);
    dns.addZone("example.test", "* A 203.0.113.99\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));

    /// Counts what is asked.
    class Counter final : public Resolver
    {
    public:
        explicit Counter(Resolver &next)
            : m_next(next)
        {
        }
        void lookup(const QByteArray &name, DnsType type, QObject *context, Callback done) override
        {
            ++count;
            m_next.lookup(name, type, context, std::move(done));
        }
        int count = 0;

    private:
        Resolver &m_next;
    };
    const auto resolver = resolverFor(dns.server());
    Counter counter(*resolver);
    QCOMPARE(nameOf(counter, at("203.0.113.1")).kind, Reverse::Mismatch);
    QCOMPARE(counter.count, 1 + 5);
}

void TestNames::findsSenderDomains_data()
{
    QTest::addColumn<QByteArray>("path");
    QTest::addColumn<int>("kind");
    QTest::addColumn<int>("code");
    QTest::addColumn<QByteArray>("enhanced");
    const auto row = [](const char *what, const QByteArray &path, Sender kind, int code = 0,
                        const QByteArray &enhanced = {}) {
        QTest::newRow(what) << path << int(kind) << code << enhanced;
    };
    row("MX", "<a@mx.example.test>", Sender::Exists);
    row("A without MX", "<a@onlya.example.test>", Sender::Exists);
    row("AAAA without MX", "<a@onlyaaaa.example.test>", Sender::Exists);
    row("alias of a domain", "<a@cname-mx.example.test>", Sender::Exists);
    row("U-label",
        "<a@b\xc3\xbc"
        "cher.example.test>",
        Sender::Exists);
    row("null path", "<>", Sender::Exists);
    row("IPv4 literal", "<a@[192.0.2.1]>", Sender::Exists);
    row("IPv6 literal", "<a@[IPv6:2001:db8::1]>", Sender::Exists);
    row("null MX beside another", "<a@both.example.test>", Sender::Exists);
    row("no such domain", "<a@nobody.example.test>", Sender::NoDomain, 550, "5.1.8");
    row("neither MX nor address", "<a@onlytxt.example.test>", Sender::NoDomain, 550, "5.1.8");
    row("null MX, RFC 7505", "<a@nullmx.example.test>", Sender::NullMx, 550, "5.7.27");
    row("null MX and an address", "<a@null-and-a.example.test>", Sender::NullMx, 550, "5.7.27");
    row("MX that is no host name", "<a@odd.example.test>", Sender::BadMx, 550, "5.1.8");
    row("zone that nobody serves", "<a@unserved.test>", Sender::TempError, 450, "4.1.8");
}

void TestNames::findsSenderDomains()
{
    QFETCH(QByteArray, path);
    QFETCH(int, kind);
    QFETCH(int, code);
    QFETCH(QByteArray, enhanced);
    const mail::Address sender = senderFrom(path);
    const auto result = domainOf(*m_resolver, sender);
    QCOMPARE(int(result.kind), kind);
    const auto refusal = result.refusal(sender);
    QCOMPARE(refusal ? refusal->code : 0, code);
    QCOMPARE(refusal ? refusal->enhanced : QByteArray(), enhanced);
    if (refusal) {
        QVERIFY(refusal->text.contains(sender.toString()));
    }
}

void TestNames::staysTemporaryWithBadServers_data()
{
    QTest::addColumn<int>("behaviour");
    QTest::newRow("F7 SERVFAIL") << int(Behaviour::ServFail);
    QTest::newRow("F7 no answer") << int(Behaviour::Silent);
    QTest::newRow("R8 truncated, and no TCP") << int(Behaviour::Truncated);
    QTest::newRow("R8 noise") << int(Behaviour::Garbage);
    QTest::newRow("R8 two octets") << int(Behaviour::HeaderOnly);
    QTest::newRow("R8 announces 1,000 records") << int(Behaviour::CountLies);
    QTest::newRow("R8 a name that points to itself") << int(Behaviour::PointerLoop);
    QTest::newRow("R8 an alias of itself") << int(Behaviour::CnameLoop);
}

void TestNames::staysTemporaryWithBadServers()
{
    QFETCH(int, behaviour);
    HostileDnsServer server;
    server.setRule("", {static_cast<Behaviour>(behaviour)});
    const auto resolver = resolverFor(server.server());
    const auto name = nameOf(*resolver, at("203.0.113.1"), {.deadline = 400ms});
    QCOMPARE(name.kind, Reverse::TempError);
    QCOMPARE(name.refusal(at("203.0.113.1"))->code, 450);
    const mail::Address sender = senderFrom("<a@mx.example.test>");
    const auto domain = domainOf(*resolver, sender, {.deadline = 400ms});
    QCOMPARE(domain.kind, Sender::TempError);
    QCOMPARE(domain.refusal(sender)->code, 450);
}

void TestNames::staysTemporaryWhenDnsIsDown()
{
    test::TestDnsServer stopped;
    stopped.addZone("example.test", "@ MX 10 mail\n");
    QVERIFY2(stopped.start(), qPrintable(stopped.errorText()));
    stopped.stop();
    const auto resolver = resolverFor(stopped.server(), 1s);
    QCOMPARE(nameOf(*resolver, at("203.0.113.1")).kind, Reverse::TempError);  // F7
    QCOMPARE(domainOf(*resolver, senderFrom("<a@example.test>")).kind, Sender::TempError);
}

void TestNames::keepsItsDeadline()
{
    HostileDnsServer server;
    server.setRule("", {Behaviour::Silent});
    const auto resolver = resolverFor(server.server(), 1h);
    // Both would wait for an hour otherwise.
    QCOMPARE(nameOf(*resolver, at("203.0.113.1"), {.deadline = 50ms}).kind, Reverse::TempError);
    QCOMPARE(domainOf(*resolver, senderFrom("<a@b.test>"), {.deadline = 50ms}).kind,
             Sender::TempError);
}

void TestNames::endsWithItsContext()
{
    HostileDnsServer server;
    server.setRule("", {Behaviour::NoName, {}, 50ms});
    const auto resolver = resolverFor(server.server());
    ReverseName names(*resolver, {.deadline = 100ms});
    SenderDomain domains(*resolver, {.deadline = 100ms});
    bool isCalled = false;
    auto context = std::make_unique<QObject>();
    names.find(at("203.0.113.1"), context.get(),
               [&isCalled](const ReverseNameResult &) { isCalled = true; });
    domains.check(senderFrom("<a@b.test>"), context.get(),
                  [&isCalled](const SenderDomainResult &) { isCalled = true; });
    domains.check(mail::Address(), context.get(),
                  [&isCalled](const SenderDomainResult &) { isCalled = true; });
    context.reset();
    QTest::qWait(300);
    QVERIFY(!isCalled);
}

}  // namespace portcullis::policy

QTEST_GUILESS_MAIN(portcullis::policy::TestNames)
#include "tst_names.moc"
