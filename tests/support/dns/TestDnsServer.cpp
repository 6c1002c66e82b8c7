// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/dns/TestDnsServer.h"

#include <QtCore/QDeadlineTimer>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>
#include <QtCore/QStandardPaths>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QUdpSocket>

#include <sys/prctl.h>

#include <csignal>

namespace portcullis::test {

namespace {

constexpr int startMilliseconds = 10'000;

QString programPath()
{
    return QStringLiteral("/usr/sbin/nsd");
}

/// A port that is free for TCP and UDP.
quint16 freePort()
{
    for (int i = 0; i < 20; ++i) {
        QTcpServer tcp;
        QUdpSocket udp;
        if (tcp.listen(QHostAddress::LocalHost)
            && udp.bind(QHostAddress::LocalHost, tcp.serverPort())) {
            return tcp.serverPort();
        }
    }
    return 0;
}

bool writeFile(const QString &path, const QByteArray &text)
{
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(text) == text.size();
}

}  // namespace

TestDnsServer::TestDnsServer()
{
    m_process.setProcessChannelMode(QProcess::MergedChannels);
    // A test that is killed must not leave its name server behind.
    m_process.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
}

TestDnsServer::~TestDnsServer()
{
    stop();
}

bool TestDnsServer::isInstalled()
{
    return QFileInfo(programPath()).isExecutable();
}

void TestDnsServer::addZone(const QByteArray &name, const QByteArray &records)
{
    m_zones[name] = records;
}

void TestDnsServer::signZone(const QByteArray &name,
                             const std::map<QByteArray, QByteArray> &tampered)
{
    m_signed[name] = tampered;
}

bool TestDnsServer::canSign()
{
    return !QStandardPaths::findExecutable(QStringLiteral("ldns-signzone")).isEmpty();
}

bool TestDnsServer::sign(const QByteArray &name, const QString &file)
{
    const auto run = [this](const QString &program, const QStringList &arguments) {
        QProcess process;
        process.setWorkingDirectory(m_folder.path());
        process.start(program, arguments);
        if (!process.waitForFinished() || process.exitCode() != 0) {
            m_error = QString::fromUtf8(process.readAllStandardError());
            return QByteArray();
        }
        return process.readAllStandardOutput().trimmed() + '\n';
    };
    if (!m_keys.contains(name)) {
        const QByteArray key = run(QStringLiteral("ldns-keygen"),
                                   {QStringLiteral("-k"), QStringLiteral("-a"),
                                    QStringLiteral("ECDSAP256SHA256"), QString::fromUtf8(name)});
        m_keys[name] = QString::fromUtf8(key.trimmed());
    }
    const QString path = m_folder.filePath(file);
    if (run(QStringLiteral("ldns-signzone"), {QStringLiteral("-f"), path, path, m_keys[name]})
            .isEmpty()) {
        return false;
    }
    QFile signedZone(path);
    QFile publicKey(m_folder.filePath(m_keys[name] + QStringLiteral(".key")));
    if (!signedZone.open(QIODevice::ReadOnly) || !publicKey.open(QIODevice::ReadOnly)) {
        return false;
    }
    QByteArray text = signedZone.readAll();
    signedZone.close();
    for (const auto &[before, after] : m_signed[name]) {
        text.replace(before, after);
    }
    m_anchors += publicKey.readAll();
    return writeFile(path, text);
}

bool TestDnsServer::writeFiles()
{
    m_anchors.clear();
    const QByteArray folder = QFile::encodeName(m_folder.path());
    QByteArray config = "server:\n  ip-address: 127.0.0.1@" + QByteArray::number(m_port)
                        + "\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  zonesdir: \""
                        + folder + "\"\n  pidfile: \"" + folder + "/nsd.pid\"\n  xfrdfile: \""
                        + folder + "/xfrd.state\"\n  zonelistfile: \"" + folder
                        + "/zone.list\"\n  xfrdir: \"" + folder
                        + "\"\n  server-count: 1\n  rrl-ratelimit: 0\n"
                          "remote-control:\n  control-enable: no\n";
    int number = 0;
    for (const auto &[name, records] : m_zones) {
        const QByteArray file = "zone" + QByteArray::number(number++);
        config += "zone:\n  name: \"" + name + "\"\n  zonefile: \"" + file + "\"\n";
        const QByteArray zone = "$ORIGIN " + name
                                + ".\n$TTL 60\n@ SOA ns.invalid. host.invalid. 1 60 60 3600 60\n"
                                  "@ NS ns.invalid.\n"
                                + records + '\n';
        if (!writeFile(m_folder.filePath(QString::fromUtf8(file)), zone)
            || (m_signed.contains(name) && !sign(name, QString::fromUtf8(file)))) {
            return false;
        }
    }
    return writeFile(m_folder.filePath(QStringLiteral("nsd.conf")), config);
}

bool TestDnsServer::start()
{
    stop();
    if (m_port == 0) {
        m_port = freePort();
    }
    if (!m_folder.isValid() || !writeFiles()) {
        m_error.prepend(QStringLiteral("cannot write zones to ") + m_folder.path()
                        + QStringLiteral(": "));
        return false;
    }
    m_process.start(programPath(), {QStringLiteral("-d"), QStringLiteral("-c"),
                                    m_folder.filePath(QStringLiteral("nsd.conf"))});
    if (!m_process.waitForStarted() || !waitUntilAnswering()) {
        m_error = m_process.errorString() + QLatin1Char('\n')
                  + QString::fromUtf8(m_process.readAll());
        return false;
    }
    return true;
}

bool TestDnsServer::waitUntilAnswering()
{
    // id 1, one question: the root's SOA. Any answer will do.
    static const QByteArray question("\0\1\0\0\0\1\0\0\0\0\0\0\0\0\6\0\1", 17);
    const QDeadlineTimer deadline(startMilliseconds);
    QUdpSocket socket;
    while (!deadline.hasExpired() && m_process.state() == QProcess::Running) {
        socket.writeDatagram(question, QHostAddress::LocalHost, m_port);
        if (socket.waitForReadyRead(50) && socket.hasPendingDatagrams()) {
            return true;
        }
        socket.close();
        m_process.waitForFinished(20);
    }
    return false;
}

void TestDnsServer::stop()
{
    if (m_process.state() == QProcess::NotRunning) {
        return;
    }
    m_process.terminate();
    if (!m_process.waitForFinished(3000)) {
        m_process.kill();
        m_process.waitForFinished(3000);
    }
}

QString TestDnsServer::server() const
{
    return QStringLiteral("127.0.0.1:%1").arg(m_port);
}

}  // namespace portcullis::test
