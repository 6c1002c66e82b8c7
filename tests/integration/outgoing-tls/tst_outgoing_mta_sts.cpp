// SPDX-License-Identifier: GPL-2.0-or-later
// MTA-STS (RFC 8461) end to end: DNS, a real HTTPS server with a test authority, TLS to the host.
#include "tests/integration/outgoing-tls/TlsBench.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtTest/QTest>

namespace portcullis::test {

using Kind = delivery::DeliveryEvent::Kind;
using config::TlsLevel;
using namespace std::chrono_literals;

/// tests/integration/outgoing-tls/policy_host.py with its files.
class PolicyHost
{
public:
    bool start(const TestAuthority &authority, const QByteArray &certificate)
    {
        m_process.setReadChannel(QProcess::StandardOutput);
        m_process.start(
            QStringLiteral("python3"),
            {QStringLiteral(PORTCULLIS_SOURCE_DIR "/tests/integration/outgoing-tls/policy_host.py"),
             m_folder.path(), authority.path(certificate + ".pem"),
             authority.path(certificate + ".key"), QString::number(m_port)});
        QByteArray line;
        while (!line.endsWith('\n') && m_process.waitForReadyRead(10'000)) {
            line += m_process.readLine();
        }
        m_port = line.trimmed().toUShort();
        return m_port != 0;
    }
    void stop()
    {
        m_process.kill();
        m_process.waitForFinished();
    }
    ~PolicyHost() { stop(); }
    PolicyHost() = default;
    Q_DISABLE_COPY_MOVE(PolicyHost)

    void write(const QByteArray &file, const QByteArray &content) const
    {
        QFile out(m_folder.filePath(QString::fromLatin1(file)));
        out.open(QIODevice::WriteOnly);
        out.write(content);
    }
    void serve(const QByteArray &domain, const QByteArray &policy) const
    {
        write("mta-sts." + domain + ".txt", policy);
    }
    void reset() const
    {
        for (const QString &file : QDir(m_folder.path()).entryList(QDir::Files)) {
            QFile::remove(m_folder.filePath(file));
        }
    }
    [[nodiscard]] QByteArrayList requests() const
    {
        QFile in(m_folder.filePath(QStringLiteral("requests")));
        return in.open(QIODevice::ReadOnly) ? in.readAll().trimmed().split('\n') : QByteArrayList();
    }
    [[nodiscard]] quint16 port() const { return m_port; }

private:
    QTemporaryDir m_folder;
    QProcess m_process;
    quint16 m_port = 0;
};

QByteArray policy(const QByteArray &mode,
                  const QByteArray &host,
                  const QByteArray &maxAge = "86400")
{
    return "version: STSv1\r\nmode: " + mode + "\r\nmx: " + host + "\r\nmax_age: " + maxAge
           + "\r\n";
}

/// As deliverOne(), but the hosts are looked up again: settings that are new make them forgotten.
std::optional<delivery::DeliveryEvent> deliverAnew(DeliveryBench &bench,
                                                   const QByteArray &recipient)
{
    bench.manager->setSettings(std::make_shared<const delivery::DeliverySettings>(bench.settings));
    return deliverOne(bench, recipient);
}

class TestOutgoingMtaSts final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();
    void decides_data();
    void decides();
    void asksThePolicyHostByName();
    void goesWithoutAPolicyThatCannotBeHad_data();
    void goesWithoutAPolicyThatCannotBeHad();
    void givesUpOnASlowPolicyHost();
    void doesNotTalkToLoopbackForStrangers();
    void keepsThePolicyWhateverHappensToDns();
    void keepsThePolicyAcrossARestart();
    void takesANewPolicyWhenItsIdChanges();
    void forgetsAPolicyAtItsEnd();
    void renewsAPolicyBeforeItsEnd();
    void doesNotRepeatAFailedFetchAtOnce();
    void letsDaneDecideWhereThereIsBoth_data();
    void letsDaneDecideWhereThereIsBoth();

private:
    void writeZone(const QByteArray &id, const QByteArray &more = {});
    std::unique_ptr<DeliveryBench> makeBench(const Clock &clock = SystemClock::instance());

    TestAuthority m_authority;
    TestDnsServer m_dns;
    PolicyHost m_policies;
    QTemporaryDir m_folder;
    std::unique_ptr<ScriptedMx> m_mx;
    quint16 m_port = 0;
};

void TestOutgoingMtaSts::initTestCase()
{
    if (const QString missing = missingTools(); !missing.isEmpty()) {
        QSKIP(qPrintable(missing));
    }
    QVERIFY(m_authority.isValid());
    QVERIFY(m_authority.issue("mx", {"mx.sts.test"}));
    QVERIFY(m_authority.issue("other", {"mx.other.test"}));
    QVERIFY(m_authority.issue("policy", {"mta-sts.sts.test"}));
    m_port = unusedPort();
    QVERIFY(m_policies.start(m_authority, "policy"));
}

void TestOutgoingMtaSts::init()
{
    m_policies.reset();
    QFile::remove(m_folder.filePath(QStringLiteral("policies")));
    m_mx.reset();
    m_mx = std::make_unique<ScriptedMx>(QHostAddress::LocalHost, m_port);
    m_mx->extensions = "STARTTLS";
    m_mx->tls = m_authority.server("mx");
    writeZone("one");
    QVERIFY2(m_dns.start(), qPrintable(m_dns.errorText()));
}

void TestOutgoingMtaSts::writeZone(const QByteArray &id, const QByteArray &more)
{
    const QByteArray record = id.isEmpty() ? QByteArray()
                                           : "_mta-sts TXT \"v=STSv1; id=" + id + ";\"\n";
    m_dns.addZone("sts.test",
                  "$TTL 0\n@ MX 10 mx\nmx A 127.0.0.1\nmta-sts A 127.0.0.1\n" + record + more);
    m_dns.addZone("evil.test", "$TTL 0\n@ MX 10 mx\nmx A 127.0.0.1\nmta-sts A 127.0.0.1\n"
                               "_mta-sts TXT \"v=STSv1; id=one;\"\n");
}

std::unique_ptr<DeliveryBench> TestOutgoingMtaSts::makeBench(const Clock &clock)
{
    auto bench = std::make_unique<DeliveryBench>(clock);
    bench->config->mail.tls = true;
    bench->settings.usesMtaSts = delivery::DeliverySettings::from(bench->config).usesMtaSts;
    bench->settings.mxPort = m_port;
    bench->settings.stsPort = m_policies.port();
    bench->settings.stsFile = m_folder.filePath(QStringLiteral("policies"));
    bench->settings.tlsCaFile = m_authority.path("ca.pem");
    bench->settings.connections.idle = 0ms;  // Each mail a connection and a handshake.
    bench->settings.timeouts.quit = 100ms;
    bench->resolver.servers = {m_dns.server()};
    return bench;
}

void TestOutgoingMtaSts::decides_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("certificate");  // Of the host; "": no STARTTLS.
    QTest::addColumn<int>("table");               // Level of a line; -1: none.
    QTest::addColumn<int>("kind");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<QByteArray>("result");
    const auto row = [](const char *name, const QByteArray &text, const QByteArray &certificate,
                        Kind kind, const QByteArray &type, const QByteArray &result,
                        int table = -1) {
        QTest::newRow(name) << text << certificate << table << static_cast<int>(kind) << type
                            << result;
    };
    const Kind yes = Kind::Delivered;
    const Kind no = Kind::Deferred;
    const QByteArray enforce = policy("enforce", "mx.sts.test");
    const QByteArray testing = policy("testing", "mx.sts.test");
    row("enforce", enforce, "mx", yes, "sts", "success");
    row("enforce, wildcard", policy("enforce", "*.sts.test"), "mx", yes, "sts", "success");
    row("S19 enforce, another name", enforce, "other", no, "sts", "certificate-host-mismatch");
    row("S19 enforce, unknown authority", enforce, "self", no, "sts", "certificate-not-trusted");
    row("S19 enforce, STARTTLS stripped", enforce, "", no, "sts", "starttls-not-supported");
    row("S19 enforce, host not listed", policy("enforce", "mx2.sts.test"), "mx", no, "sts",
        "validation-failure");
    row("testing", testing, "mx", yes, "sts", "success");
    row("testing, another name", testing, "other", yes, "sts", "certificate-host-mismatch");
    row("testing, unknown authority", testing, "self", yes, "sts", "certificate-not-trusted");
    row("testing, no STARTTLS", testing, "", yes, "sts", "starttls-not-supported");
    row("testing, host not listed", policy("testing", "mx2.sts.test"), "mx", yes, "sts",
        "validation-failure");
    row("none", policy("none", "mx.sts.test"), "other", yes, "no-policy-found", "success");
    row("the table overrides", enforce, "other", yes, "table", "success",
        static_cast<int>(TlsLevel::May));
    row("the table overrides with none", enforce, "other", yes, "table", "",
        static_cast<int>(TlsLevel::None));
}

void TestOutgoingMtaSts::decides()
{
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, certificate);
    QFETCH(int, table);
    QFETCH(int, kind);
    QFETCH(QByteArray, type);
    QFETCH(QByteArray, result);
    m_policies.serve("sts.test", text);
    TestAuthority stranger;
    QVERIFY(stranger.issue("self", {"mx.sts.test"}));
    if (certificate.isEmpty()) {
        m_mx->extensions = "PIPELINING";
    } else {
        m_mx->tls = certificate == "self" ? stranger.server("self")
                                          : m_authority.server(certificate);
    }
    const auto bench = makeBench();
    if (table >= 0) {
        bench->config->tlsPolicies["sts.test"] = {"sts.test", static_cast<TlsLevel>(table), {}, {}};
    }
    bench->start();
    const auto event = deliverAnew(*bench, "x@sts.test");
    QVERIFY(event);
    const QByteArray report = event->reply.toLine() + " / " + event->tlsPolicy.result + " / "
                              + event->tlsPolicy.detail + " / " + event->tls;
    QVERIFY2(static_cast<int>(event->kind) == kind, report.constData());
    QVERIFY2(event->tlsPolicy.result == result, report.constData());
    QCOMPARE(event->tlsPolicy.type, type);
    QCOMPARE(event->tlsPolicy.domain, QByteArray("sts.test"));
    QCOMPARE(event->tls.endsWith(" verified"), type == "sts" && result == "success");
    QCOMPARE(m_mx->messages.size(), size_t(kind == static_cast<int>(Kind::Delivered) ? 1 : 0));
}

void TestOutgoingMtaSts::asksThePolicyHostByName()
{
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test"));
    const auto bench = makeBench();
    bench->start();
    for (int i = 0; i < 3; ++i) {
        QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    }
    QCOMPARE(m_policies.requests(),
             QByteArrayList{"mta-sts.sts.test mta-sts.sts.test /.well-known/mta-sts.txt"});
}

void TestOutgoingMtaSts::goesWithoutAPolicyThatCannotBeHad_data()
{
    QTest::addColumn<QByteArray>("file");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QByteArray>("problem");
    const QByteArray fetch = "sts-policy-fetch-error";
    const QByteArray invalid = "sts-policy-invalid";
    const auto row = [](const char *name, const QByteArray &file, const QByteArray &content,
                        const QByteArray &problem) {
        QTest::newRow(name) << file << content << problem;
    };
    const QByteArray head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    row("R7 404", "gone", "", fetch);
    row("R7 redirect", "status", "301", fetch);
    row("R7 500", "status", "500", fetch);
    row("R7 another media type", "type", "text/html", fetch);
    row("R7 larger than 64 KiB", "txt", policy("enforce", "mx.sts.test") + QByteArray(70'000, '\n'),
        fetch);
    row("R7 endless header", "raw", head + "X: " + QByteArray(2'000'000, 'x'), fetch);
    row("R7 endless body", "raw", head + "\r\n" + QByteArray(2'000'000, 'x'), fetch);
    row("R7 cut off", "raw", head + "Content-Length: 100\r\n\r\nversion: STSv1\r\n", fetch);
    row("R7 no HTTP", "raw", "220 mx ESMTP\r\n", fetch);
    row("R7 no policy", "txt", "<html></html>", invalid);
    row("R7 unknown mode", "txt", policy("strict", "mx.sts.test"), invalid);
}

void TestOutgoingMtaSts::goesWithoutAPolicyThatCannotBeHad()
{
    QFETCH(QByteArray, file);
    QFETCH(QByteArray, content);
    QFETCH(QByteArray, problem);
    if (file == "status" || file == "type") {
        m_policies.serve("sts.test", policy("enforce", "mx2.sts.test"));
    }
    m_policies.write("mta-sts.sts.test." + file, content);
    const auto bench = makeBench();
    bench->start();
    const auto event = deliverAnew(*bench, "x@sts.test");
    QVERIFY(event);
    QCOMPARE(event->kind, Kind::Delivered);
    QCOMPARE(event->tlsPolicy.type, QByteArray("no-policy-found"));
    QVERIFY2(event->tlsPolicy.result == problem, event->tlsPolicy.detail.constData());
    QCOMPARE(m_policies.requests().size(), 1);
}

void TestOutgoingMtaSts::givesUpOnASlowPolicyHost()
{
    m_policies.write("mta-sts.sts.test.slow", "");
    const auto bench = makeBench();
    bench->settings.sts.fetch = 300ms;
    bench->start();
    const auto event = deliverAnew(*bench, "x@sts.test");
    QVERIFY(event);
    QCOMPARE(event->kind, Kind::Delivered);
    QCOMPARE(event->tlsPolicy.result, QByteArray("sts-policy-fetch-error"));
}

void TestOutgoingMtaSts::doesNotTalkToLoopbackForStrangers()
{
    // The certificate of the policy host has another name.
    const auto bench = makeBench();
    bench->start();
    auto event = deliverAnew(*bench, "x@evil.test");
    QCOMPARE(event->kind, Kind::Delivered);
    QCOMPARE(event->tlsPolicy.result, QByteArray("sts-webpki-invalid"));
    QVERIFY(m_policies.requests().isEmpty());
    bench->stop();

    // R8: DNS must not send us to ourselves. The host is reached through the table of transports.
    const auto strict = makeBench();
    m_policies.serve("sts.test", policy("enforce", "mx2.sts.test"));
    strict->settings.allowsLoopbackMx = false;
    strict->config->transports["sts.test"] = {
        "sts.test", {config::Protocol::Smtp, "sts.test", m_port, true}, {}};
    strict->start();
    event = deliverAnew(*strict, "x@sts.test");
    QCOMPARE(event->tlsPolicy.result, QByteArray("sts-policy-fetch-error"));
    QVERIFY(m_policies.requests().isEmpty());
}

void TestOutgoingMtaSts::keepsThePolicyWhateverHappensToDns()
{
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test"));
    const auto bench = makeBench();
    bench->settings.destinationBackoff = {1s, 1s, 0.0};
    bench->start();
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    // Somebody takes the record away, or announces a policy that is not there.
    m_mx->tls = m_authority.server("other");
    for (const QByteArray id : {"", "two"}) {
        m_policies.reset();
        writeZone(id);
        QVERIFY(m_dns.start());
        const auto event = deliverAnew(*bench, "x@sts.test");
        QCOMPARE(event->kind, Kind::Deferred);
        QCOMPARE(event->tlsPolicy.type, QByteArray("sts"));
        QTest::qWait(1100);
    }
}

void TestOutgoingMtaSts::keepsThePolicyAcrossARestart()
{
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test"));
    {
        const auto bench = makeBench();
        bench->start();
        QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    }
    writeZone({});
    QVERIFY(m_dns.start());
    m_mx->tls = m_authority.server("other");
    {
        const auto bench = makeBench();
        bench->start();
        QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Deferred);
    }
    // A damaged file is not believed, and not fatal.
    QFile file(m_folder.filePath(QStringLiteral("policies")));
    QVERIFY(file.open(QIODevice::ReadWrite) && file.seek(40) && file.putChar('!'));
    file.close();
    const auto bench = makeBench();
    bench->start();
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
}

void TestOutgoingMtaSts::takesANewPolicyWhenItsIdChanges()
{
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test"));
    const auto bench = makeBench();
    bench->start();
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    m_policies.serve("sts.test", policy("none", "mx.sts.test"));
    m_mx->tls = m_authority.server("other");
    writeZone("two");
    QVERIFY(m_dns.start());
    const auto event = deliverAnew(*bench, "x@sts.test");
    QCOMPARE(event->kind, Kind::Delivered);
    QCOMPARE(event->tlsPolicy.type, QByteArray("no-policy-found"));
    QCOMPARE(m_policies.requests().size(), 2);
}

void TestOutgoingMtaSts::forgetsAPolicyAtItsEnd()
{
    ManualClock clock;
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test", "3600"));
    const auto bench = makeBench(clock);
    bench->start();
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    m_mx->tls = m_authority.server("other");
    writeZone({});
    QVERIFY(m_dns.start());
    clock.advance(3601s);
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->tlsPolicy.type, QByteArray("no-policy-found"));
}

void TestOutgoingMtaSts::renewsAPolicyBeforeItsEnd()
{
    ManualClock clock;
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test", "3600"));
    const auto bench = makeBench(clock);
    bench->settings.sts.upkeep = 50ms;
    bench->start();
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->kind, Kind::Delivered);
    clock.advance(1900s);
    QTRY_COMPARE(m_policies.requests().size(), 2);
    clock.advance(1750s);  // The first one would be over.
    writeZone({});
    QVERIFY(m_dns.start());
    m_mx->tls = m_authority.server("other");
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->tlsPolicy.type, QByteArray("sts"));
}

void TestOutgoingMtaSts::doesNotRepeatAFailedFetchAtOnce()
{
    ManualClock clock;
    const auto bench = makeBench(clock);
    bench->start();
    for (int i = 0; i < 3; ++i) {
        const auto event = deliverAnew(*bench, "x@sts.test");
        QCOMPARE(event->tlsPolicy.result, QByteArray("sts-policy-fetch-error"));
    }
    QCOMPARE(m_policies.requests().size(), 1);
    clock.advance(301s);
    m_policies.serve("sts.test", policy("enforce", "mx.sts.test"));
    QCOMPARE(deliverAnew(*bench, "x@sts.test")->tlsPolicy.type, QByteArray("sts"));
}

void TestOutgoingMtaSts::letsDaneDecideWhereThereIsBoth_data()
{
    QTest::addColumn<bool>("isTlsaRight");
    QTest::addColumn<bool>("isStsRight");
    QTest::newRow("right TLSA, host not listed") << true << false;
    QTest::newRow("S19 wrong TLSA, host listed") << false << true;
}

void TestOutgoingMtaSts::letsDaneDecideWhereThereIsBoth()
{
    QFETCH(bool, isTlsaRight);
    QFETCH(bool, isStsRight);
    m_policies.serve("sts.test", policy("enforce", isStsRight ? "mx.sts.test" : "mx2.sts.test"));
    TestDnsServer dns;
    dns.addZone("sts.test",
                "@ MX 10 mx\nmx A 127.0.0.1\nmta-sts A 127.0.0.1\n"
                "_mta-sts TXT \"v=STSv1; id=one;\"\n_"
                    + QByteArray::number(m_port) + "._tcp.mx TLSA "
                    + (isTlsaRight ? m_authority.tlsaOfKey("mx") : "3 1 1 " + QByteArray(64, 'a'))
                    + '\n');
    dns.signZone("sts.test");
    QVERIFY2(dns.start(), qPrintable(dns.errorText()));
    QFile anchors(m_folder.filePath(QStringLiteral("anchors")));
    QVERIFY(anchors.open(QIODevice::WriteOnly | QIODevice::Truncate));
    anchors.write(dns.trustAnchors());
    anchors.close();
    const auto bench = makeBench();
    bench->settings.usesDane = true;
    bench->resolver.servers = {dns.server()};
    bench->resolver.trustAnchorFile = anchors.fileName();
    bench->start();
    const auto event = deliverAnew(*bench, "x@sts.test");
    QVERIFY(event);
    QCOMPARE(event->kind, isTlsaRight ? Kind::Delivered : Kind::Deferred);
    QCOMPARE(event->tlsPolicy.type, QByteArray("tlsa"));
}

}  // namespace portcullis::test

QTEST_GUILESS_MAIN(portcullis::test::TestOutgoingMtaSts)
#include "tst_outgoing_mta_sts.moc"
