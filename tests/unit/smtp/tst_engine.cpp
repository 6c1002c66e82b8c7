// SPDX-License-Identifier: GPL-2.0-or-later
#include "EngineBench.h"

#include <QtTest/QTest>

namespace portcullis::smtp {

namespace {

constexpr char mailLine[] = "MAIL FROM:<a@one.example>";
constexpr char rcptLine[] = "RCPT TO:<b@two.example>";

QByteArray group(const QByteArrayList &lines)
{
    return lines.join("\r\n") + "\r\n";
}

SessionSettings withTls()
{
    SessionSettings settings;
    settings.extensions.setFlag(Extension::StartTls);
    return settings;
}

}  // namespace

class TestEngine : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void announcesWhatIsSwitchedOn();
    void repliesToAGroupWithOneWrite();
    void waitsForALateAnswer();
    void understandsParameters();
    void refusesParameters_data();
    void refusesParameters();
    void hidesDsn();
    void refusesMalformedCommands_data();
    void refusesMalformedCommands();
    void forgetsEverythingAtStartTls();
    void closesOnEarlyTalk_data();
    void closesOnEarlyTalk();
    void closesOnTalkBeforeTheGreetingAtOnce();
    void staysInStepWithChunks();
    void closesOnChunksOutOfStep_data();
    void closesOnChunksOutOfStep();
    void holdsItsLimits();
    void countsMboxLinesAsMessage();
    void limitsHeaders();
    void limitsErrorsAndJunk();
    void toleratesSurplusRecipients();
    void dropsForeignProtocols_data();
    void dropsForeignProtocols();
    void believesOnlyListedPeers();
    void forwardsTheOriginOfOneTransaction();
    void forwardedNamesAreCleanedNotRefused();
    void becomesTheClientOfXclient();
    void namesTheProtocol();
    void answersLmtpForEachRecipient();
    void finishesTheMessageBeforeShuttingDown();
    void leavesARefusedClientOnlyQuit();
    void putsTheTraceInFront();
    void ignoresAnswersAfterTheEnd();
};

void TestEngine::announcesWhatIsSwitchedOn()
{
    SessionSettings settings = withTls();
    settings.hostName = "mx.example";
    settings.limits.messageSize = 4711;
    EngineBench bench(settings);
    bench.engine.start(bench.handler);
    QCOMPARE(bench.engine.takeOutput(), QByteArray("220 mx.example ESMTP\r\n"));
    QCOMPARE(bench.say("ehlo client.example\r\n"),
             QByteArray("250-mx.example\r\n250-PIPELINING\r\n250-SIZE 4711\r\n250-STARTTLS\r\n"
                        "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n"
                        "250 CHUNKING\r\n"));
    settings.extensions = {};
    EngineBench plain(settings);
    plain.engine.start(plain.handler);
    (void)plain.engine.takeOutput();
    QCOMPARE(plain.say("EHLO client.example\r\n"), QByteArray("250 mx.example\r\n"));
    QCOMPARE(plain.say("RSET\r\n"), QByteArray("250 Ok\r\n"));
}

void TestEngine::repliesToAGroupWithOneWrite()
{
    EngineBench bench;
    bench.greet();
    const QByteArray output = bench.say(group({mailLine, rcptLine, rcptLine, "DATA"}));
    QCOMPARE(codesOf(output), QByteArray("250 250 250 354"));
    // RFC 2920 §3.1: the message may lead the next group.
    QCOMPARE(codesOf(bench.say("x: y\r\n\r\n.\r\n" + group({mailLine, rcptLine, "DATA"}))),
             QByteArray("250 250 250 354"));
    QCOMPARE(bench.handler.messages, QByteArrayList{"x: y\r\n\r\n"});
}

void TestEngine::waitsForALateAnswer()
{
    EngineBench bench;
    bench.greet();
    bench.handler.isAsynchronous = true;
    QCOMPARE(bench.say(group({mailLine, rcptLine, "QUIT"})), QByteArray());
    QVERIFY(!bench.engine.wantsInput());
    QCOMPARE(bench.handler.events.last(), QByteArray("MAIL a@one.example"));
    bench.handler.answerNow();
    QCOMPARE(bench.advances, 1);
    QCOMPARE(codesOf(bench.engine.takeOutput()), QByteArray("250"));
    bench.handler.answerNow();
    QCOMPARE(codesOf(bench.engine.takeOutput()), QByteArray("250 221"));
    QVERIFY(bench.isClosing());
}

void TestEngine::understandsParameters()
{
    EngineBench bench;
    bench.greet();
    QCOMPARE(
        codesOf(bench.say(
            "mail from: <a@one.example> SIZE=100 body=8bitmime SMTPUTF8 RET=HDRS ENVID=x+2By\r\n"
            "rcpt to:<\"a>b\"@two.example> NOTIFY=success,DELAY ORCPT=rfc822;b+2Bc@x\r\n")),
        QByteArray("250 250"));
    const MailCommand &mail = bench.handler.mail;
    QCOMPARE(mail.declaredSize.value_or(0), 100);
    QVERIFY(mail.body == mail::BodyType::EightBitMime);
    QVERIFY(mail.isSmtpUtf8);
    QCOMPARE(mail.envelopeId, QByteArray("x+2By"));
    QVERIFY(mail.dsnReturn == mail::DsnReturn::Headers);
    const mail::Recipient &recipient = bench.handler.recipients.at(0);
    QCOMPARE(recipient.address.localPart(), QByteArray("a>b"));
    QVERIFY(recipient.notify == (mail::Notify::Success | mail::Notify::Delay));
    QCOMPARE(recipient.originalRecipient, QByteArray("rfc822;b+2Bc@x"));
}

void TestEngine::refusesParameters_data()
{
    QTest::addColumn<QByteArray>("command");
    QTest::addColumn<QByteArray>("reply");
    const auto row = [](const char *name, const char *command, const char *reply) {
        QTest::newRow(name) << QByteArray(command) << QByteArray(reply);
    };
    row("unknown", "MAIL FROM:<a@x.example> FOO=1", "555 5.5.4");
    row("BINARYMIME", "MAIL FROM:<a@x.example> BODY=BINARYMIME", "501 5.5.4");
    row("size of letters", "MAIL FROM:<a@x.example> SIZE=1k", "501 5.5.4");
    row("size too large", "MAIL FROM:<a@x.example> SIZE=99999999999999999999", "552 5.3.4");
    row("SMTPUTF8 with value", "MAIL FROM:<a@x.example> SMTPUTF8=1", "501 5.5.4");
    row("RET twice", "MAIL FROM:<a@x.example> RET=FULL RET=HDRS", "501 5.5.4");
    row("ENVID not xtext", "MAIL FROM:<a@x.example> ENVID=a+zz", "501 5.5.4");
    row("no brackets", "MAIL FROM:a@x.example", "501 5.5.4");
    row("glued parameter", "MAIL FROM:<a@x.example>SIZE=1", "501 5.5.4");
    row("S11 long local part", "MAIL FROM:<" + QByteArray(257, 'a') + "@x.example>", "501 5.1.7");
    row("S11 long domain", "MAIL FROM:<a@" + QByteArray("a.").repeated(128) + "example>",
        "501 5.1.7");
    row("S4 8-bit address without SMTPUTF8", "MAIL FROM:<\xc3\xbc@x.example>", "553 5.6.7");
    row("S4 bad UTF-8", "MAIL FROM:<\xff@x.example> SMTPUTF8", "501 5.1.7");
    row("S4 8-bit verb", "MA\xc3\xbcL", "500 5.5.2");
    row("recipient in MAIL's place", "RCPT TO:<b@x.example>", "503 5.5.1");
}

void TestEngine::refusesParameters()
{
    QFETCH(QByteArray, command);
    QFETCH(QByteArray, reply);
    EngineBench bench;
    bench.greet();
    const QByteArray output = bench.say(command + "\r\n");
    QVERIFY2(output.startsWith(reply), output.constData());
    QVERIFY(!bench.handler.events.join().contains("MAIL"));
}

void TestEngine::hidesDsn()
{
    SessionSettings settings;
    settings.extensions.setFlag(Extension::Dsn, false);
    EngineBench bench(settings);
    bench.engine.start(bench.handler);
    (void)bench.engine.takeOutput();
    QVERIFY(!bench.say("EHLO client.example\r\n").contains("DSN"));
    QVERIFY(bench.say("MAIL FROM:<a@x.example> RET=FULL\r\n").startsWith("555"));
    bench.say("MAIL FROM:<a@x.example>\r\n");
    QVERIFY(bench.say("RCPT TO:<b@x.example> NOTIFY=NEVER\r\n").startsWith("555"));
}

void TestEngine::refusesMalformedCommands_data()
{
    QTest::addColumn<QByteArray>("octets");
    QTest::newRow("S4 NUL") << QByteArray("MAIL FROM:<a@one.example\0@x>\r\n", 30);
    QTest::newRow("S4 bare CR") << QByteArray("NOOP\rMAIL FROM:<a@one.example>\r\n");
    QTest::newRow("S4 bare LF") << QByteArray("NOOP\nMAIL FROM:<a@one.example>\r\n");
    QTest::newRow("S4 LF CR LF") << QByteArray("MAIL FROM:<a@one.example>\n\r\n");
    QTest::newRow("S4 escape") << QByteArray("NOOP \x1b[2J\r\n");
    QTest::newRow("S11 long line") << "NOOP " + QByteArray(3000, 'x') + "\r\n";
}

void TestEngine::refusesMalformedCommands()
{
    QFETCH(QByteArray, octets);
    for (qsizetype cut = 0; cut<octets.size(); cut += cut> 100 ? 97 : 1) {
        EngineBench bench;
        bench.greet();
        QByteArray output = bench.say(octets.left(cut));
        output.append(bench.say(octets.mid(cut)));
        QVERIFY2(output.startsWith("500 5.5.2") && output.count("\r\n") == 1, output.constData());
        QVERIFY(!bench.handler.events.join().contains("MAIL"));
        QCOMPARE(codesOf(bench.say("NOOP\r\n")), QByteArray("250"));
    }
}

void TestEngine::forgetsEverythingAtStartTls()
{
    EngineBench bench(withTls());
    bench.greet();
    QCOMPARE(codesOf(bench.say("STARTTLS\r\n")), QByteArray("220"));
    QVERIFY(bench.engine.phase() == ServerEngine::Phase::Handshake);
    // S5: what comes in clear text behind STARTTLS is gone.
    QCOMPARE(bench.say("RSET\r\nMAIL FROM:<evil@one.example>\r\n"), QByteArray());
    bench.engine.tlsEstablished("TLSv1.3 X 256");
    QCOMPARE(bench.engine.takeOutput(), QByteArray());
    // S6: EHLO is required again, and STARTTLS no longer offered.
    QCOMPARE(codesOf(bench.say(group({mailLine}))), QByteArray("503"));
    QCOMPARE(codesOf(bench.say("STARTTLS\r\n")), QByteArray("503"));
    QVERIFY(!bench.say("EHLO client.example\r\n").contains("STARTTLS"));
    QCOMPARE(codesOf(bench.say(group({mailLine}))), QByteArray("250"));
    QCOMPARE(bench.engine.client().tls, QByteArray("TLSv1.3 X 256"));
}

void TestEngine::closesOnTalkBeforeTheGreetingAtOnce()
{
    // S10: the place is free again before the client would have been greeted.
    EngineBench bench;
    bench.handler.isAsynchronous = true;
    bench.engine.start(bench.handler);
    QVERIFY(bench.engine.takeOutput().isEmpty());
    bench.engine.noticeUnreadInput();
    QVERIFY(bench.engine.takeOutput().startsWith("554 5.5.0"));
    QVERIFY(bench.isClosing());
    bench.handler.answerNow();  // too late
    QVERIFY(bench.engine.takeOutput().isEmpty());

    // Later octets wait for their turn.
    EngineBench patient;
    patient.greet();
    patient.handler.isAsynchronous = true;
    QVERIFY(patient.say(group({mailLine})).isEmpty());
    patient.engine.noticeUnreadInput();
    QVERIFY(!patient.isClosing());
    patient.handler.answerNow();
    QCOMPARE(codesOf(patient.engine.takeOutput()), QByteArray("250"));
}

void TestEngine::closesOnEarlyTalk_data()
{
    QTest::addColumn<QByteArray>("octets");
    QTest::newRow("S10 body behind DATA")
        << group({mailLine, rcptLine, "DATA"}) + "Subject: x\r\n\r\n.\r\n";
    QTest::newRow("S10 MAIL behind EHLO") << group({"EHLO client.example", mailLine});
    QTest::newRow("S10 MAIL behind HELO") << group({"HELO client.example", mailLine});
    QTest::newRow("S10 body behind a refused DATA") << group({"DATA", "Subject: x", "", "."});
    QTest::newRow("S5 RSET behind STARTTLS") << group({"STARTTLS", "RSET"});
}

void TestEngine::closesOnEarlyTalk()
{
    QFETCH(QByteArray, octets);
    EngineBench bench(withTls());
    bench.greet();
    const QByteArray output = bench.say(octets);
    QVERIFY2(output.contains("554 5.5.0"), output.constData());
    QVERIFY(bench.isClosing());
    QCOMPARE(bench.notes, QByteArrayList{"smtp.pipelining"});
    QVERIFY(bench.handler.messages.isEmpty());

    // S10: talking before the greeting, and groups where PIPELINING was not announced.
    EngineBench early;
    early.unreadInput = true;
    early.engine.start(early.handler);
    QVERIFY(early.engine.takeOutput().startsWith("554 5.5.0"));
    QCOMPARE(early.notes, QByteArrayList{"smtp.pregreet"});
    EngineBench helo;
    helo.engine.start(helo.handler);
    (void)helo.engine.takeOutput();
    QCOMPARE(codesOf(helo.say("HELO client.example\r\n")), QByteArray("250"));
    QCOMPARE(codesOf(helo.say(group({mailLine, rcptLine}))), QByteArray("554"));

    // The same when the handler takes its time.
    EngineBench late;
    late.greet();
    late.say(group({mailLine, rcptLine}));
    late.handler.isAsynchronous = true;
    late.say("DATA\r\n");
    late.say("Subject: x\r\n");
    late.handler.answerNow();
    QVERIFY(late.engine.takeOutput().startsWith("554 5.5.0"));
}

void TestEngine::staysInStepWithChunks()
{
    EngineBench bench;
    bench.greet();
    // S8: refused chunks are skipped to their end.
    QCOMPARE(codesOf(bench.say("BDAT 6\r\nQUIT\r\nNOOP\r\n")), QByteArray("503 250"));
    QCOMPARE(codesOf(bench.say(group({mailLine}) + "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")),
             QByteArray("250 503 250"));
    QCOMPARE(codesOf(bench.say("BDAT 0 LAST\r\n")), QByteArray("503"));
    bench.handler.script["data"].push_back({451, "4.3.0", "Later"});
    QCOMPARE(codesOf(bench.say(group({mailLine, rcptLine})
                               + "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")),
             QByteArray("250 250 451 503 250"));
    // S8: DATA after BDAT, S9: and the transaction is over.
    QCOMPARE(codesOf(bench.say(group({mailLine, rcptLine}) + "BDAT 2\r\nx\r" + "DATA\r\n")),
             QByteArray("250 250 250 503"));
    QCOMPARE(codesOf(bench.say(group({rcptLine}))), QByteArray("503"));
    QVERIFY(bench.handler.messages.isEmpty());
    // A message in many small chunks; its missing CRLF is added.
    QByteArray wire = group({mailLine, rcptLine});
    for (int i = 0; i < 1000; ++i) {
        wire.append("BDAT 1\r\nx");
    }
    QByteArray output = bench.say(wire + "BDAT 1 LAST\r\ny");
    QCOMPARE(output.count("250 2.0.0"), 1001);
    QCOMPARE(bench.handler.messages.last(), QByteArray(1000, 'x') + "y\r\n");
}

void TestEngine::closesOnChunksOutOfStep_data()
{
    QTest::addColumn<QByteArray>("command");
    QTest::addColumn<QByteArray>("reply");
    QTest::newRow("S8 2^64 - 1") << QByteArray("BDAT 18446744073709551615") << QByteArray("552");
    QTest::newRow("S8 2^63 - 1") << QByteArray("BDAT 9223372036854775807") << QByteArray("552");
    QTest::newRow("S8 negative") << QByteArray("BDAT -1") << QByteArray("501");
    QTest::newRow("S8 none") << QByteArray("BDAT") << QByteArray("501");
    QTest::newRow("S8 junk behind") << QByteArray("BDAT 1 FIRST") << QByteArray("501");
    QTest::newRow("S8 many digits")
        << QByteArray("BDAT ") + QByteArray(21, '1') << QByteArray("501");
}

void TestEngine::closesOnChunksOutOfStep()
{
    QFETCH(QByteArray, command);
    QFETCH(QByteArray, reply);
    EngineBench bench;
    bench.greet();
    bench.say(group({mailLine, rcptLine}));
    QCOMPARE(codesOf(bench.say(command + "\r\n" + group({mailLine}))), reply);
    QVERIFY(bench.isClosing());
}

void TestEngine::holdsItsLimits()
{
    SessionSettings settings;
    settings.limits.messageSize = 10'000;
    settings.limits.drain = 100'000;
    EngineBench bench(settings);
    bench.greet();
    QVERIFY(bench.say("MAIL FROM:<a@one.example> SIZE=10001\r\n").startsWith("552 5.3.4"));
    // S11: a message without a newline; the answer comes at the end and the session goes on.
    bench.sayEach({mailLine, rcptLine, "DATA"});
    for (int i = 0; i < 50; ++i) {
        QCOMPARE(bench.say(QByteArray(1000, 'x')), QByteArray());
    }
    QVERIFY(bench.say("\r\n.\r\n").startsWith("552 5.3.4"));
    QCOMPARE(codesOf(bench.say(group({rcptLine}))), QByteArray("503"));
    QCOMPARE(bench.handler.events.last(), QByteArray("RESET"));
    // More than we care to skip.
    bench.sayEach({mailLine, rcptLine, "DATA"});
    QByteArray output;
    for (int i = 0; i < 150 && !bench.isClosing(); ++i) {
        output = bench.say(QByteArray(1000, 'x'));
    }
    QVERIFY(output.startsWith("552 5.3.4"));
    QVERIFY(bench.isClosing());
    // S11: a command line without end.
    EngineBench endless(settings);
    endless.greet();
    for (int i = 0; i < 70 && !endless.isClosing(); ++i) {
        output = endless.say(QByteArray(1000, 'x'));
    }
    QVERIFY(output.startsWith("500 5.5.2"));
}

void TestEngine::countsMboxLinesAsMessage()
{
    SessionSettings settings;
    settings.limits.messageSize = 100'000;
    EngineBench bench(settings);
    bench.greet();
    bench.sayEach({mailLine, rcptLine, "DATA"});
    const QByteArray line = "From a@one.example Sat Jan  1 00:00:00 2000\r\n";
    for (int i = 0; i < 4000; ++i) {
        bench.say(line);
    }
    // S12
    QVERIFY(bench.say(".\r\n").startsWith("552 5.3.4"));
}

void TestEngine::limitsHeaders()
{
    SessionSettings settings;
    settings.limits.headerSize = 100'000;
    settings.limits.headerFields = 500;
    const auto send = [&](const QByteArray &message) {
        EngineBench bench(settings);
        bench.greet();
        bench.sayEach({mailLine, rcptLine, "DATA"});
        return bench.say(message + ".\r\n").left(9);
    };
    // S11: a header line of 1 MB, many fields; the body does not count.
    QCOMPARE(send("X: " + QByteArray(1'000'000, 'x') + "\r\n\r\n"), QByteArray("552 5.3.4"));
    QCOMPARE(send(QByteArray("Received: x\r\n").repeated(501)), QByteArray("552 5.3.4"));
    QCOMPARE(send(QByteArray("Received: x\r\n").repeated(500)), QByteArray("250 2.0.0"));
    QCOMPARE(send(QByteArray("X: y\r\n z\r\n").repeated(400)), QByteArray("250 2.0.0"));
    QCOMPARE(send("\r\n" + QByteArray("Received: x\r\n").repeated(9000)), QByteArray("250 2.0.0"));
}

void TestEngine::limitsErrorsAndJunk()
{
    // S11: 1,000 errors, 100,000 NOOP.
    EngineBench bench;
    bench.greet();
    QByteArray output = bench.say(QByteArray("FOO\r\n").repeated(1000));
    QCOMPARE(codesOf(output), QByteArray("500 ").repeated(21) + "421");
    EngineBench junk;
    junk.greet();
    output = junk.say(QByteArray("NOOP\r\n").repeated(100'000));
    QVERIFY(output.endsWith("421 4.7.0 Too many commands without a message\r\n"));
    QVERIFY(output.count("250 2.0.0 Ok") <= 101);
    // Accepted messages wipe the slate.
    EngineBench good;
    good.greet();
    for (int i = 0; i < 10; ++i) {
        good.say(QByteArray("FOO\r\n").repeated(20));
        good.sayEach({mailLine, rcptLine, "DATA", "."});
    }
    QVERIFY(!good.isClosing());
}

void TestEngine::toleratesSurplusRecipients()
{
    SessionSettings settings;
    settings.limits.recipients = 100;
    settings.limits.recipientOvershoot = 300;
    EngineBench bench(settings);
    bench.greet();
    QByteArray output = bench.say(group({mailLine})
                                  + (rcptLine + QByteArray("\r\n")).repeated(400));
    QCOMPARE(output.count("250 2.1.5"), 100);
    QCOMPARE(output.count("452 4.5.3"), 300);
    QCOMPARE(codesOf(bench.say("DATA\r\n")), QByteArray("354"));
    QCOMPARE(codesOf(bench.say(".\r\n")), QByteArray("250"));
    // S11: 100,000 of them end the session.
    output = bench.say(group({mailLine}) + (rcptLine + QByteArray("\r\n")).repeated(100'000));
    QVERIFY(output.endsWith("421 4.7.0 Too many errors\r\n"));
}

void TestEngine::dropsForeignProtocols_data()
{
    QTest::addColumn<QByteArray>("octets");
    QTest::newRow("S17 HTTP POST")
        << QByteArray("POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@x>");
    QTest::newRow("S17 HTTP GET") << QByteArray("get / HTTP/1.0\r\n\r\n");
    QTest::newRow("S17 header") << QByteArray("Host: mx.example\r\nQUIT\r\n");
    QTest::newRow("S17 TLS hello") << QByteArray("\x16\x03\x01\x02\x00\x01\x00\x01", 8);
    QTest::newRow("S18 PROXY") << QByteArray("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nEHLO x\r\n");
}

void TestEngine::dropsForeignProtocols()
{
    QFETCH(QByteArray, octets);
    EngineBench bench;
    bench.engine.start(bench.handler);
    (void)bench.engine.takeOutput();
    const QByteArray output = bench.say(octets);
    QVERIFY(bench.isClosing());
    QVERIFY(output.count("\r\n") <= 1);
    QCOMPARE(bench.notes, QByteArrayList{"smtp.foreign-protocol"});
    QVERIFY(bench.handler.events.isEmpty());
}

void TestEngine::believesOnlyListedPeers()
{
    EngineBench bench;
    bench.greet();
    const mail::Client before = bench.engine.client();
    // S18
    QCOMPARE(codesOf(bench.sayEach({"XCLIENT ADDR=10.0.0.1", "XFORWARD ADDR=10.0.0.1",
                                    "XCLIENT NAME=trusted.example HELO=x"})),
             QByteArray("550 550 550"));
    QVERIFY(bench.engine.client() == before);
    QVERIFY(!bench.say("EHLO client.example\r\n").contains("XCLIENT"));
}

void TestEngine::forwardsTheOriginOfOneTransaction()
{
    EngineBench bench({}, {false, true});
    bench.greet();
    QVERIFY(bench.say("EHLO client.example\r\n").contains("XFORWARD NAME ADDR PORT PROTO HELO"));
    QCOMPARE(codesOf(bench.sayEach({"XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::1 PORT=99",
                                    "XFORWARD PROTO=ESMTP HELO=a+2Db.example IDENT=x",
                                    "XFORWARD FOO=1", "XFORWARD ADDR=nonsense", mailLine, rcptLine,
                                    "XFORWARD PORT=1", "DATA", "."})),
             QByteArray("250 250 501 501 250 250 503 354 250"));
    const mail::Client &seen = bench.handler.clientAtMessage;
    QCOMPARE(seen.address, QHostAddress(QStringLiteral("2001:db8::1")));
    QCOMPARE(seen.name, QByteArray("spike.example"));
    QCOMPARE(seen.helo, QByteArray("a-b.example"));
    QCOMPARE(int(seen.port), 99);
    QCOMPARE(bench.engine.client().address, QHostAddress(QStringLiteral("192.0.2.1")));
    QCOMPARE(bench.engine.client().helo, QByteArray("client.example"));
}

void TestEngine::forwardedNamesAreCleanedNotRefused()
{
    // Refused, the stranger would pass for the peer that forwards him.
    EngineBench bench({}, {false, true});
    bench.greet();
    bench.say("EHLO client.example\r\n");
    QCOMPARE(codesOf(bench.sayEach({"XFORWARD ADDR=203.0.113.9 NAME=a+2F+E4b HELO=x+20+0D+0Ay "
                                    "IDENT=4WtKx1",
                                    mailLine, rcptLine, "DATA", "."})),
             QByteArray("250 250 250 354 250"));
    const mail::Client &seen = bench.handler.clientAtMessage;
    QCOMPARE(seen.address, QHostAddress(QStringLiteral("203.0.113.9")));
    QCOMPARE(seen.name, QByteArray("a/?b"));
    QCOMPARE(seen.helo, QByteArray("x???y"));
    QCOMPARE(seen.ident, QByteArray("4WtKx1"));
}

void TestEngine::becomesTheClientOfXclient()
{
    EngineBench bench({}, {true, false});
    bench.greet();
    QCOMPARE(codesOf(bench.say("XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.9 HELO=x.example\r\n")),
             QByteArray("220"));
    QCOMPARE(bench.engine.client().address, QHostAddress(QStringLiteral("203.0.113.9")));
    QCOMPARE(codesOf(bench.say(group({mailLine}))), QByteArray("503"));
    bench.sayEach({"EHLO client.example", mailLine});
    QCOMPARE(codesOf(bench.say("XCLIENT ADDR=1.2.3.4\r\n")), QByteArray("503"));
}

void TestEngine::namesTheProtocol()
{
    EngineBench bench(withTls());
    bench.greet();
    QCOMPARE(bench.engine.client().protocol, QByteArray("ESMTP"));
    bench.say("MAIL FROM:<\xc3\xbc@one.example> SMTPUTF8\r\n");
    QCOMPARE(bench.engine.client().protocol, QByteArray("UTF8SMTP"));
    bench.say("RSET\r\n");
    QCOMPARE(bench.engine.client().protocol, QByteArray("ESMTP"));
    bench.say("STARTTLS\r\n");
    bench.engine.tlsEstablished("TLSv1.3 X 256");
    bench.sayEach({"EHLO client.example", "MAIL FROM:<> SMTPUTF8"});
    QCOMPARE(bench.engine.client().protocol, QByteArray("UTF8SMTPS"));
    bench.say("HELO client.example\r\n");
    QCOMPARE(bench.engine.client().protocol, QByteArray("SMTP"));
}

void TestEngine::answersLmtpForEachRecipient()
{
    SessionSettings settings;
    settings.protocol = ServerProtocol::Lmtp;
    EngineBench bench(settings);
    bench.engine.start(bench.handler);
    (void)bench.engine.takeOutput();
    QCOMPARE(codesOf(bench.sayEach({"EHLO x", "HELO x", "LHLO x"})), QByteArray("500 500 250"));
    bench.handler.script["rcpt"] = {{250, {}, {}}, {550, "5.1.1", "No"}, {250, {}, {}}};
    QCOMPARE(codesOf(bench.say(group({mailLine, rcptLine, rcptLine, rcptLine, "DATA"}))),
             QByteArray("250 250 550 250 354"));
    QCOMPARE(codesOf(bench.say("x: y\r\n.\r\n")), QByteArray("250 250"));
    QCOMPARE(bench.handler.clientAtMessage.protocol, QByteArray("LMTP"));
    bench.sayEach({mailLine, rcptLine, rcptLine, "DATA"});
    QCOMPARE(codesOf(bench.say("bare\nlf\r\n.\r\n")), QByteArray("554 554"));
    bench.handler.isAsynchronous = true;
    bench.sayEach({mailLine});
    bench.handler.answerNow();
    bench.say(group({rcptLine}));
    bench.handler.answerNow();
    bench.say(group({rcptLine}));
    bench.handler.answerNow();
    bench.say("BDAT 2 LAST\r\n\r\n");
    bench.handler.answerNow();
    (void)bench.engine.takeOutput();
    bench.engine.control().answerEach({{250, "2.0.0", "Ok"}, {452, "4.2.2", "Full"}});
    QCOMPARE(codesOf(bench.engine.takeOutput()), QByteArray("250 452"));
}

void TestEngine::finishesTheMessageBeforeShuttingDown()
{
    EngineBench bench;
    bench.greet();
    bench.sayEach({mailLine, rcptLine, "DATA"});
    bench.engine.shutDown();
    QCOMPARE(bench.engine.takeOutput(), QByteArray());
    QCOMPARE(codesOf(bench.say("x: y\r\n.\r\n")), QByteArray("250 421"));
    QVERIFY(bench.isClosing());
    EngineBench idle;
    idle.greet();
    idle.engine.shutDown();
    QVERIFY(idle.engine.takeOutput().startsWith("421 4.3.2"));
    EngineBench waiting;
    waiting.greet();
    waiting.handler.isAsynchronous = true;
    waiting.say(group({mailLine}));
    waiting.engine.shutDown();
    waiting.handler.answerNow();
    QCOMPARE(codesOf(waiting.engine.takeOutput()), QByteArray("250 421"));
}

void TestEngine::leavesARefusedClientOnlyQuit()
{
    EngineBench bench;
    bench.handler.script["connect"].push_back({554, {}, "No service"});
    bench.engine.start(bench.handler);
    QCOMPARE(bench.engine.takeOutput(), QByteArray("554 localhost No service\r\n"));
    QCOMPARE(codesOf(bench.sayEach({"EHLO x", mailLine, "QUIT"})), QByteArray("503 503 221"));
}

void TestEngine::putsTheTraceInFront()
{
    SessionSettings settings;
    settings.limits.messageSize = 10;
    EngineBench bench(settings);
    bench.handler.trace = "Received: by us\r\n";
    bench.greet();
    bench.sayEach({mailLine, rcptLine, "DATA"});
    QCOMPARE(codesOf(bench.say("12345678\r\n.\r\n")), QByteArray("250"));
    QCOMPARE(bench.handler.messages.last(), QByteArray("Received: by us\r\n12345678\r\n"));
}

void TestEngine::ignoresAnswersAfterTheEnd()
{
    EngineBench bench;
    bench.greet();
    bench.handler.isAsynchronous = true;
    bench.say(group({mailLine}));
    bench.engine.abort({421, "4.4.2", "Timeout"}, "timeout");
    QCOMPARE(codesOf(bench.engine.takeOutput()), QByteArray("421"));
    bench.handler.answerNow();
    QCOMPARE(bench.engine.takeOutput(), QByteArray());
    bench.engine.close("gone");
    bench.engine.close("gone again");
    QCOMPARE(bench.handler.events.count("CLOSED"), 1);
    QCOMPARE(bench.handler.closeReason, QByteArray("timeout"));
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestEngine)
#include "tst_engine.moc"
