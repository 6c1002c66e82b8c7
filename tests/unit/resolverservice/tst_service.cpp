// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/BlockingResolver.h"
#include "appliance/base/UnboundResolver.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/unit/resolverservice/ServiceThread.h"

#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>
#include <QtNetwork/QUdpSocket>
#include <QtTest/QTest>

#include <atomic>
#include <thread>

namespace portcullis {

using namespace std::chrono_literals;

namespace {

/// Knows `fast.*` at once and is silent about everything else.
class HalfDeafResolver final : public Resolver
{
public:
    explicit HalfDeafResolver(QByteArray text)
        : m_text(std::move(text))
    {
    }
    void lookup(const QByteArray &name, DnsType /*type*/, QObject *context, Callback done) override
    {
        if (name.startsWith("fast.")) {
            const DnsAnswer answer{DnsAnswer::Kind::Records, {m_text + name}, false, 60s, {}};
            QTimer::singleShot(0, context, [answer, done = std::move(done)] { done(answer); });
        }
    }

private:
    QByteArray m_text;
};

BlockingResolverLimits impatient()
{
    return {0ms, 10s};
}

}  // namespace

class TestResolverService final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void asksHundredsOfNamesAtOnce();
    void tellsNoNameFromNoData();
    void brokenNamesAreNoNames();
    void aDeadServerIsTransient();
    void answersWhatIsKnownAtTheDeadline();
    void noQuestionsNoWait();
    void moreQuestionsThanAFrameHolds();
    void aMissingServiceFailsAtOnce();
    void waitsForAServiceThatIsBeingStarted();
    void aServiceKilledInTheMiddleIsNoHang();
    void reconnectsToANewService();
    void lateAnswersAreNotTakenForOthers();
    void newServersWithoutANewConnection();
    void aClientThatBreaksTheProtocolIsDisconnected_data();
    void aClientThatBreaksTheProtocolIsDisconnected();
    void aServiceThatTalksNonsenseIsAway_data();
    void aServiceThatTalksNonsenseIsAway();
    void tooManyConnectionsAreRefused();

private:
    [[nodiscard]] QString path() const { return m_folder.filePath(QStringLiteral("dns.sock")); }
    std::unique_ptr<test::ServiceThread> halfDeaf(const QByteArray &text = {},
                                                  ResolverServiceLimits limits = {});

    QTemporaryDir m_folder;
};

std::unique_ptr<test::ServiceThread> TestResolverService::halfDeaf(const QByteArray &text,
                                                                   ResolverServiceLimits limits)
{
    auto thread = std::make_unique<test::ServiceThread>(
        path(), [text] { return std::make_unique<HalfDeafResolver>(text); }, limits);
    return thread->start() ? std::move(thread) : nullptr;
}

namespace {

/// A service on a real name server.
std::unique_ptr<test::ServiceThread> serviceFor(const QString &path, const QString &server)
{
    auto thread = std::make_unique<test::ServiceThread>(path, [server] {
        ResolverSettings settings;
        settings.servers = {server};
        settings.timeout = 20s;
        settings.maxPending = 5000;
        auto resolver = UnboundResolver::create(settings);
        return resolver ? std::unique_ptr<Resolver>(std::move(*resolver)) : nullptr;
    });
    return thread->start() ? std::move(thread) : nullptr;
}

}  // namespace

void TestResolverService::asksHundredsOfNamesAtOnce()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("list.test", "* A 127.0.0.2\nonly TXT \"v\"\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    const auto service = serviceFor(path(), dns.server());
    QVERIFY(service);
    BlockingResolver resolver(path());
    std::vector<BlockingResolver::Question> questions;
    for (int i = 0; i < 600; ++i) {
        questions.push_back({"n" + QByteArray::number(i) + ".list.test", DnsType::A});
    }
    questions.push_back({"only.list.test", DnsType::Txt});
    for (int round = 0; round < 2; ++round) {  // From the server, then from the cache.
        const auto answers = resolver.lookup(questions, 20s);
        QCOMPARE(answers.size(), questions.size());
        for (size_t i = 0; i + 1 < answers.size(); ++i) {
            QVERIFY2(answers[i], answers[i] ? "" : qPrintable(answers[i].error().toString()));
            QCOMPARE(addressesOf(*answers[i]).size(), size_t(1));
        }
        QVERIFY(answers.back());
        QCOMPARE(textsOf(*answers.back()), std::vector<QByteArray>{"v"});
    }
}

void TestResolverService::tellsNoNameFromNoData()
{
    if (!test::TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    test::TestDnsServer dns;
    dns.addZone("example.test", "a A 192.0.2.1\nalias CNAME a\n");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    const auto service = serviceFor(path(), dns.server());
    QVERIFY(service);
    BlockingResolver resolver(path());
    QCOMPARE(resolver.lookup("a.example.test", DnsType::Txt, 20s)->kind, DnsAnswer::Kind::NoData);
    QCOMPARE(resolver.lookup("b.example.test", DnsType::Txt, 20s)->kind, DnsAnswer::Kind::NoName);
    QCOMPARE(resolver.lookup("alias.example.test", DnsType::A, 20s)->canonicalName,
             QByteArray("a.example.test"));
}

void TestResolverService::brokenNamesAreNoNames()
{
    const auto service = serviceFor(path(), QStringLiteral("127.0.0.1:9"));
    QVERIFY(service);
    BlockingResolver resolver(path());
    for (const QByteArray &name :
         {QByteArray(), QByteArray("a..b"), QByteArray(400, 'x'), QByteArray("a\0b", 3)}) {
        const auto answer = resolver.lookup(name, DnsType::A, 5s);
        QVERIFY(answer);
        QCOMPARE(answer->kind, DnsAnswer::Kind::NoName);
    }
}

void TestResolverService::aDeadServerIsTransient()
{
    QUdpSocket silent;
    QVERIFY(silent.bind(QHostAddress::LocalHost, 0));
    const auto service = serviceFor(path(), QStringLiteral("127.0.0.1:%1").arg(silent.localPort()));
    QVERIFY(service);
    BlockingResolver resolver(path());
    const auto answer = resolver.lookup("a.test", DnsType::A, 500ms);
    QVERIFY(!answer);
    QVERIFY(answer.error().isTransient());
    QCOMPARE(answer.error().id, QByteArray("dns.timeout"));
}

void TestResolverService::answersWhatIsKnownAtTheDeadline()
{
    const auto service = halfDeaf("=");
    QVERIFY(service);
    BlockingResolver resolver(path());
    const auto answers = resolver.lookup(
        {{"fast.a", DnsType::A}, {"slow.a", DnsType::A}, {"fast.b", DnsType::A}}, 600ms);
    QCOMPARE(answers.size(), size_t(3));
    QCOMPARE(answers[0]->records.front(), QByteArray("=fast.a"));
    QCOMPARE(answers[1].error().id, QByteArray("dns.timeout"));
    QCOMPARE(answers[2]->records.front(), QByteArray("=fast.b"));
}

void TestResolverService::noQuestionsNoWait()
{
    BlockingResolver resolver(path());
    QVERIFY(resolver.lookup({}, 10s).empty());
}

void TestResolverService::moreQuestionsThanAFrameHolds()
{
    const auto service = halfDeaf();
    QVERIFY(service);
    BlockingResolver resolver(path());
    std::vector<BlockingResolver::Question> questions;
    for (int i = 0; i < 4500; ++i) {
        questions.push_back({"fast." + QByteArray::number(i), DnsType::A});
    }
    const auto answers = resolver.lookup(questions, 20s);
    QCOMPARE(answers.size(), questions.size());
    for (size_t i = 0; i < answers.size(); ++i) {
        QVERIFY(answers[i]);
        QCOMPARE(answers[i]->records.front(), questions[i].name);
    }
}

void TestResolverService::aMissingServiceFailsAtOnce()
{
    QFile::remove(path());
    BlockingResolver resolver(path(), impatient());
    for (int i = 0; i < 2; ++i) {
        const auto answers = resolver.lookup({{"a", DnsType::A}, {"b", DnsType::A}}, 60s);
        QCOMPARE(answers.size(), size_t(2));
        QCOMPARE(answers[1].error().id, QByteArray("dns.servfail"));
        QVERIFY(answers[1].error().isTransient());
    }
}

void TestResolverService::waitsForAServiceThatIsBeingStarted()
{
    QFile::remove(path());
    std::unique_ptr<test::ServiceThread> service;
    std::thread starter([&] {
        std::this_thread::sleep_for(200ms);
        service = halfDeaf();
    });
    BlockingResolver resolver(path(), {20s, 0ms});
    const auto answer = resolver.lookup("fast.a", DnsType::A, 20s);
    starter.join();
    QVERIFY(service);
    QVERIFY2(answer, answer ? "" : qPrintable(answer.error().toString()));
}

void TestResolverService::aServiceKilledInTheMiddleIsNoHang()
{
    const auto service = halfDeaf();
    QVERIFY(service);
    BlockingResolver resolver(path(), impatient());
    std::thread killer([&] {
        std::this_thread::sleep_for(200ms);
        service->stop();
    });
    const auto answer = resolver.lookup("slow.a", DnsType::A, 60s);
    killer.join();
    QVERIFY(!answer);
    QCOMPARE(answer.error().id, QByteArray("dns.servfail"));
}

void TestResolverService::reconnectsToANewService()
{
    const auto service = halfDeaf();
    QVERIFY(service);
    BlockingResolver resolver(path(), impatient());
    QVERIFY(resolver.lookup("fast.a", DnsType::A, 10s));
    service->stop();
    QVERIFY(!resolver.lookup("fast.a", DnsType::A, 10s));
    QVERIFY(service->start());
    QVERIFY(resolver.lookup("fast.a", DnsType::A, 10s));
    // Also where the end of the old connection has not been noticed.
    service->stop();
    QVERIFY(service->start());
    QVERIFY(resolver.lookup("fast.b", DnsType::A, 10s));
}

void TestResolverService::lateAnswersAreNotTakenForOthers()
{
    const auto service = halfDeaf();
    QVERIFY(service);
    BlockingResolver resolver(path(), impatient());
    for (int i = 0; i < 5; ++i) {
        // A deadline so short that the answer may come on either side of it.
        static_cast<void>(resolver.lookup("slow." + QByteArray::number(i), DnsType::A, 1ms));
        const QByteArray name = "fast." + QByteArray::number(i);
        const auto answer = resolver.lookup(name, DnsType::A, 10s);
        QVERIFY(answer);
        QCOMPARE(answer->records.front(), name);
    }
}

void TestResolverService::newServersWithoutANewConnection()
{
    std::atomic<int> made = 0;
    test::ServiceThread service(path(), [&made] {
        return std::make_unique<HalfDeafResolver>(QByteArray::number(++made) + ':');
    });
    QVERIFY(service.start());
    BlockingResolver resolver(path(), impatient());
    QCOMPARE(resolver.lookup("fast.a", DnsType::A, 10s)->records.front(), QByteArray("1:fast.a"));
    service.changeResolver();
    QCOMPARE(resolver.lookup("fast.a", DnsType::A, 10s)->records.front(), QByteArray("2:fast.a"));
}

void TestResolverService::aClientThatBreaksTheProtocolIsDisconnected_data()
{
    QTest::addColumn<QByteArray>("bytes");
    const QByteArray good = resolverwire::encode(
        resolverwire::Request{1, 1s, {{"fast.a", DnsType::A}}});
    QTest::newRow("other protocol") << QByteArray("GET / HTTP/1.0\r\n\r\n");
    QTest::newRow("oversize frame") << QByteArray(good).replace(4, 4, "\x7f\xff\xff\xff");
    QTest::newRow("broken payload") << QByteArray(good).replace(16, 2, "\xff\xff");
}

void TestResolverService::aClientThatBreaksTheProtocolIsDisconnected()
{
    QFETCH(QByteArray, bytes);
    const auto service = halfDeaf();
    QVERIFY(service);
    BlockingResolver other(path(), impatient());
    QVERIFY(other.lookup("fast.a", DnsType::A, 10s));
    QLocalSocket client;
    client.connectToServer(path());
    QVERIFY(client.waitForConnected(5000));
    client.write(bytes);
    QVERIFY(client.waitForDisconnected(10'000));
    QVERIFY(other.lookup("fast.b", DnsType::A, 10s));
}

void TestResolverService::aServiceThatTalksNonsenseIsAway_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("error");
    resolverwire::Response tooFew;
    tooFew.id = 1;
    QTest::newRow("no frame") << QByteArray("220 hello\r\n\r\n") << QByteArray("dns.servfail");
    QTest::newRow("oversize frame")
        << QByteArray("PDR1\x7f\xff\xff\xff") << QByteArray("dns.servfail");
    QTest::newRow("not as many answers")
        << resolverwire::encode(tooFew)
        << QByteArray("dns.timeout");  // The second attempt has another number.
    QTest::newRow("half a frame") << resolverwire::encode(tooFew).first(10)
                                  << QByteArray("dns.timeout");
    QTest::newRow("silence") << QByteArray() << QByteArray("dns.timeout");
}

void TestResolverService::aServiceThatTalksNonsenseIsAway()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, error);
    std::atomic<bool> isUp = false;
    std::atomic<bool> isDone = false;
    const std::unique_ptr<QThread> impostor(QThread::create([&] {
        QLocalServer::removeServer(path());
        QLocalServer server;
        isUp = server.listen(path()) || true;
        std::vector<std::unique_ptr<QLocalSocket>> clients;
        while (!isDone) {
            if (server.waitForNewConnection(20)) {
                clients.emplace_back(server.nextPendingConnection());
                clients.back()->write(bytes);
                clients.back()->waitForBytesWritten(1000);
            }
        }
    }));
    impostor->start();
    while (!isUp) {
        std::this_thread::sleep_for(1ms);
    }
    BlockingResolver resolver(path(), impatient());
    const auto answer = resolver.lookup("a", DnsType::A, 700ms);
    isDone = true;
    impostor->wait();
    QVERIFY(!answer);
    QCOMPARE(answer.error().id, error);
}

void TestResolverService::tooManyConnectionsAreRefused()
{
    ResolverServiceLimits limits;
    limits.connections = 2;
    const auto service = halfDeaf({}, limits);
    QVERIFY(service);
    std::vector<std::unique_ptr<BlockingResolver>> resolvers;
    for (int i = 0; i < 3; ++i) {
        resolvers.push_back(std::make_unique<BlockingResolver>(path(), impatient()));
        QCOMPARE(resolvers.back()->lookup("fast.a", DnsType::A, 10s).has_value(), i < 2);
    }
    resolvers.erase(resolvers.begin());
    QTRY_VERIFY(resolvers.back()->lookup("fast.a", DnsType::A, 10s).has_value());
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestResolverService)
#include "tst_service.moc"
