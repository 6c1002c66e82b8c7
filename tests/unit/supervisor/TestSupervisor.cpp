// SPDX-License-Identifier: GPL-2.0-or-later
// `portcullis run` with a real PostgreSQL and stand-ins for the mail programs.
#include "appliance/base/Paths.h"
#include "appliance/daemons/portcullis/Accounts.h"
#include "appliance/daemons/portcullis/Leftovers.h"
#include "appliance/store/Database.h"

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>
#include <QtTest/QtTest>

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace portcullis::daemons {

class TestSupervisor final : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();

    void bringsEverythingUpAndEndsInOrder();
    void refusesASecondStartWithThePidOfTheFirst();
    void startsADeadChildAgain();
    void behindPostfixThePolicyServiceRunsToo();
    void f6MailStartsWithoutTheDatabase();
    void pmgdbThatIsBeingReplacedIsTriedAgain();
    void f1KilledSupervisorLeavesNothingBehind();
    void givesUpWhenAChildNeverStarts();
    void forwardsSighup();
    void worksInADeepFolder();
    void wrongConfigurationIsToldAtOnce();
    void wrongArgumentsExitWithUsage();

private:
    QProcess *start(const QStringList &more = {});  ///< Ended by cleanup().
    static QJsonObject nextEvent(QProcess &process, const QString &wanted);
    QByteArray noteOf(const char *name) const;
    int runToEnd(const QStringList &words, QByteArray *output = nullptr) const;

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<QProcess> m_process;
    QString m_program;
    QString m_root;
};

namespace {

constexpr int patience = 60000;

bool isAlive(qint64 pid)
{
    return pid <= 0 || ::kill(static_cast<pid_t>(pid), 0) == 0;
}

}  // namespace

void TestSupervisor::initTestCase()
{
    const auto accounts = Accounts::find();
    if (!accounts) {
        QSKIP(qPrintable(accounts.error().detail));
    }
    qunsetenv("PMG_ROOT");
    qunsetenv("PMG_DSN");
}

void TestSupervisor::init()
{
    m_folder = std::make_unique<QTemporaryDir>(QStringLiteral("/tmp/portcullis-run-XXXXXX"));
    // As root the children are other users, who have to reach their program and their folder.
    ::chmod(QFile::encodeName(m_folder->path()).constData(), 0755);
    const QString bin = m_folder->filePath(QStringLiteral("bin"));
    QVERIFY(QDir().mkpath(bin));
    const QString built = QStringLiteral(PORTCULLIS_BINARY_DIR);
    m_program = bin + QStringLiteral("/portcullis");
    QVERIFY(QFile::copy(built + QStringLiteral("/bin/portcullis"), m_program));
    for (const char *name : {"pmg-smtpd", "pmg-smtp-filter", "pmgpolicy", "pmgdb"}) {
        QVERIFY(QFile::copy(built + QStringLiteral("/tests/supervised_stand_in"),
                            bin + QLatin1Char('/') + QLatin1String(name)));
    }
    m_root = m_folder->filePath(QStringLiteral("root"));
}

void TestSupervisor::cleanup()
{
    if (m_folder != nullptr) {
        runToEnd({QStringLiteral("stop"), QStringLiteral("--root"), m_root});
        if (m_process != nullptr) {
            m_process->waitForFinished(patience);
            m_process.reset();
        }
        QTRY_COMPARE_WITH_TIMEOUT(findLeftovers(Paths(m_root)).size(), size_t(0), patience);
        m_folder.reset();
    }
}

QProcess *TestSupervisor::start(const QStringList &more)
{
    m_process = std::make_unique<QProcess>();
    QProcess *process = m_process.get();
    process->setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process->start(m_program, QStringList{QStringLiteral("run"), QStringLiteral("--root"), m_root,
                                          QStringLiteral("--ext-port"), QStringLiteral("0"),
                                          QStringLiteral("--int-port"), QStringLiteral("0")}
                                  + more);
    return process;
}

QJsonObject TestSupervisor::nextEvent(QProcess &process, const QString &wanted)
{
    QElapsedTimer timer;
    timer.start();
    while (timer.elapsed() < patience) {
        while (process.canReadLine()) {
            const auto line = QJsonDocument::fromJson(process.readLine()).object();
            if (line.value(QStringLiteral("event")).toString() == wanted) {
                return line;
            }
        }
        if (process.state() == QProcess::NotRunning) {
            break;
        }
        process.waitForReadyRead(100);
    }
    return {};
}

QByteArray TestSupervisor::noteOf(const char *name) const
{
    QFile file(Paths(m_root).scratch() + QLatin1Char('/') + QLatin1String(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

int TestSupervisor::runToEnd(const QStringList &words, QByteArray *output) const
{
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(m_program, words);
    process.waitForFinished(patience);
    if (output != nullptr) {
        *output = process.readAll();
    }
    return process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
}

void TestSupervisor::bringsEverythingUpAndEndsInOrder()
{
    QProcess *const process = start({QStringLiteral("--listen"), QStringLiteral("127.0.0.1")});
    const QJsonObject ready = nextEvent(*process, QStringLiteral("ready"));
    QCOMPARE(ready.value(QStringLiteral("smtp_ext")).toInt(), 40001);
    QCOMPARE(ready.value(QStringLiteral("smtp_int")).toInt(), 40002);
    QVERIFY(ready.contains(QStringLiteral("api")));

    QByteArray text;
    QCOMPARE(runToEnd({QStringLiteral("status"), QStringLiteral("--root"), m_root}, &text), 0);
    const QJsonObject status = QJsonDocument::fromJson(text).object();
    QCOMPARE(status.value(QStringLiteral("pid")).toInteger(), process->processId());
    const QJsonArray children = status.value(QStringLiteral("children")).toArray();
    QCOMPARE(children.size(), 3);
    QVERIFY(noteOf("pmg-smtpd.started").contains("--ext-port 0 --int-port 0 --listen 127.0.0.1"));
    QCOMPARE(noteOf("pmg-smtpd.mask"), QByteArray("clean\n"));
    if (::geteuid() == 0) {
        const auto accounts = Accounts::find();
        QVERIFY(noteOf("pmg-smtpd.started")
                    .startsWith("uid=" + QByteArray::number(accounts->smtpd->user)));
        QVERIFY(noteOf("pmg-smtp-filter.started")
                    .startsWith("uid=" + QByteArray::number(accounts->filter->user)));
    }
    // The database is reachable the way every program finds it.
    const auto settings = store::DatabaseSettings::locate(Paths(m_root));
    QVERIFY(settings);
    QCOMPARE(settings->user, QStringLiteral("pmg"));

    QCOMPARE(runToEnd({QStringLiteral("stop"), QStringLiteral("--root"), m_root}), 0);
    QVERIFY(process->waitForFinished(patience));
    QCOMPARE(process->exitCode(), 0);
    for (const QJsonValue &child : children) {
        QVERIFY(!isAlive(child.toObject().value(QStringLiteral("pid")).toInteger()));
    }
    QCOMPARE(runToEnd({QStringLiteral("status"), QStringLiteral("--root"), m_root}), 3);
}

void TestSupervisor::refusesASecondStartWithThePidOfTheFirst()
{
    QProcess *const first = start();
    QVERIFY(!nextEvent(*first, QStringLiteral("ready")).isEmpty());
    QByteArray text;
    QCOMPARE(runToEnd({QStringLiteral("run"), QStringLiteral("--root"), m_root}, &text), 1);
    QVERIFY2(text.contains("runs as pid " + QByteArray::number(first->processId())),
             text.constData());
    QVERIFY(first->state() == QProcess::Running);
}

void TestSupervisor::startsADeadChildAgain()
{
    QProcess *const process = start();
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
    const auto pidOf = [this] {
        const QByteArray last = noteOf("pmg-smtpd.started").trimmed().split('\n').last();
        return last.sliced(last.indexOf("pid=") + 4).split(' ').first().toInt();
    };
    const int before = pidOf();
    QCOMPARE(::kill(before, SIGKILL), 0);
    const QJsonObject death = nextEvent(*process, QStringLiteral("child-died"));
    QCOMPARE(death.value(QStringLiteral("how")).toString(),
             QStringLiteral("was killed by signal 9 (SIGKILL)"));
    QCOMPARE(nextEvent(*process, QStringLiteral("child-ready"))
                 .value(QStringLiteral("program"))
                 .toString(),
             QStringLiteral("pmg-smtpd"));
    QVERIFY(pidOf() != before);
    // Clients know the ports already: the free ones that were chosen stay.
    QVERIFY(noteOf("pmg-smtpd.started").trimmed().split('\n').last().contains("--ext-port 40001"));
}

void TestSupervisor::behindPostfixThePolicyServiceRunsToo()
{
    QVERIFY(QDir().mkpath(Paths(m_root).etc()));
    QFile conf(Paths(m_root).etc() + QStringLiteral("/pmg.conf"));
    QVERIFY(conf.open(QIODevice::WriteOnly));
    conf.write("section: mail\n\tbehind_postfix 1\n");
    conf.close();
    QProcess *const process = start({QStringLiteral("--dns"), QStringLiteral("127.0.0.1:53")});
    const QJsonObject ready = nextEvent(*process, QStringLiteral("ready"));
    QCOMPARE(ready.value(QStringLiteral("policy")).toInt(), 40003);
    QCOMPARE(ready.value(QStringLiteral("smtp_ext")).toInt(), 40001);
    const QByteArray started = noteOf("pmgpolicy.started");
    QVERIFY2(started.contains(" --dns 127.0.0.1:53"), started.constData());
    const auto pid = started.sliced(started.indexOf("pid=") + 4).split(' ').first().toInt();
    QCOMPARE(::kill(pid, SIGKILL), 0);
    QCOMPARE(nextEvent(*process, QStringLiteral("child-ready"))
                 .value(QStringLiteral("program"))
                 .toString(),
             QStringLiteral("pmgpolicy"));
    QCOMPARE(noteOf("pmgpolicy.started").count("pid="), 2);
}

void TestSupervisor::f6MailStartsWithoutTheDatabase()
{
    const Paths paths(m_root);
    QVERIFY(QDir().mkpath(QFileInfo(paths.rulesCache()).path()));
    QFile rules(paths.rulesCache());
    QVERIFY(rules.open(QIODevice::WriteOnly));
    rules.write("{}");
    rules.close();
    QFile fail(m_root + QStringLiteral("/fail-pmgdb"));
    QVERIFY(fail.open(QIODevice::WriteOnly));
    QProcess *const process = start({QStringLiteral("--dsn"), QStringLiteral("host=/nonexistent")});
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
}

void TestSupervisor::pmgdbThatIsBeingReplacedIsTriedAgain()
{
    const QString pmgdb = QFileInfo(m_program).path() + QStringLiteral("/pmgdb");
    const QString aside = pmgdb + QStringLiteral(".new");
    QVERIFY(QFile::rename(pmgdb, aside));
    QProcess *const process = start({QStringLiteral("--dsn"), QStringLiteral("host=/nonexistent")});
    QTest::qSleep(2000);
    QVERIFY(QFile::rename(aside, pmgdb));
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
}

void TestSupervisor::f1KilledSupervisorLeavesNothingBehind()
{
    QProcess *process = start();
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
    process->kill();
    QVERIFY(process->waitForFinished(patience));
    QTRY_COMPARE_WITH_TIMEOUT(findLeftovers(Paths(m_root)).size(), size_t(0), patience);
    process = start();
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
}

void TestSupervisor::givesUpWhenAChildNeverStarts()
{
    QVERIFY(QDir().mkpath(m_root));
    QFile fail(m_root + QStringLiteral("/fail-pmg-smtpd"));
    QVERIFY(fail.open(QIODevice::WriteOnly));
    QProcess *const process = start();
    const QJsonObject failed = nextEvent(*process, QStringLiteral("failed"));
    QVERIFY(failed.value(QStringLiteral("reason"))
                .toString()
                .startsWith(QStringLiteral("pmg-smtpd does not start")));
    QVERIFY(process->waitForFinished(patience));
    QCOMPARE(process->exitCode(), 1);
}

void TestSupervisor::forwardsSighup()
{
    QProcess *const process = start();
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
    QCOMPARE(::kill(static_cast<pid_t>(process->processId()), SIGHUP), 0);
    QTRY_COMPARE(noteOf("pmg-smtpd.signals"), QByteArray("1\n"));
    QTRY_COMPARE(noteOf("pmg-smtp-filter.signals"), QByteArray("1\n"));
}

void TestSupervisor::worksInADeepFolder()
{
    m_root = m_folder->filePath(QString(110, QLatin1Char('d')));
    QProcess *const process = start();
    QVERIFY(!nextEvent(*process, QStringLiteral("ready")).isEmpty());
    const auto settings = store::DatabaseSettings::locate(Paths(m_root));
    QVERIFY(settings);
    QVERIFY(settings->host.contains(QStringLiteral("/portcullis-")));
    QVERIFY(QFile::exists(settings->host));
    QCOMPARE(runToEnd({QStringLiteral("stop"), QStringLiteral("--root"), m_root}), 0);
    QVERIFY(!QFile::exists(settings->host));
}

void TestSupervisor::wrongConfigurationIsToldAtOnce()
{
    QVERIFY(QDir().mkpath(Paths(m_root).etc()));
    QFile file(Paths(m_root).etc() + QStringLiteral("/pmg.conf"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("section: mail\n\tmaxsize huge\n");
    file.close();
    QByteArray text;
    QCOMPARE(runToEnd({QStringLiteral("run"), QStringLiteral("--root"), m_root}, &text), 1);
    QVERIFY2(text.contains("pmg.conf:2: mail/maxsize: 'huge' is not a whole number"),
             text.constData());
}

void TestSupervisor::wrongArgumentsExitWithUsage()
{
    QByteArray text;
    QCOMPARE(runToEnd({QStringLiteral("run"), QStringLiteral("--fast")}, &text), 2);
    QVERIFY(text.contains("Usage: portcullis run"));
    QCOMPARE(runToEnd({QStringLiteral("--version")}, &text), 0);
    QCOMPARE(text, QByteArray("portcullis " PORTCULLIS_VERSION "\n"));
}

}  // namespace portcullis::daemons

QTEST_GUILESS_MAIN(portcullis::daemons::TestSupervisor)
#include "TestSupervisor.moc"
