// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/UnboundResolver.h"
#include "tests/support/dns/TestDnsServer.h"

#include <QtNetwork/QUdpSocket>
#include <QtTest/QTest>

#include <optional>

namespace portcullis {

using namespace std::chrono_literals;

class TestUnboundResolver final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void findsRecords();
    void tellsNoNameFromNoData();
    void refusesWhatIsNoName();
    void answersNeverBeforeLookupReturns();
    void forgetsLookupsOfDeadContexts();
    void timesOutWithoutBlocking();
    void refusesBadSettings_data();
    void refusesBadSettings();
    void boundsPendingLookups();

private:
    Result<DnsAnswer> ask(UnboundResolver &resolver, const QByteArray &name, DnsType type);

    test::TestDnsServer m_dns;
    std::unique_ptr<UnboundResolver> m_resolver;
};

void TestUnboundResolver::initTestCase()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    m_dns.addZone("example.test", "@ MX 20 b\n@ MX 10 a\na A 192.0.2.1\nb AAAA 2001:db8::2\n"
                                  "long TXT \"one \" \"two\"\nalias CNAME a\n"
                                  "_25._tcp.a TLSA 3 1 1 "
                                  "000102030405060708090a0b0c0d0e0f"
                                  "101112131415161718191a1b1c1d1e1f\n");
    m_dns.addZone("2.0.192.in-addr.arpa", "1 PTR a.example.test.\n");
    QVERIFY2(m_dns.start(), qPrintable(m_dns.errorText()));
    ResolverSettings settings;
    settings.servers = {m_dns.server()};
    auto resolver = UnboundResolver::create(settings);
    QVERIFY2(resolver.has_value(), qPrintable(resolver ? QString() : resolver.error().toString()));
    m_resolver = std::move(*resolver);
}

Result<DnsAnswer> TestUnboundResolver::ask(UnboundResolver &resolver,
                                           const QByteArray &name,
                                           DnsType type)
{
    std::optional<Result<DnsAnswer>> found;
    resolver.lookup(name, type, this, [&](Result<DnsAnswer> answer) { found = std::move(answer); });
    if (!QTest::qWaitFor([&] { return found.has_value(); }, 15'000)) {
        return Error::transient("test.no-answer", QStringLiteral("the callback never ran"));
    }
    return std::move(*found);
}

void TestUnboundResolver::findsRecords()
{
    auto mx = ask(*m_resolver, "example.test", DnsType::Mx);
    QVERIFY2(mx.has_value(), qPrintable(mx ? QString() : mx.error().toString()));
    const auto hosts = mxHostsOf(*mx);
    QCOMPARE(hosts.size(), size_t(2));
    QCOMPARE(hosts.front().name, QByteArray("a.example.test"));
    QVERIFY(mx->ttl > 0s);
    QVERIFY(!mx->isSecure);

    QCOMPARE(addressesOf(*ask(*m_resolver, "alias.example.test", DnsType::A)).front().toString(),
             QStringLiteral("192.0.2.1"));
    QCOMPARE(textsOf(*ask(*m_resolver, "long.example.test.", DnsType::Txt)).front(),
             QByteArray("one two"));
    QCOMPARE(namesOf(*ask(*m_resolver, "1.2.0.192.in-addr.arpa", DnsType::Ptr)).front(),
             QByteArray("a.example.test"));
    QCOMPARE(ask(*m_resolver, "_25._tcp.a.example.test", DnsType::Tlsa)->records.front().size(),
             qsizetype(35));
}

void TestUnboundResolver::tellsNoNameFromNoData()
{
    QCOMPARE(ask(*m_resolver, "nobody.example.test", DnsType::A)->kind, DnsAnswer::Kind::NoName);
    QCOMPARE(ask(*m_resolver, "a.example.test", DnsType::Mx)->kind, DnsAnswer::Kind::NoData);
    const auto refused = ask(*m_resolver, "elsewhere.invalid-zone.example", DnsType::A);
    QVERIFY(!refused.has_value());
    QCOMPARE(refused.error().id, QByteArray("dns.servfail"));
}

void TestUnboundResolver::refusesWhatIsNoName()
{
    for (const QByteArray &name :
         {QByteArray("a..example.test"), QByteArray(64, 'a') + ".test", QByteArray("a b.test"),
          QByteArray(), QByteArray("x\\032.test"), QByteArray(300, 'a')}) {
        QCOMPARE(ask(*m_resolver, name, DnsType::A)->kind, DnsAnswer::Kind::NoName);
    }
}

void TestUnboundResolver::answersNeverBeforeLookupReturns()
{
    bool hasReturned = false;
    int answers = 0;
    for (const QByteArray &name : {QByteArray("a.example.test"), QByteArray("no such name")}) {
        hasReturned = false;
        m_resolver->lookup(name, DnsType::A, this, [&](const Result<DnsAnswer> &) {
            QVERIFY(hasReturned);
            ++answers;
        });
        hasReturned = true;
    }
    QTRY_COMPARE(answers, 2);
}

void TestUnboundResolver::forgetsLookupsOfDeadContexts()
{
    auto context = std::make_unique<QObject>();
    bool isCalled = false;
    m_resolver->lookup("a.example.test", DnsType::A, context.get(),
                       [&](const Result<DnsAnswer> &) { isCalled = true; });
    context.reset();
    QVERIFY(ask(*m_resolver, "b.example.test", DnsType::Aaaa).has_value());
    QTest::qWait(50);
    QVERIFY(!isCalled);
}

void TestUnboundResolver::timesOutWithoutBlocking()
{
    QUdpSocket silent;  // Takes questions, never answers (F7).
    QVERIFY(silent.bind(QHostAddress::LocalHost));
    ResolverSettings settings;
    settings.servers = {QStringLiteral("127.0.0.1:%1").arg(silent.localPort())};
    settings.timeout = 300ms;
    auto resolver = UnboundResolver::create(settings);
    QVERIFY(resolver.has_value());
    const auto answer = ask(**resolver, "slow.example.test", DnsType::A);
    QVERIFY(!answer.has_value());
    QCOMPARE(answer.error().id, QByteArray("dns.timeout"));
    QCOMPARE((*resolver)->pending(), 0);
}

void TestUnboundResolver::refusesBadSettings_data()
{
    QTest::addColumn<QString>("server");
    QTest::newRow("a name") << QStringLiteral("ns.example.org");
    QTest::newRow("port 0") << QStringLiteral("127.0.0.1:0");
    QTest::newRow("port too high") << QStringLiteral("127.0.0.1:70000");
    QTest::newRow("unfinished bracket") << QStringLiteral("[::1");
    QTest::newRow("nothing") << QString();
}

void TestUnboundResolver::refusesBadSettings()
{
    QFETCH(QString, server);
    ResolverSettings settings;
    settings.servers = {server};
    const auto resolver = UnboundResolver::create(settings);
    QVERIFY(!resolver.has_value());
    QCOMPARE(resolver.error().id, QByteArray("dns.setup"));
}

void TestUnboundResolver::boundsPendingLookups()
{
    QUdpSocket silent;
    QVERIFY(silent.bind(QHostAddress::LocalHost));
    ResolverSettings settings;
    settings.servers = {QStringLiteral("127.0.0.1:%1").arg(silent.localPort())};
    settings.maxPending = 2;
    auto resolver = UnboundResolver::create(settings);
    QVERIFY(resolver.has_value());
    QObject context;
    for (const char *name : {"one.example.test", "two.example.test"}) {
        (*resolver)->lookup(name, DnsType::A, &context, [](const Result<DnsAnswer> &) {});
    }
    const auto third = ask(**resolver, "three.example.test", DnsType::A);
    QVERIFY(!third.has_value());
    QCOMPARE(third.error().id, QByteArray("dns.timeout"));
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestUnboundResolver)
#include "tst_resolver.moc"
