// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Arguments.h"
#include "appliance/daemons/portcullis/InstanceLock.h"
#include "appliance/daemons/portcullis/Layout.h"
#include "appliance/daemons/portcullis/PrivateDatabase.h"
#include "appliance/daemons/portcullis/RestartDelay.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace portcullis::daemons {

class TestSupervisorParts final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void readsItsCommandLine();
    void refusesWrongArguments_data();
    void refusesWrongArguments();
    void waitsLongerAfterEachEarlyDeath();
    void secondInstanceIsToldThePidOfTheFirst();
    void aDeadHoldersLockIsFree();
    void layoutIsCreatedAndRepaired();
    void configurationIsNotTouchedAgain();
    void databaseSocketFitsIntoASocketAddress();
    void onlyTheMailProxyMayBindLowPorts_data();
    void onlyTheMailProxyMayBindLowPorts();
};

namespace {

mode_t modeOf(const QString &path)
{
    struct stat status {
    };
    return ::stat(QFile::encodeName(path).constData(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

void TestSupervisorParts::readsItsCommandLine()
{
    const auto arguments = Arguments::parse(
        QStringLiteral("run --root /tmp/x/ --ext-port 0 --int-port=2526 --listen 127.0.0.1 "
                       "--dns 127.0.0.1:5353 --dns [::1]:53 --dsn host=/tmp")
            .split(QLatin1Char(' ')));
    QVERIFY2(arguments, arguments ? "" : qPrintable(arguments.error().detail));
    QCOMPARE(arguments->command, Arguments::Command::Run);
    QCOMPARE(arguments->root, QStringLiteral("/tmp/x"));
    QCOMPARE(arguments->extPort, std::optional<quint16>(0));
    QCOMPARE(arguments->intPort, std::optional<quint16>(2526));
    QCOMPARE(arguments->apiPort, std::optional<quint16>());
    QCOMPARE(arguments->dns.size(), 2);
    QCOMPARE(arguments->dsn, QStringLiteral("host=/tmp"));
    QCOMPARE(Arguments::parse({QStringLiteral("--version")})->command, Arguments::Command::Version);
    QCOMPARE(Arguments::parse({QStringLiteral("--help")})->command, Arguments::Command::Help);
}

void TestSupervisorParts::refusesWrongArguments_data()
{
    QTest::addColumn<QString>("words");
    QTest::addColumn<QString>("reason");
    const auto row = [](const char *name, const char *words, const char *reason) {
        QTest::newRow(name) << QString::fromLatin1(words) << QString::fromLatin1(reason);
    };
    row("no command", "--root /tmp", "a command is missing: run, stop or status");
    row("unknown command", "walk --root /tmp",
        "unknown command 'walk'; known are run, stop and status");
    row("unknown option", "run --root /tmp --fast", "Unknown option 'fast'.");
    row("no root", "run", "--root DIR is missing (or PMG_ROOT in the environment)");
    row("port too large", "run --root /tmp --ext-port 65536",
        "--ext-port: '65536' is not a port, 0 to 65535");
    row("port by name", "run --root /tmp --int-port smtp",
        "--int-port: 'smtp' is not a port, 0 to 65535");
    row("listen on a name", "run --root /tmp --listen localhost",
        "--listen: 'localhost' is not an IP address");
    row("name server by name", "run --root /tmp --dns dns.example",
        "--dns: 'dns.example' is neither ADDR nor ADDR:PORT");
    row("one word too many", "run twice --root /tmp", "unexpected argument 'twice'");
}

void TestSupervisorParts::refusesWrongArguments()
{
    QFETCH(QString, words);
    QFETCH(QString, reason);
    qunsetenv("PMG_ROOT");
    const auto arguments = Arguments::parse(words.split(QLatin1Char(' ')));
    QVERIFY(!arguments);
    QCOMPARE(arguments.error().id, QByteArray("usage"));
    QCOMPARE(arguments.error().detail, reason);
}

void TestSupervisorParts::waitsLongerAfterEachEarlyDeath()
{
    RestartDelay delay({100ms, 1s, 10s});
    QCOMPARE(delay.afterDeath(1s), 100ms);
    QCOMPARE(delay.afterDeath(1s), 200ms);
    QCOMPARE(delay.afterDeath(1s), 400ms);
    QCOMPARE(delay.afterDeath(1s), 800ms);
    QCOMPARE(delay.afterDeath(1s), 1000ms);
    QCOMPARE(delay.afterDeath(1s), 1000ms);
    QCOMPARE(delay.afterDeath(10s), 100ms);
    QCOMPARE(delay.afterDeath(0s), 200ms);
}

void TestSupervisorParts::secondInstanceIsToldThePidOfTheFirst()
{
    const QTemporaryDir folder;
    const Paths paths(folder.path());
    QVERIFY(!InstanceLock::holder(paths));
    const auto lock = InstanceLock::take(paths);
    QVERIFY(lock);
    // A record lock is the process's: another process has to ask.
    const pid_t other = ::fork();
    if (other == 0) {
        const auto second = InstanceLock::take(paths);
        const QString expected = QStringLiteral("runs as pid %1").arg(::getppid());
        ::_exit(!second && second.error().id == "supervisor.running"
                        && second.error().detail.endsWith(expected)
                        && InstanceLock::holder(paths) == ::getppid()
                    ? 0
                    : 1);
    }
    int status = -1;
    QCOMPARE(::waitpid(other, &status, 0), other);
    QCOMPARE(status, 0);
}

void TestSupervisorParts::aDeadHoldersLockIsFree()
{
    const QTemporaryDir folder;
    const Paths paths(folder.path());
    const pid_t other = ::fork();
    if (other == 0) {
        ::_exit(InstanceLock::take(paths) ? 0 : 1);
    }
    int status = -1;
    QCOMPARE(::waitpid(other, &status, 0), other);
    QCOMPARE(status, 0);
    QVERIFY(!InstanceLock::holder(paths));
    QVERIFY(InstanceLock::take(paths));
}

void TestSupervisorParts::layoutIsCreatedAndRepaired()
{
    const QTemporaryDir folder(QStringLiteral("/tmp/portcullis-layout-XXXXXX"));
    const Paths paths(folder.path() + QStringLiteral("/root"));
    ::chmod(QFile::encodeName(folder.path()).constData(), 0755);
    const auto accounts = Accounts::find();
    if (!accounts) {
        QSKIP(qPrintable(accounts.error().detail));
    }
    for (int round = 0; round < 2; ++round) {
        const Status status = prepareLayout(paths, *accounts);
        QVERIFY2(status, status ? "" : qPrintable(status.error().detail));
        const bool isRoot = ::geteuid() == 0;
        QCOMPARE(modeOf(paths.etc()), mode_t(isRoot ? 01770 : 0700));
        QCOMPARE(modeOf(paths.etc() + QStringLiteral("/pmg.conf")), mode_t(isRoot ? 0640 : 0600));
        QCOMPARE(modeOf(paths.queue()), mode_t(0750));
        QVERIFY(QFile::exists(paths.scratch()));
        QVERIFY(QFile::exists(paths.virusDatabase()));
        ::chmod(QFile::encodeName(paths.etc()).constData(), 0777);
        QDir(paths.scratch()).removeRecursively();
    }
}

void TestSupervisorParts::configurationIsNotTouchedAgain()
{
    const QTemporaryDir folder(QStringLiteral("/tmp/portcullis-layout-XXXXXX"));
    ::chmod(QFile::encodeName(folder.path()).constData(), 0755);
    const Paths paths(folder.path() + QStringLiteral("/root"));
    const auto accounts = Accounts::find();
    if (!accounts) {
        QSKIP(qPrintable(accounts.error().detail));
    }
    QVERIFY(prepareLayout(paths, *accounts));
    QFile file(paths.etc() + QStringLiteral("/pmg.conf"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("section: mail\n\ttls 1\n");
    file.close();
    QVERIFY(prepareLayout(paths, *accounts));
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("section: mail\n\ttls 1\n"));
}

void TestSupervisorParts::databaseSocketFitsIntoASocketAddress()
{
    const PrivateDatabase shortOne(Paths(QStringLiteral("/srv/x")), {});
    QCOMPARE(shortOne.socketFolder(), QStringLiteral("/srv/x/run/pmg/pg"));
    const QString deep = QStringLiteral("/srv/") + QString(120, QLatin1Char('d'));
    const PrivateDatabase longOne(Paths(deep), {});
    QVERIFY(longOne.socketFolder().contains(QStringLiteral("/portcullis-")));
    QVERIFY(longOne.socketFolder().size() < 90);
    QCOMPARE(longOne.socketFolder(), PrivateDatabase(Paths(deep), {}).socketFolder());
    QVERIFY(longOne.socketFolder()
            != PrivateDatabase(Paths(deep + QLatin1Char('x')), {}).socketFolder());
    const PrivateDatabase quoted(Paths(QStringLiteral("/srv/it's")), {});
    QVERIFY(quoted.dsn().contains(QStringLiteral("it\\'s")));
}

namespace {

/// errno of binding 127.0.0.1:`port`; 0 if it works.
int errorOfBinding(quint16 port)
{
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int result = ::bind(descriptor, reinterpret_cast<const sockaddr *>(&address),
                              sizeof address);
    const int error = result == 0 ? 0 : errno;
    ::close(descriptor);
    return error;
}

}  // namespace

void TestSupervisorParts::onlyTheMailProxyMayBindLowPorts_data()
{
    QTest::addColumn<bool>("isSmtpd");
    QTest::newRow("pmg-smtpd may, also after exec") << true;
    QTest::newRow("pmg-filter may not") << false;
}

void TestSupervisorParts::onlyTheMailProxyMayBindLowPorts()
{
    QFETCH(bool, isSmtpd);
    constexpr quint16 lowPort = 871;
    const auto accounts = Accounts::find();
    if (!accounts || !accounts->smtpd) {
        QSKIP("needs root and the users of installer/create-users.sh");
    }
    if (errorOfBinding(lowPort) != 0) {
        QSKIP("port 871 is in use");
    }
    const Account account = isSmtpd ? *accounts->smtpd : *accounts->filter;
    const pid_t child = ::fork();
    if (child == 0) {
        if (!becomeAccount(account)) {
            ::_exit(100);
        }
        const int isKept = ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0,
                                   0);
        const bool isRestOfRootGone = ::setuid(0) != 0 && ::setgid(0) != 0;
        ::_exit(isRestOfRootGone && (isKept == 1) == isSmtpd ? errorOfBinding(lowPort) : 101);
    }
    int status = 0;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY(WIFEXITED(status));
    QCOMPARE(WEXITSTATUS(status), isSmtpd ? 0 : EACCES);
}

}  // namespace portcullis::daemons

QTEST_GUILESS_MAIN(portcullis::daemons::TestSupervisorParts)
#include "TestSupervisorParts.moc"
