// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ClientEngine.h"

#include <QtTest/QTest>

namespace portcullis::smtp {

class TestClientEngine final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readsReplies_data();
    void readsReplies();
    void refusesHostileReplies_data();
    void refusesHostileReplies();
    void readsEnhancedCodesStrictly_data();
    void readsEnhancedCodesStrictly();
    void stuffsDots_data();
    void stuffsDots();
    void pipelinesATransaction();
    void goesStepByStepWithoutPipelining();
    void fallsBackToHelo();
    void usesAConnectionAgain();
    void sendsALoneDotWhenNobodyIsLeft();
    void saysWhatTheNextHopLacks_data();
    void saysWhatTheNextHopLacks();
    void passesDsnParametersOn();
    void dropsInjectionBehindStartTls_data();
    void dropsInjectionBehindStartTls();
    void needsTlsWhereRequired();
    void treats552AtRcptAsTransient();
    void recognisesItself();
};

namespace {

constexpr const char *modern = "250-mx.example hello\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                               "250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 1000\r\n";

ClientSettings settingsFor(TlsUse tls = TlsUse::None)
{
    ClientSettings settings;
    settings.heloName = "gw.example";
    settings.tls = tls;
    return settings;
}

/// An engine that was greeted and has heard `ehlo`.
ClientEngine readyEngine(const QByteArray &ehlo = modern)
{
    ClientEngine engine(settingsFor());
    engine.receive("220 mx.example\r\n");
    engine.takeOutput();
    engine.receive(ehlo);
    return engine;
}

OutgoingMail mailTo(const std::vector<QByteArray> &recipients,
                    const QByteArray &text = "Subject: x\r\n\r\nHello\r\n")
{
    OutgoingMail mail;
    mail.envelope.sender = *mail::Address::parse("a@b.example");
    for (const QByteArray &recipient : recipients) {
        mail.envelope.recipients.push_back({*mail::Address::parse(recipient), {}, {}});
    }
    mail.content = mail::Content(text);
    return mail;
}

QByteArray joined(const std::vector<QByteArrayView> &slices)
{
    QByteArray bytes;
    for (const QByteArrayView slice : slices) {
        bytes += slice;
    }
    return bytes;
}

QByteArray stuffed(QByteArrayView message, qsizetype block)
{
    DotStuffer stuffer(message);
    QByteArray wire;
    while (!stuffer.isFinished()) {
        wire += joined(stuffer.next(block));
    }
    return wire;
}

}  // namespace

void TestClientEngine::readsReplies_data()
{
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("line");
    QTest::newRow("one line") << QByteArray("250 2.1.0 ok\r\n") << QByteArray("250 2.1.0 ok");
    QTest::newRow("code alone") << QByteArray("250\r\n") << QByteArray("250");
    QTest::newRow("bare LF is forgiven") << QByteArray("250 ok\n") << QByteArray("250 ok");
    QTest::newRow("last code counts") << QByteArray("250-a\r\n550 b\r\n") << QByteArray("550 a b");
    QTest::newRow("controls become question marks")
        << QByteArray("550 a\033[31mb\0c\r\n", 15) << QByteArray("550 a?[31mb?c");
    QTest::newRow("UTF-8 stays") << QByteArray("550 gr\xc3\xbc\xc3\x9f\r\n")
                                 << QByteArray("550 gr\xc3\xbc\xc3\x9f");
    QTest::newRow("other octets do not") << QByteArray("550 \xff\r\n") << QByteArray("550 ?");
}

void TestClientEngine::readsReplies()
{
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, line);
    for (const bool isByteByByte : {false, true}) {
        ReplyReader reader;
        std::optional<ServerReply> reply;
        for (qsizetype i = 0; i < bytes.size(); i += isByteByByte ? 1 : bytes.size()) {
            QVERIFY(!reply);
            reader.append(isByteByByte ? QByteArrayView(bytes).sliced(i, 1)
                                       : QByteArrayView(bytes));
            reply = *reader.next();
        }
        QVERIFY(reply);
        QCOMPARE(reply->reply.toLine(), line);
        QVERIFY(!reader.hasBufferedBytes());
    }
}

void TestClientEngine::refusesHostileReplies_data()
{
    QTest::addColumn<QByteArray>("piece");
    QTest::addColumn<int>("times");
    QTest::addColumn<QByteArray>("id");
    QTest::newRow("R7 endless multi-line reply")
        << QByteArray("250-x\r\n") << 100'000 << QByteArray("smtp.reply-too-long");
    QTest::newRow("R7 a line of 1 GB") << QByteArray("250 ") + QByteArray(65536, 'x') << 16384
                                       << QByteArray("smtp.reply-too-long");
    QTest::newRow("R7 no code") << QByteArray("hello\r\n") << 1 << QByteArray("smtp.reply-syntax");
    QTest::newRow("R7 code out of range")
        << QByteArray("999 x\r\n") << 1 << QByteArray("smtp.reply-syntax");
    QTest::newRow("R7 NUL") << QByteArray(10, '\0') + "\r\n"
                            << 1 << QByteArray("smtp.reply-syntax");
    QTest::newRow("R7 empty line") << QByteArray("\r\n") << 1 << QByteArray("smtp.reply-syntax");
}

void TestClientEngine::refusesHostileReplies()
{
    QFETCH(QByteArray, piece);
    QFETCH(int, times);
    QFETCH(QByteArray, id);
    ClientEngine engine(settingsFor());
    for (int i = 0; i < times && !engine.failure(); ++i) {
        engine.receive(piece);
    }
    QVERIFY(engine.failure());
    QCOMPARE(engine.failure()->id, id);
    QVERIFY(engine.failure()->isTransient());
}

void TestClientEngine::readsEnhancedCodesStrictly_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("code");
    QTest::newRow("plain") << QByteArray("5.1.1 x") << QByteArray("5.1.1");
    QTest::newRow("three digits") << QByteArray("5.123.456 x") << QByteArray("5.123.456");
    QTest::newRow("alone") << QByteArray("5.1.1") << QByteArray("5.1.1");
    QTest::newRow("R7 other class") << QByteArray("4.1.1 x") << QByteArray();
    QTest::newRow("R7 four digits") << QByteArray("5.1234.1 x") << QByteArray();
    QTest::newRow("R7 huge") << "5." + QByteArray(1000, '9') + ".1 x" << QByteArray();
    QTest::newRow("R7 no detail") << QByteArray("5.1. x") << QByteArray();
    QTest::newRow("R7 no space") << QByteArray("5.1.1x") << QByteArray();
    QTest::newRow("R7 sign") << QByteArray("5.-1.1 x") << QByteArray();
    QTest::newRow("R7 half") << QByteArray("5.1") << QByteArray();
}

void TestClientEngine::readsEnhancedCodesStrictly()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, code);
    QCOMPARE(enhancedCodeOf(text, 550), code);
}

void TestClientEngine::stuffsDots_data()
{
    QTest::addColumn<QByteArray>("message");
    QTest::addColumn<QByteArray>("wire");
    const auto row = [](const char *name, const QByteArray &message, const QByteArray &wire) {
        QTest::newRow(name) << message << wire;
    };
    row("plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n");
    row("empty", "", ".\r\n");
    row("dot first", ".\r\n", "..\r\n.\r\n");
    row("dot in the middle", "a\r\n.b\r\n", "a\r\n..b\r\n.\r\n");
    row("two dots", "..\r\n", "...\r\n.\r\n");
    row("no end of line", "a", "a\r\n.\r\n");
    row("only a dot", ".", "..\r\n.\r\n");
    row("dot inside a line", "a.b\r\n", "a.b\r\n.\r\n");
    row("S2 LF.LF", "a\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n");
    row("S2 CR.CR", "a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n");
    row("S2 LF.CRLF", "a\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n");
    row("S2 CRLF.LF", "a\r\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n");
    row("S2 CRLF.CR", "a\r\n.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n");
    row("S2 CR CR LF", "a\r\r\n.\r\r\nb", "a\r\n\r\n..\r\n\r\nb\r\n.\r\n");
    row("S2 ends with CR", "a\r", "a\r\n.\r\n");
    row("S2 ends with LF", "a\n", "a\r\n.\r\n");
    row("S2 NUL stays", QByteArray("a\0\r\n.\0\r\n", 8), QByteArray("a\0\r\n..\0\r\n.\r\n", 12));
}

void TestClientEngine::stuffsDots()
{
    QFETCH(QByteArray, message);
    QFETCH(QByteArray, wire);
    for (const qsizetype block : {1000, 1, 2, 3, 5}) {
        QCOMPARE(stuffed(message, block), wire);
    }
}

void TestClientEngine::pipelinesATransaction()
{
    ClientEngine engine = readyEngine();
    QVERIFY(engine.isReady());
    engine.send(mailTo({"c@d.example", "e@d.example"}));
    QCOMPARE(engine.takeOutput(), QByteArray("MAIL FROM:<a@b.example> SIZE=21\r\n"
                                             "RCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n"
                                             "DATA\r\n"));
    engine.receive("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n");
    QVERIFY(engine.hasBody());
    QCOMPARE(joined(engine.takeBody(1000)), QByteArray("Subject: x\r\n\r\nHello\r\n.\r\n"));
    engine.receive("250 2.0.0 id 1\r\n");
    const auto result = engine.takeResult();
    QVERIFY(result);
    QVERIFY(result->recipients[0].isDelivered());
    QCOMPARE(result->recipients[1].reply.toLine(), QByteArray("550 5.1.1 no"));
    QVERIFY(engine.isReady());
}

void TestClientEngine::goesStepByStepWithoutPipelining()
{
    ClientEngine engine = readyEngine("250 mx.example\r\n");
    engine.send(mailTo({"c@d.example"}));
    QCOMPARE(engine.takeOutput(), QByteArray("MAIL FROM:<a@b.example>\r\n"));
    engine.receive("250 ok\r\n");
    QCOMPARE(engine.takeOutput(), QByteArray("RCPT TO:<c@d.example>\r\n"));
    engine.receive("250 ok\r\n");
    QCOMPARE(engine.takeOutput(), QByteArray("DATA\r\n"));
    engine.receive("354 go\r\n");
    QVERIFY(engine.hasBody());
}

void TestClientEngine::fallsBackToHelo()
{
    ClientEngine engine(settingsFor());
    engine.receive("220 old\r\n");
    QCOMPARE(engine.takeOutput(), QByteArray("EHLO gw.example\r\n"));
    engine.receive("500 what?\r\n");
    QCOMPARE(engine.takeOutput(), QByteArray("HELO gw.example\r\n"));
    engine.receive("250 old\r\n");
    QVERIFY(engine.isReady());
    QVERIFY(!engine.features().isExtended);
}

void TestClientEngine::usesAConnectionAgain()
{
    ClientEngine engine = readyEngine("250-mx.example\r\n250 8BITMIME\r\n");
    engine.send(mailTo({"c@d.example"}));
    engine.receive("250 ok\r\n");
    engine.receive("450 later\r\n");
    engine.takeOutput();
    QVERIFY(engine.takeResult());
    QVERIFY2(!engine.isReady(), "RSET is not answered yet");
    engine.receive("250 reset\r\n");
    QVERIFY(engine.isReady());
    engine.send(mailTo({"c@d.example"}));
    engine.receive("250 ok\r\n250 ok\r\n354 go\r\n");
    engine.takeBody(1000);
    engine.receive("250 done\r\n");
    QVERIFY(engine.takeResult()->recipients[0].isDelivered());
    QCOMPARE(engine.transactions(), 2);
}

void TestClientEngine::sendsALoneDotWhenNobodyIsLeft()
{
    ClientEngine engine = readyEngine();
    engine.send(mailTo({"c@d.example"}));
    engine.takeOutput();
    engine.receive("250 ok\r\n550 5.1.1 no\r\n354 go on\r\n");
    QVERIFY(!engine.hasBody());
    QCOMPARE(engine.takeOutput(), QByteArray(".\r\n"));
    engine.receive("250 took nothing\r\n");
    const auto result = engine.takeResult();
    QVERIFY(!result->recipients[0].isDelivered());
    QVERIFY(engine.isReady());
}

void TestClientEngine::saysWhatTheNextHopLacks_data()
{
    QTest::addColumn<QByteArray>("ehlo");
    QTest::addColumn<QByteArray>("recipient");
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("isSmtpUtf8");
    QTest::addColumn<QByteArray>("reply");
    const QByteArray bare = "250 mx\r\n";
    const QByteArray ascii = "Subject: x\r\n\r\nx\r\n";
    const QByteArray eightBit = "Subject: x\r\n\r\n\xc3\xbc\r\n";
    const QByteArray utf8Header = "Subject: \xc3\xbc\r\n\r\nx\r\n";
    const QByteArray plain = "c@d.example";
    const QByteArray utf8 = "\xc3\xbc@d.example";
    QTest::newRow("S13 7-bit needs nothing") << bare << plain << ascii << false << QByteArray();
    QTest::newRow("S13 8-bit data") << bare << plain << eightBit << false << QByteArray("5.6.3");
    QTest::newRow("S13 8-bit data with 8BITMIME")
        << QByteArray("250-mx\r\n250 8BITMIME\r\n") << plain << eightBit << false << QByteArray();
    QTest::newRow("S13 UTF-8 address") << bare << utf8 << ascii << true << QByteArray("5.6.7");
    QTest::newRow("S13 UTF-8 header") << bare << plain << utf8Header << true << QByteArray("5.6.9");
    QTest::newRow("S13 SMTPUTF8 asked for but not needed")
        << bare << plain << ascii << true << QByteArray();
    QTest::newRow("S13 too large") << QByteArray("250-mx\r\n250 SIZE 10\r\n") << plain << ascii
                                   << false << QByteArray("5.3.4");
    QTest::newRow("S13 size without limit")
        << QByteArray("250-mx\r\n250 SIZE\r\n") << plain << ascii << false << QByteArray();
}

void TestClientEngine::saysWhatTheNextHopLacks()
{
    QFETCH(QByteArray, ehlo);
    QFETCH(QByteArray, recipient);
    QFETCH(QByteArray, text);
    QFETCH(bool, isSmtpUtf8);
    QFETCH(QByteArray, reply);
    ClientEngine engine = readyEngine(ehlo);
    OutgoingMail mail = mailTo({recipient}, text);
    mail.envelope.isSmtpUtf8 = isSmtpUtf8;
    engine.send(mail);
    const auto result = engine.takeResult();
    QCOMPARE(result.has_value(), !reply.isEmpty());
    if (result) {
        QCOMPARE(result->recipients[0].reply.enhanced, reply);
        QVERIFY(result->recipients[0].reply.isPermanent());
        QVERIFY2(engine.takeOutput().isEmpty(), "nothing was sent");
        QVERIFY(engine.isReady());
    }
}

void TestClientEngine::passesDsnParametersOn()
{
    ClientEngine engine = readyEngine();
    OutgoingMail mail = mailTo({"c@d.example"});
    mail.envelope.envelopeId = "QQ314159";
    mail.envelope.dsnReturn = mail::DsnReturn::Headers;
    mail.envelope.recipients[0].notify = mail::Notify::Failure | mail::Notify::Delay;
    mail.envelope.recipients[0].originalRecipient = "rfc822;x\r\nRSET";
    engine.send(mail);
    QCOMPARE(engine.takeOutput(),
             QByteArray("MAIL FROM:<a@b.example> SIZE=21 RET=HDRS ENVID=QQ314159\r\n"
                        "RCPT TO:<c@d.example> NOTIFY=FAILURE,DELAY\r\nDATA\r\n"));
}

void TestClientEngine::dropsInjectionBehindStartTls_data()
{
    QTest::addColumn<QByteArray>("behind");
    QTest::addColumn<bool>("isDropped");
    QTest::newRow("nothing") << QByteArray() << false;
    QTest::newRow("S5 a second reply") << QByteArray("250 mx\r\n") << true;
    QTest::newRow("S5 half a line") << QByteArray("2") << true;
}

void TestClientEngine::dropsInjectionBehindStartTls()
{
    QFETCH(QByteArray, behind);
    QFETCH(bool, isDropped);
    ClientEngine engine(settingsFor(TlsUse::IfOffered));
    engine.receive("220 mx\r\n");
    engine.receive("250-mx\r\n250 STARTTLS\r\n");
    engine.receive("220 go\r\n" + behind);
    QCOMPARE(engine.failure().has_value(), isDropped);
    QCOMPARE(engine.wantsTls(), !isDropped);
    if (isDropped) {
        QCOMPARE(engine.failure()->id, QByteArray("smtp.starttls-injection"));
        return;
    }
    engine.receive("250 said in clear text\r\n");
    engine.takeOutput();
    engine.tlsEstablished();
    QCOMPARE(engine.takeOutput(), QByteArray("EHLO gw.example\r\n"));
    QVERIFY2(!engine.isReady(), "what came before the handshake is forgotten");
    engine.receive("250 mx\r\n");
    QVERIFY(engine.isReady());
    QVERIFY(engine.isEncrypted());
}

void TestClientEngine::needsTlsWhereRequired()
{
    ClientEngine without(settingsFor(TlsUse::Required));
    without.receive("220 mx\r\n250 mx\r\n");
    QCOMPARE(without.failure()->id, QByteArray("smtp.no-starttls"));
    ClientEngine refused(settingsFor(TlsUse::Required));
    refused.receive("220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 4.7.0 no\r\n");
    QCOMPARE(refused.failure()->id, QByteArray("smtp.no-starttls"));
    ClientEngine optional(settingsFor(TlsUse::IfOffered));
    optional.receive("220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 4.7.0 no\r\n");
    QVERIFY(optional.isReady());
}

void TestClientEngine::treats552AtRcptAsTransient()
{
    ClientEngine engine = readyEngine();
    engine.send(mailTo({"c@d.example", "e@d.example"}));
    engine.receive("250 ok\r\n250 ok\r\n552 too many recipients\r\n354 go\r\n");
    engine.takeBody(1000);
    engine.receive("250 done\r\n");
    QCOMPARE(engine.takeResult()->recipients[1].reply.code, 452);
}

void TestClientEngine::recognisesItself()
{
    ClientSettings settings = settingsFor();
    settings.detectsLoop = true;
    ClientEngine engine(settings);
    engine.receive("220 x\r\n250-GW.example hello\r\n250 SIZE\r\n");
    QCOMPARE(engine.failure()->id, QByteArray("smtp.loop"));
    QVERIFY(!engine.failure()->isTransient());
}

}  // namespace portcullis::smtp

QTEST_APPLESS_MAIN(portcullis::smtp::TestClientEngine)
#include "tst_client_engine.moc"
