// SPDX-License-Identifier: GPL-2.0-or-later
#include "RawClient.h"
#include "tests/support/sink/Sink.h"

#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include <openssl/x509.h>

namespace portcullis::test {

using namespace std::chrono_literals;

namespace {

using Adjust = std::function<void(smtp::SessionLimits &)>;

QByteArray fingerprint(const RawClient &client)
{
    X509 *certificate = SSL_get1_peer_certificate(client.tls());
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(certificate, EVP_sha256(), static_cast<unsigned char *>(digest), &length);
    X509_free(certificate);
    return QByteArray(reinterpret_cast<const char *>(digest), length);  // NOLINT
}

/// User and system time of a process so far, in clock ticks.
qint64 cpuTicks(qint64 pid)
{
    QFile file(QStringLiteral("/proc/%1/stat").arg(pid));
    if (!file.open(QIODevice::ReadOnly)) {
        return -1;
    }
    const QByteArrayList fields = file.readAll().split(' ');
    return fields.value(13).toLongLong() + fields.value(14).toLongLong();
}

}  // namespace

class TestServer : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void takesMessagesOnEveryThread();
    void refusesInjectionBeforeTls();
    void refusesClearTextInTheHandshake();
    void forgetsTheSessionAtTls();
    void redeemsNoTicketElsewhere();
    void survivesCloseNotifyInAChunk();
    void refusesPipelinedBody();
    void cutsSlowClients_data();
    void cutsSlowClients();
    void servesOthersBesideSlowOnes();
    void cutsClientsThatDoNotRead();
    void refusesConnectionsBeyondTheLimit();
    void doesNotSpinWithoutDescriptors();
    void dropsForeignProtocols_data();
    void dropsForeignProtocols();
    void believesListedPeersOnly();
    void refusesOldProtocols_data();
    void refusesOldProtocols();
    void refusesRenegotiation();
    void showsARenewedCertificate();
    void finishesMessagesAtShutdown();
    void cutsWhatDoesNotFinish();
    void refusesAPortInUse();
    void makesAnIdentityOnce();
    void refusesBrokenIdentities();

private:
    SinkOptions options(const Adjust &adjust = {}) const;
    static std::unique_ptr<Sink> start(SinkOptions options);

    QTemporaryDir m_folder;
    QString m_identity;
};

void TestServer::initTestCase()
{
    m_identity = m_folder.filePath(QStringLiteral("tls.pem"));
}

SinkOptions TestServer::options(const Adjust &adjust) const
{
    SinkOptions options;
    options.tlsIdentity = m_identity;
    options.adjust = [adjust](smtp::ServerSettings &settings) {
        if (adjust) {
            adjust(settings.listeners[0].session.limits);
        }
    };
    return options;
}

std::unique_ptr<Sink> TestServer::start(SinkOptions options)
{
    auto sink = Sink::start(std::move(options));
    if (!sink) {
        qWarning("%s", qPrintable(sink.error().toString()));
        return nullptr;
    }
    return *std::move(sink);
}

void TestServer::takesMessagesOnEveryThread()
{
    SinkOptions several = options();
    several.threads = 4;
    const auto sink = start(several);
    QVERIFY(sink);
    for (int i = 0; i < 20; ++i) {
        RawClient client(sink->port());
        QVERIFY(client.greet().startsWith("250-sink.example"));
        QVERIFY(client.sendMessage().startsWith("250"));
        QVERIFY(client.ask("QUIT").startsWith("221"));
        QVERIFY(client.isClosedByServer());
    }
    QCOMPARE(sink->count(), 20);
    QCOMPARE(sink->messages().at(0).content, QByteArray("Subject: x\r\n\r\nbody\r\n"));
    QTRY_COMPARE(sink->server().sessionCount(), 0);
}

void TestServer::refusesInjectionBeforeTls()
{
    const auto sink = start(options());
    RawClient client(sink->port());
    client.greet();
    // S5
    client.send("STARTTLS\r\nRSET\r\nMAIL FROM:<evil@one.example>\r\n");
    QVERIFY(client.reply().startsWith("554 5.5.0"));
    QVERIFY(client.isClosedByServer());
}

void TestServer::refusesClearTextInTheHandshake()
{
    const auto sink = start(options());
    RawClient client(sink->port());
    client.greet();
    QVERIFY(client.ask("STARTTLS").startsWith("220"));
    // S5: the same a moment later is garbage to the handshake.
    client.sendPlain("EHLO x\r\nMAIL FROM:<evil@one.example>\r\n");
    QVERIFY(!client.rest().contains("250"));
    QTRY_COMPARE(sink->server().sessionCount(), 0);
}

void TestServer::forgetsTheSessionAtTls()
{
    const auto sink = start(options());
    RawClient client(sink->port());
    QVERIFY(client.startTls());
    // S6
    QVERIFY(client.ask("MAIL FROM:<a@one.example>").startsWith("503"));
    QVERIFY(!client.ask("EHLO other.example").contains("STARTTLS"));
    QVERIFY(client.sendMessage().startsWith("250"));
    const SunkMessage message = sink->messages().at(0);
    QCOMPARE(message.client.protocol, QByteArray("ESMTPS"));
    QCOMPARE(message.client.helo, QByteArray("other.example"));
    QVERIFY(message.client.tls.startsWith("TLSv1.3 TLS_"));
    QVERIFY(client.ask("QUIT").startsWith("221"));
    QVERIFY(client.isClosedByServer());
}

void TestServer::redeemsNoTicketElsewhere()
{
    SinkOptions two = options();
    two.adjust = [](smtp::ServerSettings &settings) {
        settings.listeners.push_back(settings.listeners[0]);
        settings.listeners[1].name = "other";
    };
    const auto sink = start(two);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const auto only = [version](SSL_CTX *context) {
            SSL_CTX_set_max_proto_version(context, version);
        };
        RawClient first(sink->port());
        first.greet();
        first.ask("STARTTLS");
        QVERIFY(first.handshake(only));
        first.ask("EHLO x");  // reads the tickets that TLS 1.3 sends after the handshake
        SSL_SESSION *session = SSL_get1_session(first.tls());
        // S6: at the other listener, and for good measure at the same.
        for (const char *listener : {"other", "sink"}) {
            RawClient second(sink->server().port(listener));
            second.greet();
            second.ask("STARTTLS");
            QVERIFY(second.handshake(only, session));
            QCOMPARE(SSL_session_reused(second.tls()), 0);
        }
        SSL_SESSION_free(session);
    }
}

void TestServer::survivesCloseNotifyInAChunk()
{
    const auto sink = start(options());
    for (int i = 0; i < 20; ++i) {
        RawClient client(sink->port());
        QVERIFY(client.startTls());
        client.ask("EHLO x");
        client.ask("MAIL FROM:<a@one.example>");
        client.ask("RCPT TO:<b@two.example>");
        // S7: part of a chunk, the end of TLS, and an octet in the clear.
        client.send("BDAT 10 LAST\r\nabc");
        SSL_shutdown(client.tls());
        client.sendPlain("xdefghij\r\n");
        client.rest();
    }
    QTRY_COMPARE(sink->server().sessionCount(), 0);
    QCOMPARE(sink->count(), 0);
    RawClient after(sink->port());
    after.greet();
    QVERIFY(after.sendMessage().startsWith("250"));
}

void TestServer::refusesPipelinedBody()
{
    const auto sink = start(options());
    RawClient client(sink->port());
    client.greet();
    // S10
    client.send("MAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\nDATA\r\nSubject: x\r\n"
                "\r\n.\r\n");
    QVERIFY(client.rest().endsWith("554 5.5.0 You did not wait for our reply (RFC 2920, section "
                                   "3.1)\r\n"));
    QCOMPARE(sink->count(), 0);
}

void TestServer::cutsSlowClients_data()
{
    QTest::addColumn<QByteArrayList>("begin");
    QTest::addColumn<QByteArray>("trickle");
    QTest::addColumn<QByteArray>("end");
    const QByteArrayList envelope{"EHLO x", "MAIL FROM:<a@one.example>", "RCPT TO:<b@two.example>"};
    QTest::newRow("S14 in a command") << QByteArrayList{} << QByteArray("N") << QByteArray("421");
    QTest::newRow("S14 in DATA") << envelope + QByteArrayList{"DATA"} << QByteArray("x")
                                 << QByteArray("421");
    QTest::newRow("S14 in BDAT") << envelope << QByteArray("BDAT 1\r\nx") << QByteArray("421");
    QTest::newRow("S14 in the handshake")
        << QByteArrayList{"EHLO x", "STARTTLS"} << QByteArray("\x16") << QByteArray();
}

void TestServer::cutsSlowClients()
{
    QFETCH(QByteArrayList, begin);
    QFETCH(QByteArray, trickle);
    QFETCH(QByteArray, end);
    const auto sink = start(options([](smtp::SessionLimits &limits) {
        limits.command = 600ms;
        limits.handshake = 600ms;
        limits.dataGrace = 600ms;
    }));
    RawClient client(sink->port());
    client.reply();
    for (const QByteArray &line : begin) {
        client.ask(line);
    }
    int sent = 0;
    while (sink->server().sessionCount() > 0 && sent < 200 && client.sendPlain(trickle)) {
        QTest::qWait(50);
        ++sent;
    }
    QTRY_COMPARE(sink->server().sessionCount(), 0);
    QVERIFY(sent < 200);
    const QByteArray rest = client.rest();
    QVERIFY2(end.isEmpty() || rest.contains(end + " 4.4.2"), rest.constData());
}

void TestServer::servesOthersBesideSlowOnes()
{
    const auto sink = start(options());
    std::vector<RawClient> slow;
    for (int i = 0; i < 300; ++i) {
        slow.emplace_back(sink->port());
        QVERIFY(slow.back().isConnected());
        slow.back().send("EHLO slo");
    }
    // S14: one thread serves them all, and a diligent client still gets through.
    RawClient client(sink->port());
    client.greet();
    for (int i = 0; i < 20; ++i) {
        QVERIFY(client.sendMessage().startsWith("250"));
        slow[static_cast<size_t>(i)].send("w");
    }
    QCOMPARE(sink->count(), 20);
}

void TestServer::cutsClientsThatDoNotRead()
{
    const auto sink = start(options([](smtp::SessionLimits &limits) { limits.write = 500ms; }));
    RawClient client(sink->port());
    client.greet();
    const int small = 4096;
    ::setsockopt(client.descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    timeval timeout{0, 100'000};
    ::setsockopt(client.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    // S14: zero window on output. The server stops reading, then gives up.
    const QByteArray flood = QByteArray("HELP\r\n").repeated(10'000);
    for (int i = 0; i < 300 && sink->server().sessionCount() > 0; ++i) {
        (void)client.sendPlain(flood);
        QTest::qWait(10);
    }
    QTRY_COMPARE(sink->server().sessionCount(), 0);
    QCOMPARE(sink->closeReasons().last(), QByteArray("client does not read"));
}

void TestServer::refusesConnectionsBeyondTheLimit()
{
    SinkOptions few = options();
    few.threads = 3;
    few.adjust = [](smtp::ServerSettings &settings) { settings.listeners[0].maxConnections = 5; };
    const auto sink = start(few);
    {
        std::vector<RawClient> clients;
        for (int i = 0; i < 5; ++i) {
            clients.emplace_back(sink->port());
            QVERIFY(clients.back().reply().startsWith("220"));
        }
        // S15: over all threads together.
        for (int i = 0; i < 50; ++i) {
            RawClient more(sink->port());
            QVERIFY(more.reply().startsWith("421 4.7.0"));
            QVERIFY(more.isClosedByServer());
        }
    }
    QTRY_COMPARE(sink->server().sessionCount(), 0);
    RawClient again(sink->port());
    QVERIFY(again.reply().startsWith("220"));
}

void TestServer::doesNotSpinWithoutDescriptors()
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    QSKIP("the sanitizers' own checks fail without descriptors");
#endif
    QProcess sink;
    sink.start(QStringLiteral("/bin/sh"),
               {QStringLiteral("-c"), QStringLiteral("ulimit -n 40; exec \"$0\" --discard"),
                QStringLiteral(PORTCULLIS_BINARY_DIR) + QStringLiteral("/bin/pmg-testsink")});
    QVERIFY(sink.waitForStarted() && sink.waitForReadyRead());
    const QByteArray ready = sink.readLine();
    const auto port = ready.mid(ready.lastIndexOf(':') + 1).chopped(2).toUShort();
    QVERIFY(port != 0);
    {
        std::vector<RawClient> clients;
        for (int i = 0; i < 80; ++i) {
            clients.emplace_back(port);
        }
        QTest::qWait(300);
        // S16: a second with a connection waiting that cannot be accepted costs next to nothing.
        const qint64 before = cpuTicks(sink.processId());
        QTest::qWait(1000);
        const qint64 spent = cpuTicks(sink.processId()) - before;
        QVERIFY(before >= 0);
        QVERIFY2(spent < ::sysconf(_SC_CLK_TCK) / 4, QByteArray::number(spent).constData());
    }
    // And it recovers by itself.
    QTRY_VERIFY(RawClient(port).reply().startsWith("220"));
    sink.terminate();
    QVERIFY(sink.waitForFinished());
    QCOMPARE(sink.exitCode(), 0);
}

void TestServer::dropsForeignProtocols_data()
{
    QTest::addColumn<QByteArray>("octets");
    QTest::newRow("S17 HTTP POST")
        << QByteArray("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
                      "EHLO x\r\nMAIL FROM:<a@one.example>\r\nRCPT TO:<b@two.example>\r\n");
    QTest::newRow("S17 TLS hello") << QByteArray::fromHex("16030100c8010000c40303") + "garbage\r\n";
}

void TestServer::dropsForeignProtocols()
{
    QFETCH(QByteArray, octets);
    const auto sink = start(options());
    RawClient client(sink->port());
    client.reply();
    client.send(octets);
    QVERIFY(!client.rest().contains("250"));
    QTRY_COMPARE(sink->server().sessionCount(), 0);
}

void TestServer::believesListedPeersOnly()
{
    const auto unlisted = start(options());
    RawClient spoofer(unlisted->port());
    spoofer.greet();
    // S18
    QVERIFY(spoofer.ask("XCLIENT ADDR=10.0.0.1").startsWith("550"));
    QVERIFY(spoofer.ask("XFORWARD ADDR=10.0.0.1").startsWith("550"));

    SinkOptions listed = options();
    listed.adjust = [](smtp::ServerSettings &settings) {
        settings.listeners[0].xclientNetworks = {
            QHostAddress::parseSubnet(QStringLiteral("127.0.0.0/8"))};
    };
    const auto sink = start(listed);
    RawClient peer(sink->port());
    QVERIFY(peer.greet().contains("XCLIENT"));
    QVERIFY(peer.ask("XCLIENT ADDR=10.0.0.1 NAME=x.example").startsWith("220"));
    peer.ask("EHLO y.example");
    QVERIFY(peer.sendMessage().startsWith("250"));
    QCOMPARE(sink->messages().at(0).client.address, QHostAddress(QStringLiteral("10.0.0.1")));
}

void TestServer::refusesOldProtocols_data()
{
    QTest::addColumn<int>("version");
    QTest::addColumn<QByteArray>("ciphers");
    QTest::addColumn<bool>("isTaken");
    QTest::newRow("S19 TLS 1.0") << TLS1_VERSION << QByteArray("ALL") << false;
    QTest::newRow("S19 TLS 1.1") << TLS1_1_VERSION << QByteArray("ALL") << false;
    QTest::newRow("S19 TLS 1.2") << TLS1_2_VERSION << QByteArray("ALL") << true;
    QTest::newRow("S19 TLS 1.2 with CBC")
        << TLS1_2_VERSION << QByteArray("AES128-SHA:ECDHE-ECDSA-AES128-SHA") << false;
    QTest::newRow("S19 TLS 1.2 without key exchange")
        << TLS1_2_VERSION << QByteArray("aNULL") << false;
    QTest::newRow("S19 TLS 1.3") << TLS1_3_VERSION << QByteArray("ALL") << true;
}

void TestServer::refusesOldProtocols()
{
    QFETCH(int, version);
    QFETCH(QByteArray, ciphers);
    QFETCH(bool, isTaken);
    const auto sink = start(options());
    RawClient client(sink->port());
    client.greet();
    client.ask("STARTTLS");
    QCOMPARE(client.handshake([&](SSL_CTX *context) {
        SSL_CTX_set_min_proto_version(context, version);
        SSL_CTX_set_max_proto_version(context, version);
        SSL_CTX_set_cipher_list(context, (ciphers + ":@SECLEVEL=0").constData());
    }),
             isTaken);
    // Whatever happened, the server goes on.
    RawClient next(sink->port());
    QVERIFY(next.startTls());
}

void TestServer::refusesRenegotiation()
{
    const auto sink = start(options());
    RawClient client(sink->port());
    client.greet();
    client.ask("STARTTLS");
    QVERIFY(client.handshake(
        [](SSL_CTX *context) { SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION); }));
    client.ask("EHLO x");
    const auto finishedMessage = [&] {
        QByteArray message(64, '\0');
        message.truncate(qsizetype(SSL_get_finished(client.tls(), message.data(), 64)));
        return message;
    };
    const QByteArray before = finishedMessage();
    // S19: the server answers no_renegotiation, and no second handshake comes to an end.
    SSL_renegotiate(client.tls());
    SSL_do_handshake(client.tls());
    client.ask("NOOP");
    QCOMPARE(finishedMessage(), before);
}

void TestServer::showsARenewedCertificate()
{
    SinkOptions first = options();
    const auto sink = start(first);
    RawClient before(sink->port());
    QVERIFY(before.startTls());
    before.ask("EHLO x");
    RawClient waiting(sink->port());
    waiting.greet();
    SinkOptions renewed = options();
    renewed.tlsIdentity = m_folder.filePath(QStringLiteral("renewed.pem"));
    const auto settings = Sink::settingsFor(renewed);
    QVERIFY(settings.has_value());
    sink->server().apply(*settings);
    RawClient after(sink->port());
    QVERIFY(after.startTls());
    QVERIFY(fingerprint(before) != fingerprint(after));
    QVERIFY(before.sendMessage().startsWith("250"));
    QVERIFY(waiting.ask("STARTTLS").startsWith("220"));
    QVERIFY(waiting.handshake([](SSL_CTX *) {}));
    QCOMPARE(fingerprint(waiting), fingerprint(before));
}

void TestServer::finishesMessagesAtShutdown()
{
    SinkOptions slow = options();
    slow.delay = 300ms;
    const auto sink = start(slow);
    RawClient idle(sink->port());
    idle.greet();
    RawClient inData(sink->port());
    inData.greet();
    inData.ask("MAIL FROM:<a@one.example>");
    inData.ask("RCPT TO:<b@two.example>");
    inData.ask("DATA");
    RawClient waiting(sink->port());
    waiting.greet();
    waiting.ask("MAIL FROM:<a@one.example>");
    waiting.ask("RCPT TO:<b@two.example>");
    waiting.ask("DATA");
    waiting.send("Subject: x\r\n\r\n.\r\n");
    QTest::qWait(50);
    bool hasStopped = false;
    connect(&sink->server(), &smtp::Server::stopped, this, [&] { hasStopped = true; });
    sink->server().requestStop();
    // F21
    QVERIFY(idle.reply().startsWith("421 4.3.2"));
    QVERIFY(idle.isClosedByServer());
    QVERIFY(inData.ask("Subject: y\r\n\r\n.").startsWith("250"));
    QVERIFY(inData.reply().startsWith("421 4.3.2"));
    QVERIFY(waiting.reply().startsWith("250"));
    QVERIFY(waiting.reply().startsWith("421 4.3.2"));
    QTRY_VERIFY(hasStopped);
    QCOMPARE(sink->count(), 2);
    QVERIFY(!RawClient(sink->port()).isConnected());
}

void TestServer::cutsWhatDoesNotFinish()
{
    SinkOptions impatient = options();
    impatient.adjust = [](smtp::ServerSettings &settings) { settings.shutdownGrace = 200ms; };
    const auto sink = start(impatient);
    RawClient client(sink->port());
    client.greet();
    client.ask("MAIL FROM:<a@one.example>");
    client.ask("RCPT TO:<b@two.example>");
    client.ask("DATA");
    sink->server().stop();
    QVERIFY(client.isClosedByServer());
    QCOMPARE(sink->closeReasons(), QByteArrayList{"server stopped"});
    QCOMPARE(sink->count(), 0);
}

void TestServer::refusesAPortInUse()
{
    const auto sink = start(options());
    SinkOptions same = options();
    same.port = sink->port();
    const auto second = Sink::start(same);
    QVERIFY(!second.has_value());
    QCOMPARE(second.error().id, QByteArray("smtp.bind"));
    QVERIFY(second.error().detail.contains(QString::number(same.port)));
}

void TestServer::makesAnIdentityOnce()
{
    const QString path = m_folder.filePath(QStringLiteral("once.pem"));
    QVERIFY(smtp::TlsIdentity::createSelfSigned(path, "mx.example").has_value());
    QVERIFY(!(QFile::permissions(path)
              & ~(QFile::ReadOwner | QFile::WriteOwner | QFile::ReadUser | QFile::WriteUser)));
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray pem = file.readAll();
    QVERIFY(smtp::TlsIdentity::createSelfSigned(path, "mx.example").has_value());
    file.seek(0);
    QCOMPARE(file.readAll(), pem);
    const auto identity = smtp::TlsIdentity::load(path);
    QVERIFY(identity.has_value());
    const QSslCertificate certificate = (*identity)->configuration().localCertificate();
    QCOMPARE(certificate.subjectInfo(QSslCertificate::CommonName).value(0),
             QStringLiteral("mx.example"));
    QVERIFY(certificate.expiryDate() > QDateTime::currentDateTime().addYears(9));
    QVERIFY(!smtp::TlsIdentity::createSelfSigned(path, "mx,DNS:evil.example").has_value());
}

void TestServer::refusesBrokenIdentities()
{
    const auto write = [&](const char *name, const QByteArray &bytes) {
        QFile file(m_folder.filePath(QString::fromLatin1(name)));
        file.open(QIODevice::WriteOnly);
        file.write(bytes);
        return file.fileName();
    };
    const auto idOf = [](const QString &path) {
        const auto identity = smtp::TlsIdentity::load(path);
        return identity ? QByteArray("fine") : identity.error().id;
    };
    const auto pemOf = [&](const char *name) {
        const QString path = m_folder.filePath(QString::fromLatin1(name));
        [[maybe_unused]] const auto made = smtp::TlsIdentity::createSelfSigned(path, "x.example");
        QFile file(path);
        file.open(QIODevice::ReadOnly);
        return file.readAll();
    };
    const QByteArray one = pemOf("one.pem");
    const QByteArray two = pemOf("two.pem");
    const qsizetype split = one.indexOf("-----BEGIN CERT");
    QCOMPARE(idOf(m_folder.filePath(QStringLiteral("none.pem"))), QByteArray("tls.unreadable"));
    QCOMPARE(idOf(write("empty.pem", {})), QByteArray("tls.certificate"));
    QCOMPARE(idOf(write("key.pem", one.left(split))), QByteArray("tls.certificate"));
    QCOMPARE(idOf(write("certificate.pem", one.mid(split))), QByteArray("tls.certificate"));
    QCOMPARE(idOf(write("mixed.pem", one.left(split) + two.mid(two.indexOf("-----BEGIN CERT")))),
             QByteArray("tls.certificate"));
    QCOMPARE(idOf(write("good.pem", one)), QByteArray("fine"));
}

}  // namespace portcullis::test

QTEST_GUILESS_MAIN(portcullis::test::TestServer)
#include "tst_server.moc"
