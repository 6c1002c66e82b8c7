// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/integration/outgoing-tls/TlsBench.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtCore/QStandardPaths>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslKey>
#include <QtNetwork/QSslSocket>
#include <QtNetwork/QTcpServer>
#include <QtTest/QTest>

namespace portcullis::test {

namespace {

QByteArray sha256(const QByteArray &bytes)
{
    return QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex();
}

}  // namespace

TestAuthority::TestAuthority()
{
    m_isValid = openssl("req -x509 -subj /CN=authority -newkey ec -pkeyopt "
                        "ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem");
}

bool TestAuthority::openssl(const QByteArray &arguments) const
{
    QProcess process;
    process.setWorkingDirectory(m_folder.path());
    process.start(QStringLiteral("openssl"),
                  QString::fromLatin1(arguments).split(QLatin1Char(' ')));
    return process.waitForFinished() && process.exitCode() == 0;
}

bool TestAuthority::issue(const QByteArray &name, const QByteArrayList &dnsNames)
{
    QFile extensions(path(name + ".ext"));
    if (!extensions.open(QIODevice::WriteOnly)) {
        return false;
    }
    extensions.write("subjectAltName=DNS:" + dnsNames.join(",DNS:") + '\n');
    extensions.close();
    return openssl("req -subj /CN=ignored -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                   "-keyout "
                   + name + ".key -out " + name + ".csr")
           && openssl("x509 -req -in " + name
                      + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile " + name
                      + ".ext -out " + name + ".pem");
}

QString TestAuthority::path(const QByteArray &file) const
{
    return m_folder.filePath(QString::fromLatin1(file));
}

QByteArray TestAuthority::der(const QByteArray &name) const
{
    return QSslCertificate::fromPath(path(name + ".pem")).value(0).toDer();
}

QSslConfiguration TestAuthority::server(const QByteArray &name) const
{
    QFile key(path(name + ".key"));
    if (!key.open(QIODevice::ReadOnly)) {
        return {};
    }
    QSslConfiguration configuration;
    configuration.setLocalCertificateChain(QSslCertificate::fromPath(path(name + ".pem"))
                                           + QSslCertificate::fromPath(path("ca.pem")));
    configuration.setPrivateKey(QSslKey(key.readAll(), QSsl::Ec));
    configuration.setPeerVerifyMode(QSslSocket::VerifyNone);
    return configuration;
}

QByteArray TestAuthority::tlsaOfKey(const QByteArray &name) const
{
    const auto certificate = QSslCertificate::fromPath(path(name + ".pem")).value(0);
    return "3 1 1 " + sha256(certificate.publicKey().toDer());
}

QByteArray TestAuthority::tlsaOfAuthority() const
{
    return "2 0 1 " + sha256(der("ca"));
}

QString missingTools()
{
    if (!TestDnsServer::isInstalled()) {
        return QStringLiteral("nsd is not installed");
    }
    if (!TestDnsServer::canSign()) {
        return QStringLiteral("ldnsutils is not installed");
    }
    for (const char *program : {"openssl", "python3"}) {
        if (QStandardPaths::findExecutable(QString::fromLatin1(program)).isEmpty()) {
            return QString::fromLatin1(program) + QStringLiteral(" is not installed");
        }
    }
    return {};
}

quint16 unusedPort()
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return server.serverPort();
}

std::optional<delivery::DeliveryEvent> deliverOne(DeliveryBench &bench, const QByteArray &recipient)
{
    const size_t before = bench.observer.events().size();
    bench.queue("a@b.example", {recipient});
    constexpr int patience = 30'000;
    if (!QTest::qWaitFor([&] { return bench.observer.events().size() > before; }, patience)) {
        return std::nullopt;
    }
    return bench.observer.events()[before];
}

}  // namespace portcullis::test
