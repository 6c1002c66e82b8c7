// SPDX-License-Identifier: GPL-2.0-or-later
// DANE (RFC 7672) end to end: signed zones on a real name server, a validating resolver, TLS.
#include "tests/integration/outgoing-tls/TlsBench.h"

#include <QtTest/QTest>

namespace portcullis::test {

using Kind = delivery::DeliveryEvent::Kind;
using config::TlsLevel;

class TestOutgoingDane final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void decides_data();
    void decides();
    void honoursTheMinimumProtocol_data();
    void honoursTheMinimumProtocol();

private:
    void addZones();

    TestAuthority m_authority;
    TestDnsServer m_dns;
    QTemporaryDir m_folder;
    quint16 m_port = 0;
};

void TestOutgoingDane::initTestCase()
{
    if (const QString missing = missingTools(); !missing.isEmpty()) {
        QSKIP(qPrintable(missing));
    }
    QVERIFY(m_authority.isValid());
    QVERIFY(m_authority.issue("mx", {"mx.good.test", "mx.authority.test"}));
    m_port = unusedPort();
    addZones();
    QVERIFY2(m_dns.start(), qPrintable(m_dns.errorText()));
    QFile anchors(m_folder.filePath(QStringLiteral("anchors")));
    QVERIFY(anchors.open(QIODevice::WriteOnly));
    anchors.write(m_dns.trustAnchors());
}

void TestOutgoingDane::addZones()
{
    const QByteArray port = '_' + QByteArray::number(m_port) + "._tcp.";
    const QByteArray mx = "@ MX 10 mx\nmx A 127.0.0.1\n";
    const QByteArray right = m_authority.tlsaOfKey("mx");
    const QByteArray wrong = "3 1 1 " + QByteArray(64, 'a');
    const auto zone = [&](const QByteArray &name, const QByteArray &records) {
        m_dns.addZone(name, records);
        m_dns.signZone(name);
    };
    zone("good.test", mx + port + "mx TLSA " + right + '\n');
    zone("two.test", mx + port + "mx TLSA " + wrong + '\n' + port + "mx TLSA " + right + '\n');
    zone("wrong.test", mx + port + "mx TLSA " + wrong + '\n');
    zone("authority.test", mx + port + "mx TLSA " + m_authority.tlsaOfAuthority() + '\n');
    zone("othername.test", mx + port + "mx TLSA " + m_authority.tlsaOfAuthority() + '\n');
    zone("unusable.test", mx + port + "mx TLSA 1 1 1 " + QByteArray(64, 'a') + '\n');
    zone("none.test", mx);
    // The name of its TLSA records is a zone that the server cannot load.
    zone("silent.test", mx + "_tcp.mx NS ns.invalid.\n");
    m_dns.addZone("_tcp.mx.silent.test", "this is no record\n");

    m_dns.addZone("bogus.test", mx + port + "mx TLSA " + wrong + '\n');
    m_dns.signZone("bogus.test", {{QByteArray(64, 'a'), right.sliced(6)}});
    m_dns.addZone("bogusmx.test", mx);
    m_dns.signZone("bogusmx.test", {{"MX\t10 ", "MX\t20 "}});

    m_dns.addZone("unsigned.test", mx + port + "mx TLSA " + wrong + '\n');
    m_dns.addZone("unsignedmx.test", "@ MX 10 mx.wrong.test.\n");
    m_dns.addZone("plain.test", "mx A 127.0.0.1\n");
    zone("signedmx.test", "@ MX 10 mx.unsigned.test.\n");
    zone("alias.test", "@ MX 10 mx\nmx CNAME mx.good.test.\n");
    zone("badalias.test", "@ MX 10 mx\nmx CNAME mx.wrong.test.\n");
    zone("ownalias.test",
         "@ MX 10 mx\nmx CNAME mx.none.test.\n" + port + "mx TLSA " + right + '\n');
    zone("outalias.test",
         "@ MX 10 mx\nmx CNAME mx.plain.test.\n" + port + "mx TLSA " + wrong + '\n');
}

void TestOutgoingDane::decides_data()
{
    QTest::addColumn<QByteArray>("domain");
    QTest::addColumn<QByteArray>("level");  // Of the table; "": by default.
    QTest::addColumn<bool>("hasStartTls");
    QTest::addColumn<int>("kind");
    QTest::addColumn<QByteArray>("type");
    QTest::addColumn<QByteArray>("result");
    QTest::addColumn<bool>("isVerified");
    const auto row = [](const char *name, const QByteArray &domain, const QByteArray &level,
                        Kind kind, const QByteArray &type, const QByteArray &result,
                        bool isVerified, bool hasStartTls = true) {
        QTest::newRow(name) << domain << level << hasStartTls << static_cast<int>(kind) << type
                            << result << isVerified;
    };
    const Kind yes = Kind::Delivered;
    const Kind no = Kind::Deferred;
    row("3 1 1 matches", "good.test", "", yes, "tlsa", "success", true);
    row("3 1 1 matches, table", "good.test", "dane", yes, "table", "success", true);
    row("3 1 1 matches, dane-only", "good.test", "dane-only", yes, "table", "success", true);
    row("one of two records matches", "two.test", "", yes, "tlsa", "success", true);
    row("2 0 1 matches and the name", "authority.test", "", yes, "tlsa", "success", true);
    row("S19 2 0 1 matches, another name", "othername.test", "", no, "tlsa",
        "certificate-host-mismatch", false);
    row("S19 3 1 1 of another key", "wrong.test", "", no, "tlsa", "validation-failure", false);
    row("S19 3 1 1 of another key, table", "wrong.test", "dane", no, "table", "validation-failure",
        false);
    row("S19 STARTTLS stripped", "good.test", "", no, "tlsa", "starttls-not-supported", false,
        false);
    row("the table overrides", "wrong.test", "may", yes, "table", "success", false);
    row("only unusable records", "unusable.test", "", yes, "tlsa", "success", false);
    row("only unusable records, no STARTTLS", "unusable.test", "", no, "tlsa",
        "starttls-not-supported", false, false);
    row("only unusable records, dane-only", "unusable.test", "dane-only", no, "table",
        "tlsa-invalid", false);
    row("no records", "none.test", "", yes, "no-policy-found", "success", false);
    row("no records, no STARTTLS", "none.test", "", yes, "no-policy-found",
        "starttls-not-supported", false, false);
    row("no records, dane-only", "none.test", "dane-only", no, "table", "dane-required", false);
    row("unsigned zone", "unsigned.test", "", yes, "no-policy-found", "success", false);
    row("unsigned zone, table", "unsigned.test", "dane", yes, "table", "success", false);
    row("unsigned zone, dane-only", "unsigned.test", "dane-only", no, "table", "dane-required",
        false);
    row("unsigned MX to a signed host", "unsignedmx.test", "", yes, "no-policy-found", "success",
        false);
    row("unsigned MX, dane-only", "unsignedmx.test", "dane-only", no, "table", "dane-required",
        false);
    row("signed MX to an unsigned host", "signedmx.test", "", yes, "no-policy-found", "success",
        false);
    row("R8 bogus TLSA", "bogus.test", "", no, "tlsa", "dnssec-invalid", false);
    row("R8 bogus MX", "bogusmx.test", "", no, "tlsa", "dnssec-invalid", false);
    row("R8 TLSA lookup fails", "silent.test", "", no, "tlsa", "dnssec-invalid", false);
    row("R8 TLSA lookup fails, dane-only", "silent.test", "dane-only", no, "table",
        "dnssec-invalid", false);
    row("alias: records of the target", "alias.test", "", yes, "tlsa", "success", true);
    row("S19 alias: wrong records of the target", "badalias.test", "", no, "tlsa",
        "validation-failure", false);
    row("alias: records of its own", "ownalias.test", "", yes, "tlsa", "success", true);
    row("S19 alias into an unsigned zone, wrong records of its own", "outalias.test", "", no,
        "tlsa", "validation-failure", false);
}

void TestOutgoingDane::decides()
{
    QFETCH(QByteArray, domain);
    QFETCH(QByteArray, level);
    QFETCH(bool, hasStartTls);
    QFETCH(int, kind);
    QFETCH(QByteArray, type);
    QFETCH(QByteArray, result);
    QFETCH(bool, isVerified);
    ScriptedMx mx(QHostAddress::LocalHost, m_port);
    QVERIFY(mx.isListening());
    mx.extensions = hasStartTls ? "STARTTLS" : "PIPELINING";
    mx.tls = m_authority.server("mx");

    DeliveryBench bench;
    bench.config->mail.tls = true;
    bench.config->mail.dnsTrustAnchor = m_folder.filePath(QStringLiteral("anchors"));
    if (!level.isEmpty()) {
        const auto found = level == "may"    ? TlsLevel::May
                           : level == "dane" ? TlsLevel::Dane
                                             : TlsLevel::DaneOnly;
        bench.config->tlsPolicies[domain] = {domain, found, {}, {}};
    }
    bench.settings.usesDane = delivery::DeliverySettings::from(bench.config).usesDane;
    bench.settings.mxPort = m_port;
    bench.resolver.servers = {m_dns.server()};
    bench.resolver.trustAnchorFile = bench.config->mail.dnsTrustAnchor;
    bench.start();
    const auto event = deliverOne(bench, "x@" + domain);
    QVERIFY(event);
    const auto report = [&event] {
        return event->reply.toLine() + " / " + event->tlsPolicy.detail + " / " + event->tls;
    };
    QVERIFY2(static_cast<int>(event->kind) == kind, report().constData());
    QVERIFY2(event->tlsPolicy.result == result,
             (event->tlsPolicy.result + ": " + report()).constData());
    QCOMPARE(event->tlsPolicy.type, type);
    QCOMPARE(event->tlsPolicy.domain, domain);
    QVERIFY2(event->tls.endsWith(" verified") == isVerified, report().constData());
    QCOMPARE(mx.messages.size(), size_t(kind == static_cast<int>(Kind::Delivered) ? 1 : 0));
}

void TestOutgoingDane::honoursTheMinimumProtocol_data()
{
    QTest::addColumn<QByteArray>("minimum");
    QTest::addColumn<bool>("isDelivered");
    QTest::newRow("default") << QByteArray() << true;
    QTest::newRow("TLSv1.2") << QByteArray("TLSv1.2") << true;
    QTest::newRow("S19 TLSv1.3 of a server that has 1.2 only") << QByteArray("TLSv1.3") << false;
}

void TestOutgoingDane::honoursTheMinimumProtocol()
{
    QFETCH(QByteArray, minimum);
    QFETCH(bool, isDelivered);
    ScriptedMx mx(QHostAddress::LocalHost, m_port);
    mx.extensions = "STARTTLS";
    mx.tls = m_authority.server("mx");
    mx.tls.setProtocol(QSsl::TlsV1_2);
    DeliveryBench bench;
    bench.config->mail.tls = true;
    bench.config->tlsPolicies["good.test"] = {"good.test", TlsLevel::Encrypt, {}, minimum};
    bench.settings.mxPort = m_port;
    bench.resolver.servers = {m_dns.server()};
    bench.start();
    const auto event = deliverOne(bench, "x@good.test");
    QVERIFY(event);
    QCOMPARE(event->kind == Kind::Delivered, isDelivered);
}

}  // namespace portcullis::test

QTEST_GUILESS_MAIN(portcullis::test::TestOutgoingDane)
#include "tst_outgoing_dane.moc"
