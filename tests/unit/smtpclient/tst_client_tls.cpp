// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/ClientConnection.h"
#include "tests/support/mx/ScriptedMx.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtNetwork/QSslKey>
#include <QtNetwork/QSslSocket>
#include <QtTest/QTest>

#include <algorithm>
#include <optional>

Q_DECLARE_METATYPE(portcullis::config::TlsLevel)

namespace portcullis::smtp {

using config::TlsLevel;
using test::ScriptedMx;
using namespace std::chrono_literals;

/// Certificates made with the openssl program: a CA, a server below it, and one that is its own.
class Certificates
{
public:
    bool make();
    [[nodiscard]] QByteArray der(const char *name) const;
    [[nodiscard]] QByteArray publicKey(const char *name) const;
    [[nodiscard]] QSslConfiguration server(const char *name, bool withCa) const;
    [[nodiscard]] QList<QSslCertificate> load(const char *name) const;

private:
    bool openssl(const QByteArray &arguments) const;
    [[nodiscard]] QString path(const QByteArray &file) const
    {
        return m_folder.filePath(QString::fromLatin1(file));
    }
    QTemporaryDir m_folder;
};

bool Certificates::openssl(const QByteArray &arguments) const
{
    QProcess process;
    process.setWorkingDirectory(m_folder.path());
    process.start(QStringLiteral("openssl"),
                  QString::fromLatin1(arguments).split(QLatin1Char(' ')));
    return process.waitForFinished() && process.exitCode() == 0;
}

bool Certificates::make()
{
    const QByteArray key = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ";
    QFile names(path("names"));
    if (!names.open(QIODevice::WriteOnly)) {
        return false;
    }
    names.write("subjectAltName=DNS:mx.example.org,DNS:*.wild.example.org\n");
    names.close();
    return openssl("req -x509 -subj /CN=ca" + key + "-keyout ca.key -out ca.pem")
           && openssl("req -subj /CN=ignored" + key + "-keyout server.key -out server.csr")
           && openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                      "-extfile names -out server.pem")
           && openssl("req -x509 -subj /CN=self.example.org" + key
                      + "-keyout self.key -out self.pem");
}

QList<QSslCertificate> Certificates::load(const char *name) const
{
    return QSslCertificate::fromPath(path(QByteArray(name) + ".pem"));
}

QByteArray Certificates::der(const char *name) const
{
    return load(name).front().toDer();
}

QByteArray Certificates::publicKey(const char *name) const
{
    return load(name).front().publicKey().toDer();
}

QSslConfiguration Certificates::server(const char *name, bool withCa) const
{
    QFile key(path(QByteArray(name) + ".key"));
    if (!key.open(QIODevice::ReadOnly)) {
        return {};
    }
    QSslConfiguration configuration;
    QList<QSslCertificate> chain = load(name);
    if (withCa) {
        chain += load("ca");
    }
    configuration.setLocalCertificateChain(chain);
    configuration.setPrivateKey(QSslKey(key.readAll(), QSsl::Ec));
    configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
    return configuration;
}

/// Waits for the first thing that happens to a connection.
struct Owner final : ConnectionOwner {
    void onReady(ClientConnection &) override { isReady = true; }
    void onResult(ClientConnection &, MailResult) override {}
    void onClosed(ClientConnection &, const Error &error) override { reason = error; }
    bool isReady = false;
    std::optional<Error> reason;
};

class TestClientTls final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void followsThePolicy_data();
    void followsThePolicy();
    void matchesTlsa_data();
    void matchesTlsa();
    void matchesNames_data();
    void matchesNames();
    void dropsInjectedPlainText();
    void boundsTheReplyToStartTls();
    void boundsTheGreeting();

private:
    Owner talkTo(ScriptedMx &mx, const PeerPolicy &policy);
    Certificates m_certificates;
};

void TestClientTls::initTestCase()
{
    if (QProcess::execute(QStringLiteral("openssl"), {QStringLiteral("version")}) != 0) {
        QSKIP("openssl is not installed");
    }
    QVERIFY(m_certificates.make());
}

Owner TestClientTls::talkTo(ScriptedMx &mx, const PeerPolicy &policy)
{
    Owner owner;
    ConnectionTarget target;
    target.address = mx.serverAddress();
    target.port = mx.serverPort();
    target.hostName = "mx.example.org";
    target.tls = policy;
    target.settings.heloName = "gw.example";
    target.timeouts.handshake = 500ms;
    target.timeouts.greeting = 500ms;
    target.tlsConfiguration.setCaCertificates(m_certificates.load("ca"));
    ClientConnection connection(target, owner);
    connection.open();
    [[maybe_unused]] const bool hasHappened = QTest::qWaitFor(
        [&] { return owner.isReady || owner.reason; }, 10'000);
    return owner;
}

void TestClientTls::followsThePolicy_data()
{
    QTest::addColumn<TlsLevel>("level");
    QTest::addColumn<QByteArray>("match");
    QTest::addColumn<QByteArray>("server");
    QTest::addColumn<QByteArray>("failure");
    const auto row = [](const char *name, TlsLevel level, const QByteArray &match,
                        const QByteArray &server, const QByteArray &failure) {
        QTest::newRow(name) << level << match << server << failure;
    };
    const QByteArray noTls = "smtp.no-starttls";
    row("none ignores STARTTLS", TlsLevel::None, {}, "self", {});
    row("may takes any certificate", TlsLevel::May, {}, "self", {});
    row("may goes without", TlsLevel::May, {}, {}, {});
    row("encrypt takes any certificate", TlsLevel::Encrypt, {}, "self", {});
    row("S19 encrypt does not go without", TlsLevel::Encrypt, {}, {}, noTls);
    row("verify", TlsLevel::Verify, "mx.example.org", "server", {});
    row("S19 verify refuses another name", TlsLevel::Verify, "mx.example.com", "server",
        "tls.peer-name");
    row("S19 verify refuses an unknown CA", TlsLevel::Verify, "self.example.org", "self",
        "tls.peer-untrusted");
    row("secure by parent domain", TlsLevel::Secure, ".example.org", "server", {});
    row("S19 secure does not go without", TlsLevel::Secure, "mx.example.org", {}, noTls);
    row("S19 dane-only without TLSA", TlsLevel::DaneOnly, {}, "server", "tls.peer-tlsa");
    row("fingerprint", TlsLevel::Fingerprint, "right", "self", {});
    row("fingerprint of the key", TlsLevel::Fingerprint, "key", "self", {});
    row("S19 another fingerprint", TlsLevel::Fingerprint, "00:11", "self", "tls.peer-fingerprint");
}

void TestClientTls::followsThePolicy()
{
    QFETCH(TlsLevel, level);
    QFETCH(QByteArray, match);
    QFETCH(QByteArray, server);
    QFETCH(QByteArray, failure);
    ScriptedMx mx;
    if (!server.isEmpty()) {
        mx.extensions = "STARTTLS";
        mx.tls = m_certificates.server(server.constData(), server == "server");
    }
    const auto digest = [](const QByteArray &bytes) {
        return QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex(':').toUpper();
    };
    PeerPolicy policy;
    policy.level = level;
    if (match == "right") {
        policy.match = {digest(m_certificates.der("self"))};
    } else if (match == "key") {
        policy.match = {digest(m_certificates.publicKey("self"))};
    } else if (!match.isEmpty()) {
        policy.match = {match};
    }
    const Owner owner = talkTo(mx, policy);
    if (failure.isEmpty()) {
        QVERIFY2(owner.isReady, owner.reason ? qPrintable(owner.reason->toString()) : "nothing");
        const bool usesTls = level != TlsLevel::None && !server.isEmpty();
        QCOMPARE((std::find(mx.lines.begin(), mx.lines.end(), "STARTTLS") != mx.lines.end()),
                 usesTls);
    } else {
        QVERIFY(owner.reason);
        QCOMPARE(owner.reason->id, failure);
        QVERIFY(owner.reason->isTransient());
    }
}

void TestClientTls::matchesTlsa_data()
{
    QTest::addColumn<int>("usage");
    QTest::addColumn<int>("selector");
    QTest::addColumn<int>("matching");
    QTest::addColumn<QByteArray>("certificate");
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<bool>("isMatch");
    const QByteArray mx = "mx.example.org";
    for (const int selector : {0, 1}) {
        for (const int matching : {0, 1, 2}) {
            const QByteArray kind = QByteArray::number(selector) + ' '
                                    + QByteArray::number(matching);
            QTest::newRow("DANE-EE 3 " + kind)
                << 3 << selector << matching << QByteArray("server") << QByteArray("other") << true;
            QTest::newRow("DANE-TA 2 " + kind)
                << 2 << selector << matching << QByteArray("ca") << mx << true;
        }
    }
    QTest::newRow("DANE-EE of another certificate")
        << 3 << 1 << 1 << QByteArray("self") << mx << false;
    QTest::newRow("DANE-TA with another name")
        << 2 << 0 << 1 << QByteArray("ca") << QByteArray("mx.example.com") << false;
    QTest::newRow("DANE-TA that did not sign") << 2 << 0 << 0 << QByteArray("self") << mx << false;
}

void TestClientTls::matchesTlsa()
{
    QFETCH(int, usage);
    QFETCH(int, selector);
    QFETCH(int, matching);
    QFETCH(QByteArray, certificate);
    QFETCH(QByteArray, name);
    QFETCH(bool, isMatch);
    QByteArray data = selector == 0 ? m_certificates.der(certificate.constData())
                                    : m_certificates.publicKey(certificate.constData());
    if (matching > 0) {
        data = QCryptographicHash::hash(data, matching == 1 ? QCryptographicHash::Sha256
                                                            : QCryptographicHash::Sha512);
    }
    QByteArray rdata;
    rdata.append(static_cast<char>(usage));
    rdata.append(static_cast<char>(selector));
    rdata.append(static_cast<char>(matching));
    const auto record = TlsaRecord::fromRdata(rdata + data);
    QVERIFY(record && record->isUsable());
    ScriptedMx mx;
    mx.extensions = "STARTTLS";
    mx.tls = m_certificates.server("server", true);
    PeerPolicy policy;
    policy.level = TlsLevel::Dane;
    policy.tlsa = {*record};
    policy.daneNames = {name};
    const Owner owner = talkTo(mx, policy);
    QCOMPARE(owner.isReady, isMatch);
    if (!isMatch) {
        QVERIFY(owner.reason->id.startsWith("tls.peer-"));
    }
}

void TestClientTls::matchesNames_data()
{
    QTest::addColumn<QByteArray>("name");
    QTest::addColumn<bool>("isMatch");
    QTest::newRow("the name") << QByteArray("mx.example.org") << true;
    QTest::newRow("capitals") << QByteArray("MX.Example.ORG") << true;
    QTest::newRow("below a domain") << QByteArray(".example.org") << true;
    QTest::newRow("wildcard") << QByteArray("a.wild.example.org") << true;
    QTest::newRow("wildcard is one label") << QByteArray("a.b.wild.example.org") << false;
    QTest::newRow("wildcard is a whole label") << QByteArray("wild.example.org") << false;
    QTest::newRow("common name beside DNS names") << QByteArray("ignored") << false;
    QTest::newRow("suffix without a dot") << QByteArray("x.example.org") << false;
}

void TestClientTls::matchesNames()
{
    QFETCH(QByteArray, name);
    QFETCH(bool, isMatch);
    QCOMPARE(certificateMatchesName(m_certificates.load("server").front(), name), isMatch);
}

void TestClientTls::dropsInjectedPlainText()
{
    ScriptedMx mx;
    mx.extensions = "STARTTLS";
    mx.tls = m_certificates.server("self", false);
    mx.script = [&mx](int, const QByteArray &line) {
        return line == "STARTTLS" ? QByteArray("220 go\r\n250 S5 injected\r\n") : mx.polite(line);
    };
    PeerPolicy policy;
    policy.level = TlsLevel::May;
    const Owner owner = talkTo(mx, policy);
    QVERIFY(!owner.isReady);
    QCOMPARE(owner.reason->id, QByteArray("smtp.starttls-injection"));
}

void TestClientTls::boundsTheReplyToStartTls()
{
    ScriptedMx mx;
    mx.extensions = "STARTTLS";
    int answers = 0;
    mx.script = [&](int, const QByteArray &line) {
        if (line == "STARTTLS") {
            ++answers;
            return QByteArray();
        }
        return mx.polite(line);
    };
    PeerPolicy policy;
    policy.level = TlsLevel::Encrypt;
    Owner owner;
    ConnectionTarget target;
    target.address = mx.serverAddress();
    target.port = mx.serverPort();
    target.tls = policy;
    target.settings.heloName = "gw.example";
    target.timeouts.hello = 300ms;
    ClientConnection connection(target, owner);
    connection.open();
    QTRY_VERIFY(owner.reason.has_value());
    QCOMPARE(owner.reason->id, QByteArray("smtp.timeout"));
    QCOMPARE(answers, 1);
}

void TestClientTls::boundsTheGreeting()
{
    ScriptedMx mx;
    mx.greeting = {};
    const Owner owner = talkTo(mx, {});
    QVERIFY(owner.reason);
    QCOMPARE(owner.reason->id, QByteArray("smtp.timeout"));
}

}  // namespace portcullis::smtp

QTEST_GUILESS_MAIN(portcullis::smtp::TestClientTls)
#include "tst_client_tls.moc"
