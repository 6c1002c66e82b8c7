// SPDX-License-Identifier: GPL-2.0-or-later
// Postfix as the next hop: a private instance in a temporary folder, and smtp-sink.
#include "tests/integration/delivery/DeliveryBench.h"

#include <QtCore/QDeadlineTimer>
#include <QtCore/QDirIterator>
#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>
#include <QtTest/QTest>

#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace portcullis {

using namespace std::chrono_literals;
using test::DeliveryBench;
using Kind = delivery::DeliveryEvent::Kind;

namespace {

constexpr int startMilliseconds = 15'000;

quint16 freePort()
{
    QTcpServer server;
    server.listen(QHostAddress::LocalHost);
    return server.serverPort();
}

bool waitForPort(quint16 port)
{
    const QDeadlineTimer deadline(startMilliseconds);
    while (!deadline.hasExpired()) {
        QTcpSocket socket;
        socket.connectToHost(QHostAddress(QHostAddress::LocalHost), port);
        if (socket.waitForConnected(200) && socket.waitForReadyRead(2000)) {
            return true;
        }
        QTest::qSleep(50);
    }
    return false;
}

}  // namespace

/// A Postfix that keeps mail for c@d.example in a maildir.
class PrivatePostfix
{
public:
    ~PrivatePostfix() { stop(); }
    bool start();
    void stop();
    [[nodiscard]] quint16 port() const { return m_port; }
    [[nodiscard]] QList<QByteArray> mails() const;
    [[nodiscard]] QByteArray log() const;

private:
    bool write(const char *name, const QByteArray &text) const;
    QTemporaryDir m_folder;
    QProcess m_process;
    quint16 m_port = 0;
};

bool PrivatePostfix::write(const char *name, const QByteArray &text) const
{
    QFile file(m_folder.filePath(QString::fromLatin1(name)));
    return file.open(QIODevice::WriteOnly) && file.write(text) == text.size();
}

bool PrivatePostfix::start()
{
    m_port = freePort();
    const QByteArray folder = QFile::encodeName(m_folder.path());
    const QDir dir(m_folder.path());
    for (const char *name : {"conf", "queue", "data", "mail"}) {
        dir.mkdir(QString::fromLatin1(name));
    }
    const passwd *postfix = ::getpwnam("postfix");
    constexpr uid_t nobody = 65534;
    if (postfix == nullptr || ::chmod(folder.constData(), 0755) != 0
        || ::chown((folder + "/data").constData(), postfix->pw_uid, 0) != 0
        || ::chown((folder + "/mail").constData(), nobody, nobody) != 0) {
        return false;
    }
    QProcess openssl;
    openssl.setWorkingDirectory(m_folder.path());
    openssl.start(QStringLiteral("openssl"),
                  QStringLiteral("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=pf.example "
                                 "-keyout key.pem -out cert.pem")
                      .split(QLatin1Char(' ')));
    openssl.waitForFinished();
    const bool isWritten =
        write("conf/main.cf",
              "compatibility_level = 3.6\nqueue_directory = " + folder
                  + "/queue\ndata_directory = " + folder
                  + "/data\ndaemon_directory = /usr/lib/postfix/sbin\n"
                    "command_directory = /usr/sbin\nmail_owner = postfix\n"
                    "setgid_group = postdrop\nmyhostname = pf.example\n"
                    "mynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n"
                    "inet_protocols = ipv4\nmaillog_file_prefixes = "
                  + folder + "\nmaillog_file = " + folder
                  + "/log\nmydestination =\nalias_maps =\nvirtual_mailbox_domains = d.example\n"
                    "virtual_mailbox_base = "
                  + folder
                  + "/mail\nvirtual_mailbox_maps = inline:{ {c@d.example = box/} "
                    "{j\xc3\xbcrgen@d.example = box/} }\nvirtual_uid_maps = static:65534\n"
                    "virtual_gid_maps = static:65534\nvirtual_minimum_uid = 1\n"
                    "smtpd_tls_cert_file = "
                  + folder + "/cert.pem\nsmtpd_tls_key_file = " + folder
                  + "/key.pem\nsmtpd_tls_security_level = may\nsmtputf8_enable = yes\n"
                    "smtpd_client_connection_count_limit = 0\n")
        && write("conf/master.cf",
                 "127.0.0.1:" + QByteArray::number(m_port)
                     + " inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
                       "qmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\n"
                       "rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n"
                       "defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n"
                       "proxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\n"
                       "error unix - - n - - error\nretry unix - - n - - error\n"
                       "virtual unix - n n - - virtual\npostlog unix-dgram n - n - 1 postlogd\n");
    m_process.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGTERM); });
    m_process.start(QStringLiteral("postfix"),
                    {QStringLiteral("-c"), m_folder.filePath(QStringLiteral("conf")),
                     QStringLiteral("start-fg")});
    return isWritten && m_process.waitForStarted() && waitForPort(m_port);
}

void PrivatePostfix::stop()
{
    if (m_process.state() == QProcess::NotRunning) {
        return;
    }
    QProcess::execute(
        QStringLiteral("postfix"),
        {QStringLiteral("-c"), m_folder.filePath(QStringLiteral("conf")), QStringLiteral("stop")});
    if (!m_process.waitForFinished(10'000)) {
        m_process.kill();
        m_process.waitForFinished();
    }
}

QList<QByteArray> PrivatePostfix::mails() const
{
    QList<QByteArray> mails;
    QDirIterator files(m_folder.filePath(QStringLiteral("mail/box/new")), QDir::Files);
    while (files.hasNext()) {
        QFile file(files.next());
        if (file.open(QIODevice::ReadOnly)) {
            mails += file.readAll();
        }
    }
    return mails;
}

QByteArray PrivatePostfix::log() const
{
    QFile file(m_folder.filePath(QStringLiteral("log")));
    return file.open(QIODevice::ReadOnly) ? file.readAll().right(4000) : QByteArray();
}

class TestDeliveryPostfix final : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void deliversToPostfix();
    void fillsSmtpSink();

private:
    PrivatePostfix m_postfix;
};

void TestDeliveryPostfix::initTestCase()
{
    if (::geteuid() != 0 || !QFile::exists(QStringLiteral("/usr/sbin/postfix"))) {
        QSKIP("needs root and postfix, to start a private instance");
    }
    QVERIFY2(m_postfix.start(), m_postfix.log().constData());
}

void TestDeliveryPostfix::deliversToPostfix()
{
    DeliveryBench bench;
    bench.routeTo(m_postfix.port());
    bench.config->mail.tls = true;
    bench.start();
    bench.queue({}, {"c@d.example"}, "Subject: plain\r\n\r\n.dots\r\n..\r\nend\r\n");
    bench.queue("a@b.example", {"c@d.example"}, "Subject: eight\r\n\r\n\xc3\xbc\r\n");
    bench.queue({}, {"j\xc3\xbcrgen@d.example"}, "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nx\r\n",
                [](spool::Entry &entry) { entry.envelope.isSmtpUtf8 = true; });
    bench.queue({}, {"nobody@d.example"});
    for (int i = 0; i < 50; ++i) {
        bench.queue({}, {"c@d.example"});
    }
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Delivered), 53, 60'000);
    QTRY_COMPARE(bench.observer.count(Kind::Bounced), 1);
    QTRY_COMPARE_WITH_TIMEOUT(m_postfix.mails().size(), qsizetype(53), 30'000);
    for (const auto &event : bench.observer.events()) {
        if (event.kind == Kind::Delivered) {
            QVERIFY2(event.tls.startsWith("TLSv1.3 "), event.tls.constData());
        } else {
            QCOMPARE(event.reply.code, 550);
            QCOMPARE(event.reply.enhanced, QByteArray("5.1.1"));
        }
    }
    const QList<QByteArray> mails = m_postfix.mails();
    QVERIFY(std::any_of(mails.begin(), mails.end(), [](const QByteArray &mail) {
        return mail.contains("\n\n.dots\n..\nend\n");
    }));
    QVERIFY(std::any_of(mails.begin(), mails.end(),
                        [](const QByteArray &mail) { return mail.contains("with UTF8SMTPS"); }));
}

void TestDeliveryPostfix::fillsSmtpSink()
{
    const quint16 port = freePort();
    QProcess sink;
    sink.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
    sink.start(QStringLiteral("/usr/sbin/smtp-sink"),
               {QStringLiteral("-u"), QStringLiteral("nobody"),
                QStringLiteral("127.0.0.1:%1").arg(port), QStringLiteral("100")});
    QVERIFY(sink.waitForStarted() && waitForPort(port));
    DeliveryBench bench;
    bench.routeTo(port);
    constexpr int messages = 500;
    for (int i = 0; i < messages; ++i) {
        bench.queue({}, {"c@d.example"}, "Subject: x\r\n\r\n" + QByteArray(4096, 'x') + "\r\n");
    }
    bench.start();
    QTRY_COMPARE_WITH_TIMEOUT(bench.observer.count(Kind::Delivered), messages, 60'000);
    QCOMPARE(bench.waiting(), qint64(0));
    sink.terminate();
    sink.waitForFinished();
}

}  // namespace portcullis

QTEST_GUILESS_MAIN(portcullis::TestDeliveryPostfix)
#include "tst_delivery_postfix.moc"
