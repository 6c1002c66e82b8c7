// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/delegation/DelegationEngine.h"

#include <QtTest/QTest>

#include <vector>

using namespace portcullis;

namespace {

QByteArray requestFor(const QByteArray &recipient, const QByteArray &more = {})
{
    return "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
           "client_address=203.0.113.7\nclient_name=unknown\nhelo_name=client.example\n"
           "sender=anna@partner.example\nrecipient="
           + recipient + "\ninstance=12ab.3.0\nqueue_id=\nsize=100\n" + more + '\n';
}

/// An engine whose requests are kept until the test answers them.
struct Bench {
    explicit Bench(const policy::DelegationLimits &limits = {})
        : engine([this](const policy::DelegationRequest &request) { requests.push_back(request); },
                 [this](const QByteArray &problem) { complaints.push_back(problem); },
                 limits)
    {
    }

    std::vector<policy::DelegationRequest> requests;
    std::vector<QByteArray> complaints;
    policy::DelegationEngine engine;
};

}  // namespace

class TestDelegationEngine : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsAttributesHoweverTheyAreCut_data();
    void readsAttributesHoweverTheyAreCut();
    void answersPipelinedRequestsInTheirOrder();
    void answersAtOnceWithoutPilingUp();
    void understandsAddressesWithoutQuotes();
    void keepsUtf8Addresses();
    void answersMalformedRequestsDunno_data();
    void answersMalformedRequestsDunno();
    void asksOtherStatesWithoutARecipient();
    void goesOnAfterALineThatIsTooLong();
    void endsAfterManyMalformedRequests();
    void endsAClientThatSendsWithoutWaiting();
    void endsARequestWithoutEnd();
    void lineBreaksInAnActionCannotForgeAnother();
};

void TestDelegationEngine::readsAttributesHoweverTheyAreCut_data()
{
    QTest::addColumn<int>("step");
    QTest::newRow("whole") << 100'000;
    QTest::newRow("octet by octet") << 1;
    QTest::newRow("in sevens") << 7;
}

void TestDelegationEngine::readsAttributesHoweverTheyAreCut()
{
    QFETCH(int, step);
    Bench bench;
    const QByteArray text = requestFor("ben@example.com", "sasl_username=carla\nnew_one=x=y\n");
    for (qsizetype at = 0; at < text.size(); at += step) {
        bench.engine.receive(text.mid(at, step));
    }
    QCOMPARE(bench.requests.size(), size_t(1));
    const policy::DelegationRequest &request = bench.requests.front();
    QCOMPARE(request.protocolState, "RCPT");
    QCOMPARE(request.clientAddress, QHostAddress(QStringLiteral("203.0.113.7")));
    QCOMPARE(request.clientName, "");
    QCOMPARE(request.helo, "client.example");
    QCOMPARE(request.sender.toString(), "anna@partner.example");
    QCOMPARE(request.recipient.toString(), "ben@example.com");
    QCOMPARE(request.instance, "12ab.3.0");
    QCOMPARE(request.saslUser, "carla");
    QCOMPARE(bench.engine.takeOutput(), "");
    bench.engine.answer("DEFER_IF_PERMIT Service is unavailable (try later)");
    QCOMPARE(bench.engine.takeOutput(),
             "action=DEFER_IF_PERMIT Service is unavailable (try later)\n\n");
    QVERIFY(bench.complaints.empty());
}

void TestDelegationEngine::answersPipelinedRequestsInTheirOrder()
{
    Bench bench;
    bench.engine.receive(requestFor("one@example.com") + requestFor("two@example.com")
                         + requestFor("three@example.com"));
    for (const char *name : {"one", "two", "three"}) {
        QCOMPARE(bench.requests.back().recipient.localPart(), name);
        bench.engine.answer(name);
    }
    QCOMPARE(bench.engine.takeOutput(), "action=one\n\naction=two\n\naction=three\n\n");
    bench.engine.answer("nobody asked");
    QCOMPARE(bench.engine.takeOutput(), "");
}

void TestDelegationEngine::answersAtOnceWithoutPilingUp()
{
    // Each answer from inside the question: a stack of 20,000 frames would not end well.
    int count = 0;
    policy::DelegationEngine *self = nullptr;
    policy::DelegationEngine engine(
        [&](const policy::DelegationRequest &) {
            ++count;
            self->answer("DUNNO");
        },
        [](const QByteArray &) {});
    self = &engine;
    QByteArray text;
    for (int i = 0; i < 20'000; ++i) {
        text += requestFor("ben@example.com");
    }
    engine.receive(text);
    QCOMPARE(count, 20'000);
    QCOMPARE(engine.takeOutput().count("action=DUNNO\n\n"), 20'000);
}

void TestDelegationEngine::understandsAddressesWithoutQuotes()
{
    Bench bench;
    bench.engine.receive(requestFor("ben \"x\" y@example.com", "sender=\n"));
    QCOMPARE(bench.requests.size(), size_t(1));
    QCOMPARE(bench.requests.front().recipient.localPart(), "ben \"x\" y");
    QVERIFY(bench.requests.front().sender.isNull());
}

void TestDelegationEngine::keepsUtf8Addresses()
{
    Bench bench;
    bench.engine.receive(requestFor("grüße@example.com"));
    QCOMPARE(bench.requests.size(), size_t(1));
    QCOMPARE(bench.requests.front().recipient.localPart(), "grüße");
}

void TestDelegationEngine::answersMalformedRequestsDunno_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("nothing but an empty line") << QByteArray("\n");
    QTest::newRow("another request") << QByteArray("request=junk_policy\nprotocol_state=RCPT\n\n");
    QTest::newRow("no state") << QByteArray("request=smtpd_access_policy\n\n");
    QTest::newRow("no client") << QByteArray(
        "request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=a@b.example\n\n");
    QTest::newRow("no recipient") << requestFor("");
    QTest::newRow("recipient is no address") << requestFor("@@");
    QTest::newRow("client is no address")
        << requestFor("a@b.example", "client_address=localhost\n");
    QTest::newRow("a line without a name") << requestFor("a@b.example", "=x\n");
    QTest::newRow("a line without a value") << requestFor("a@b.example", "EHLO there\n");
    QTest::newRow("an SMTP client") << QByteArray("EHLO client.example\r\n\r\n");
    QTest::newRow("too many attributes")
        << requestFor("a@b.example", QByteArray("x=y\n").repeated(200));
}

void TestDelegationEngine::answersMalformedRequestsDunno()
{
    QFETCH(QByteArray, text);
    Bench bench;
    bench.engine.receive(text);
    QCOMPARE(bench.engine.takeOutput(), "action=DUNNO\n\n");
    QCOMPARE(bench.complaints.size(), size_t(1));
    QVERIFY(bench.requests.empty());
    bench.engine.receive(requestFor("ben@example.com"));
    QCOMPARE(bench.requests.size(), size_t(1));
    QVERIFY(!bench.engine.isFinished());
}

void TestDelegationEngine::asksOtherStatesWithoutARecipient()
{
    Bench bench;
    bench.engine.receive("request=smtpd_access_policy\nprotocol_state=connect\n"
                         "client_address=2001:db8::1\n\n");
    QCOMPARE(bench.requests.size(), size_t(1));
    QCOMPARE(bench.requests.front().protocolState, "CONNECT");
}

void TestDelegationEngine::goesOnAfterALineThatIsTooLong()
{
    Bench bench;
    bench.engine.receive("request=smtpd_access_policy\nhelo_name=");
    for (int i = 0; i < 30; ++i) {
        bench.engine.receive(QByteArray(1000, 'x'));
    }
    bench.engine.receive("\nprotocol_state=RCPT\n\n" + requestFor("ben@example.com"));
    QCOMPARE(bench.engine.takeOutput(), "action=DUNNO\n\n");
    QCOMPARE(bench.complaints, std::vector<QByteArray>{"a line is too long"});
    QCOMPARE(bench.requests.size(), size_t(1));
}

void TestDelegationEngine::endsAfterManyMalformedRequests()
{
    Bench bench;
    const int allowed = policy::DelegationLimits().malformed;
    bench.engine.receive(QByteArray("junk\n\n").repeated(allowed - 1));
    QVERIFY(!bench.engine.isFinished());
    bench.engine.receive(requestFor("ben@example.com"));
    bench.engine.answer("DUNNO");
    bench.engine.receive(QByteArray("junk\n\n").repeated(allowed - 1));
    QVERIFY2(!bench.engine.isFinished(), "a sound request starts the count again");
    bench.engine.receive("junk\n\n" + requestFor("ben@example.com"));
    QVERIFY(bench.engine.isFinished());
    QCOMPARE(bench.requests.size(), size_t(1));
}

void TestDelegationEngine::endsAClientThatSendsWithoutWaiting()
{
    Bench bench;
    const QByteArray text = requestFor("ben@example.com");
    for (int i = 0; i < 1000 && !bench.engine.isFinished(); ++i) {
        bench.engine.receive(text);
    }
    QVERIFY(bench.engine.isFinished());
    QCOMPARE(bench.requests.size(), size_t(1));
}

void TestDelegationEngine::endsARequestWithoutEnd()
{
    for (const QByteArray &piece : {QByteArray("a=b\n"), QByteArray(5000, 'x')}) {
        Bench bench;
        int rounds = 0;
        while (!bench.engine.isFinished() && rounds < 1'000'000) {
            bench.engine.receive(piece);
            ++rounds;
        }
        QVERIFY(bench.engine.isFinished());
        QCOMPARE(bench.complaints, std::vector<QByteArray>{"a request is too long"});
    }
}

void TestDelegationEngine::lineBreaksInAnActionCannotForgeAnother()
{
    Bench bench;
    bench.engine.receive(requestFor("ben@example.com"));
    bench.engine.answer("550 5.7.23 Explanation:\r\n\r\naction=OK\n");
    QCOMPARE(bench.engine.takeOutput(), "action=550 5.7.23 Explanation:    action=OK \n\n");
}

QTEST_GUILESS_MAIN(TestDelegationEngine)
#include "TestDelegationEngine.moc"
