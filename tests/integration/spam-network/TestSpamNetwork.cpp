// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/UnboundResolver.h"
#include "appliance/spam/conf/RuleReader.h"
#include "appliance/spam/network/LookupHub.h"
#include "appliance/spam/network/NetworkModules.h"
#include "tests/support/dns/TestDnsServer.h"
#include "tests/unit/resolverservice/ServiceThread.h"
#include "tests/unit/spam-evals/FakeScan.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

using namespace portcullis::spam;
using portcullis::Resolver;
using portcullis::ResolverSettings;
using portcullis::UnboundResolver;
using portcullis::test::ServiceThread;
using portcullis::test::TestDnsServer;

namespace {

/// Tests of all four plugins, against zones of ours. Those whose names end in NO must not hit.
const char *const rulesText = R"(
util_rb_tld example test com org
util_rb_2tld co.example
urirhsbl URI_PLAIN uri.test. A
body URI_PLAIN eval:check_uridnsbl('URI_PLAIN')
urirhssub URI_MASK uri.test. A 2
body URI_MASK eval:check_uridnsbl('URI_MASK')
urirhssub URI_MASK_NO uri.test. A 64
body URI_MASK_NO eval:check_uridnsbl('URI_MASK_NO')
urirhssub URI_RANGE uri.test. A 127.0.0.1-127.0.0.9
body URI_RANGE eval:check_uridnsbl('URI_RANGE')
urirhssub URI_EXACT_NO uri.test. A 127.0.0.9
body URI_EXACT_NO eval:check_uridnsbl('URI_EXACT_NO')
urirhsbl URI_IP uri.test. A
body URI_IP eval:check_uridnsbl('URI_IP')
tflags URI_IP ips_only
urirhsbl URI_TAKEN_NO taken.test. A
body URI_TAKEN_NO eval:check_uridnsbl('URI_TAKEN_NO')
urirhsbl URI_TEXT uri.test. TXT
body URI_TEXT eval:check_uridnsbl('URI_TEXT')
urirhsbl URI_HOST host.test. A
body URI_HOST eval:check_uridnsbl('URI_HOST')
tflags URI_HOST notrim
uridnsbl URI_ADDRESS address.test. A
body URI_ADDRESS eval:check_uridnsbl('URI_ADDRESS')
tflags URI_ADDRESS a
uridnsbl URI_SERVERS_NO address.test. A
body URI_SERVERS_NO eval:check_uridnsbl('URI_SERVERS_NO')
urinsrhsbl URI_NS server.test. A
body URI_NS eval:check_uridnsbl('URI_NS')
urifullnsrhssub URI_NS_FULL server.test. A 127.0.0.3
body URI_NS_FULL eval:check_uridnsbl('URI_NS_FULL')
urirhsbl URI_SKIPPED_NO skipped.test. A
body URI_SKIPPED_NO eval:check_uridnsbl('URI_SKIPPED_NO')
uridnsbl_skip_domain fine.example
header __RELAY eval:check_rbl('relay', 'relay.test.')
header RELAY_SUB eval:check_rbl_sub('relay', '127.0.0.4')
header RELAY_SUB_MASK eval:check_rbl_sub('relay', '4')
header RELAY_SUB_RE eval:check_rbl_sub('relay', '^127\.0\.0\.[45]$')
header RELAY_SUB_NO eval:check_rbl_sub('relay', '127.0.0.5')
header RELAY_LAST eval:check_rbl('last-lastexternal', 'last.test.')
header RELAY_LAST_NO eval:check_rbl('none-lastexternal', 'relay.test.', '127.0.0.77')
header RELAY_TEXT eval:check_rbl_txt('text', 'relay.test.')
header FROM_DOMAIN eval:check_rbl_from_domain('from', 'uri.test.')
header FROM_ENV eval:check_rbl_envfrom('env', 'uri.test.')
askdns ASK_AUTHOR _AUTHORDOMAIN_.uri.test A /^127\./
askdns ASK_TEXT _AUTHORDOMAIN_.uri.test TXT "listed here"
askdns ASK_NONE _AUTHORDOMAIN_.nothing.test A [NXDOMAIN]
askdns ASK_HEADER _HEADER(Reply-To:addr:domain)_.uri.test A 127.0.0.2
askdns ASK_LAST_HOP _LASTEXTERNALREVIP_.relay.test A 127.0.0.4
askdns ASK_TAG_NO _NOSUCHTAG_.uri.test A
header HASH_MAIL eval:check_hashbl_emails('hash.test', 'sha1', 'From')
header HASH_MAIL_NO eval:check_hashbl_emails('hash.test', 'md5', 'From')
body HASH_TEXT eval:check_hashbl_bodyre('hash.test', 'raw/max=5', '\bcode-(\w+)\b')
header HASH_URI eval:check_hashbl_uris('hash.test', 'md5')
)";

const char *const messageText =
    "Return-Path: <sender@bad.example>\n"
    "Received: from mx.bad.example (mx.bad.example [203.0.113.9])\n"
    "\tby mx.ours.test with ESMTP id 1; Sat, 7 Nov 2026 10:00:00 +0000\n"
    "Received: from home (home.example.com [198.51.100.7])\n"
    "\tby mx.bad.example with ESMTP id 2; Sat, 7 Nov 2026 09:59:00 +0000\n"
    "From: Joe <joe@bad.example>\n"
    "Reply-To: joe@bad.example\n"
    "To: ann@ours.test\n"
    "Subject: an offer\n"
    "Message-ID: <1@bad.example>\n"
    "Date: Sat, 7 Nov 2026 10:00:00 +0000\n"
    "\n"
    "See http://www.bad.example/x and http://203.0.113.80/y\n"
    "and http://www.fine.example/ with code-Alpha inside.\n";

QByteArray hashed(const char *text, QCryptographicHash::Algorithm algorithm)
{
    return QCryptographicHash::hash(QByteArray(text), algorithm).toHex();
}

void addZones(TestDnsServer &server)
{
    server.addZone("uri.test", "bad.example A 127.0.0.2\n"
                               "bad.example TXT \"listed \" \"here\"\n"
                               "80.113.0.203 A 127.0.0.2\n"
                               "fine.example A 127.0.0.2\n");
    server.addZone("taken.test", "* A 192.0.2.1\n");
    server.addZone("skipped.test", "fine.example A 127.0.0.2\n");
    server.addZone("host.test", "www.bad.example A 127.0.0.2\n");
    server.addZone("address.test", "50.113.0.203 A 127.0.0.2\n");
    server.addZone("bad.example", "@ NS ns1.dns.example.\n"
                                  "www A 203.0.113.50\n");
    server.addZone("dns.example", "ns1 A 203.0.113.53\n");
    server.addZone("server.test", "dns.example A 127.0.0.2\n"
                                  "ns1.dns.example A 127.0.0.3\n");
    server.addZone("relay.test", "9.113.0.203 A 127.0.0.4\n"
                                 "9.113.0.203 TXT \"see http://relay.test/\"\n"
                                 "7.100.51.198 A 127.0.0.4\n");
    server.addZone("last.test", "9.113.0.203 A 127.0.0.2\n");
    server.addZone("nothing.test", "x A 127.0.0.2\n");
    server.addZone("hash.test", hashed("joe@bad.example", QCryptographicHash::Sha1)
                                    + " A 127.0.0.2\n"
                                    + hashed("http://www.bad.example/x", QCryptographicHash::Md5)
                                    + " A 127.0.0.2\n"
                                      "alpha A 127.0.0.2\n");
}

}  // namespace

/// Network tests against a real name server on loopback, and SpamAssassin against the same.
class TestSpamNetwork final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void hitsWhatTheListsSay();
    void hitsWhatSpamAssassinHits();
    void asksNothingThatIsForbidden();
    void asksNothingWithoutDns();
    void aDeadServerIsNoHit();
    void aMissingServiceIsNoHit();
    void manyLinksStayWithinTheLimit();

private:
    QByteArray hits(const QByteArray &furtherRules = {}, const QByteArray &message = messageText);

    QTemporaryDir m_folder;
    TestDnsServer m_server;
    std::unique_ptr<ServiceThread> m_service;
    size_t m_questions = 0;
};

namespace {

/// Counts what is asked.
class CountingLookups final : public LookupSource
{
public:
    explicit CountingLookups(const QString &path)
        : m_source(path)
    {
    }
    Ticket start(const std::vector<Question> &asked, std::chrono::milliseconds deadline) override
    {
        questions += asked.size();
        return m_source.start(asked, deadline);
    }
    std::vector<Arrival> collect(std::chrono::steady_clock::time_point until) override
    {
        return m_source.collect(until);
    }
    void forget(const std::vector<Ticket> &tickets) override { m_source.forget(tickets); }

    size_t questions = 0;

private:
    ServiceLookups m_source;
};

}  // namespace

void TestSpamNetwork::initTestCase()
{
    if (!TestDnsServer::isInstalled()) {
        QSKIP("nsd is not installed");
    }
    addZones(m_server);
    QVERIFY2(m_server.start(), qPrintable(m_server.errorText()));
    m_service = std::make_unique<ServiceThread>(
        m_folder.filePath(QStringLiteral("resolver")), [this]() -> std::unique_ptr<Resolver> {
            ResolverSettings settings;
            settings.servers = {m_server.server()};
            settings.timeout = std::chrono::seconds(3);
            return std::move(*UnboundResolver::create(settings));
        });
    QVERIFY(m_service->start());
}

/// Names of the tests that hit, sorted.
QByteArray TestSpamNetwork::hits(const QByteArray &furtherRules, const QByteArray &message)
{
    CountingLookups lookups(m_folder.filePath(QStringLiteral("resolver")));
    portcullis::spam::test::FakeScan scan(readRuleText(rulesText + furtherRules), message);
    const auto modules = makeNetworkModules(lookups, scan.rules());
    for (const auto &module : modules) {
        module->configure(scan.rules(), scan.problems);
    }
    for (const auto &module : modules) {
        module->begin(scan);
    }
    for (const auto &module : modules) {
        module->finish(scan);
    }
    for (const Problem &problem : scan.problems.problems) {
        qWarning("%s: %s", problem.subject.constData(), problem.reason.constData());
    }
    m_questions = lookups.questions;
    QByteArrayList names;
    for (const auto &[name, count] : scan.values) {
        names.append(name);
    }
    std::ranges::sort(names);
    return names.join(' ');
}

void TestSpamNetwork::hitsWhatTheListsSay()
{
    QCOMPARE(
        hits(),
        QByteArray(
            "ASK_AUTHOR ASK_HEADER ASK_LAST_HOP ASK_NONE ASK_TEXT FROM_DOMAIN FROM_ENV HASH_MAIL "
            "HASH_TEXT HASH_URI RELAY_LAST RELAY_SUB RELAY_SUB_MASK RELAY_SUB_RE "
            "RELAY_TEXT URI_ADDRESS URI_HOST URI_IP URI_MASK URI_NS URI_NS_FULL "
            "URI_PLAIN URI_RANGE URI_TEXT __RELAY"));
}

void TestSpamNetwork::hitsWhatSpamAssassinHits()
{
    QProcess probe;
    probe.start(QStringLiteral("perl"), {QStringLiteral("-MMail::SpamAssassin"),
                                         QStringLiteral("-e"), QStringLiteral("1")});
    if (!probe.waitForFinished() || probe.exitCode() != 0) {
        QSKIP("SpamAssassin is not installed");
    }
    const auto write = [this](const QString &name, const char *text) {
        QFile file(m_folder.filePath(name));
        return file.open(QIODevice::WriteOnly) && file.write(text) >= 0 ? file.fileName()
                                                                        : QString();
    };
    QString server = m_server.server();
    server.replace(QStringLiteral("127.0.0.1:"), QStringLiteral("[127.0.0.1]:"));
    QProcess oracle;
    oracle.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    oracle.start(QStringLiteral("perl"),
                 {QStringLiteral(PORTCULLIS_SOURCE_DIR "/tests/integration/spam-network/oracle.pl"),
                  write(QStringLiteral("rules.cf"), rulesText), server,
                  write(QStringLiteral("message.eml"), messageText)});
    constexpr int patience = 120'000;
    QVERIFY(oracle.waitForFinished(patience));
    QCOMPARE(oracle.exitCode(), 0);
    QCOMPARE(hits(), oracle.readAllStandardOutput().trimmed());
}

void TestSpamNetwork::asksNothingThatIsForbidden()
{
    const QByteArray found = hits("dns_query_restriction deny uri.test hash.test\n"
                                  "dns_query_restriction allow example.uri.test\n"
                                  "skip_rbl_checks 1\n");
    QCOMPARE(found,
             QByteArray("ASK_AUTHOR ASK_HEADER ASK_LAST_HOP ASK_NONE ASK_TEXT URI_ADDRESS URI_HOST "
                        "URI_MASK URI_NS URI_NS_FULL URI_PLAIN URI_RANGE URI_TEXT"));
}

void TestSpamNetwork::asksNothingWithoutDns()
{
    QCOMPARE(hits("dns_available no\n"), QByteArray());
    QCOMPARE(m_questions, size_t(0));
}

void TestSpamNetwork::aDeadServerIsNoHit()
{
    m_server.stop();
    m_service->changeResolver();
    QCOMPARE(
        hits("rbl_timeout 1 1\n", QByteArray(messageText).replace("bad.example", "b2.example")),
        QByteArray());
    QVERIFY2(m_server.start(), qPrintable(m_server.errorText()));
    m_service->changeResolver();
}

void TestSpamNetwork::aMissingServiceIsNoHit()
{
    m_service->stop();
    QCOMPARE(hits(), QByteArray());
    QVERIFY(m_service->start());
}

void TestSpamNetwork::manyLinksStayWithinTheLimit()
{
    QByteArray message = messageText;
    for (int at = 0; at < 300; ++at) {
        message += "http://www.n" + QByteArray::number(at) + ".example/ ";
        message += at % 5 == 4 ? "\n" : "";
    }
    hits({}, message);
    QVERIFY2(m_questions > 50 && m_questions <= LookupLimits().questions,
             qPrintable(QString::number(m_questions)));
}

QTEST_GUILESS_MAIN(TestSpamNetwork)
#include "TestSpamNetwork.moc"
