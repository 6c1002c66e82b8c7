// SPDX-License-Identifier: GPL-2.0-or-later
// The real master with real workers, in a process of its own; the workers here answer a line.
#include "appliance/filter/Prefork.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>
#include <QtTest/QTest>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

using namespace portcullis;

namespace {

/// What the workers do: "crash" aborts, "hang" sleeps, anything else is answered with the pid.
void serveLine(int connection, filter::WorkerSlot & /*slot*/)
{
    char line[64] = {};
    if (::read(connection, line, sizeof line - 1) <= 0) {
        return;
    }
    if (std::strcmp(line, "crash") == 0) {
        ::kill(::getpid(), SIGKILL);
    }
    if (std::strcmp(line, "hang") == 0) {
        ::pause();
    }
    const QByteArray answer = QByteArray::number(::getpid());
    [[maybe_unused]] const ssize_t written = ::write(connection, answer.constData(),
                                                     static_cast<size_t>(answer.size()));
}

}  // namespace

class TestPrefork : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void answersRequests();
    void crashCostsOneRequestOnly();
    void hungWorkerIsKilledAndReplaced();
    void reloadReplacesWorkersWithoutAPause();
    void failedReloadKeepsTheOldWorkers();
    void companionsRunWhileTheyAreWanted();
    void endsOnSigterm();

private:
    [[nodiscard]] QByteArrayList companionPids() const;
    QByteArray ask(const QByteArray &line) const;
    void touch(const QString &name) const;

    std::unique_ptr<QTemporaryDir> m_folder;
    pid_t m_master = -1;
};

void TestPrefork::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    const QString folder = m_folder->path();
    m_master = ::fork();
    if (m_master != 0) {
        QTRY_VERIFY(!ask("hello").isEmpty());
        return;
    }
    bool wasReloaded = false;
    filter::Prefork master({
        [&]() -> Result<filter::PreforkSettings> {
            if (QFile::exists(folder + QStringLiteral("/broken"))) {
                return Error::transient("test.broken", QStringLiteral("broken"));
            }
            filter::PreforkSettings settings;
            settings.socketPath = folder + QStringLiteral("/sock");
            settings.workers = 2;
            settings.messageTimeout = std::chrono::seconds(1);
            settings.tick = std::chrono::milliseconds(50);
            return settings;
        },
        [&] {
            const bool shouldReload = !wasReloaded
                                      && QFile::exists(folder + QStringLiteral("/reload"));
            wasReloaded = wasReloaded || shouldReload;
            return shouldReload;
        },
        serveLine,
        [] {},
        [] {},
        [] { return true; },
        [] {},
        {{"sleeper",
          {"/bin/sh", "-c", "echo $$ >> \"$0\"; exec sleep 1000",
           QFile::encodeName(folder + QStringLiteral("/companions"))},
          [folder] { return QFile::exists(folder + QStringLiteral("/wanted")); }}},
    });
    ::_exit(master.run());
}

void TestPrefork::cleanup()
{
    if (m_master > 0) {
        ::kill(m_master, SIGTERM);
        ::waitpid(m_master, nullptr, 0);
    }
    m_master = -1;
}

QByteArray TestPrefork::ask(const QByteArray &line) const
{
    const QByteArray path = QFile::encodeName(m_folder->filePath(QStringLiteral("sock")));
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.constData(), sizeof address.sun_path - 1);
    QByteArray answer;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
    if (::connect(client, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0) {
        char buffer[64] = {};
        if (::write(client, line.constData(), static_cast<size_t>(line.size())) > 0) {
            const ssize_t count = ::read(client, buffer, sizeof buffer);
            answer = QByteArray(buffer, std::max<ssize_t>(count, 0));
        }
    }
    ::close(client);
    return answer;
}

void TestPrefork::touch(const QString &name) const
{
    QFile file(m_folder->filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly));
}

void TestPrefork::answersRequests()
{
    for (int i = 0; i < 50; ++i) {
        QVERIFY(!ask("hello").isEmpty());
    }
}

void TestPrefork::crashCostsOneRequestOnly()
{
    for (int i = 0; i < 3; ++i) {
        QVERIFY2(ask("crash").isEmpty(), "F9: the session sees the connection end");
        QVERIFY2(!ask("hello").isEmpty(), "F10: others are served");
    }
}

void TestPrefork::hungWorkerIsKilledAndReplaced()
{
    QVERIFY2(ask("hang").isEmpty(), "F11: killed at the time limit");
    QVERIFY(!ask("hello").isEmpty());
}

void TestPrefork::reloadReplacesWorkersWithoutAPause()
{
    const QByteArray before = ask("hello");
    touch(QStringLiteral("reload"));
    QByteArrayList seen;
    QTRY_VERIFY([&] {
        const QByteArray answer = ask("hello");
        seen.append(answer);
        return answer != before && seen.size() > 20;
    }());
    QVERIFY2(!seen.contains(QByteArray()), "no request went unanswered");
}

void TestPrefork::failedReloadKeepsTheOldWorkers()
{
    touch(QStringLiteral("broken"));
    touch(QStringLiteral("reload"));
    QTest::qWait(300);
    QVERIFY(!ask("hello").isEmpty());
}

QByteArrayList TestPrefork::companionPids() const
{
    QFile file(m_folder->filePath(QStringLiteral("companions")));
    return file.open(QIODevice::ReadOnly) ? file.readAll().trimmed().split('\n') : QByteArrayList();
}

void TestPrefork::companionsRunWhileTheyAreWanted()
{
    QVERIFY(companionPids().isEmpty());
    touch(QStringLiteral("wanted"));
    QTRY_COMPARE(companionPids().size(), 1);
    const pid_t first = companionPids().constFirst().toInt();
    QVERIFY(QFile::remove(m_folder->filePath(QStringLiteral("wanted"))));
    QTRY_VERIFY(::kill(first, 0) != 0);
    QCOMPARE(companionPids().size(), 1);
    touch(QStringLiteral("wanted"));
    QTRY_COMPARE(companionPids().size(), 2);
    ::kill(companionPids().constLast().toInt(), SIGKILL);  // One that dies is started again.
    QTRY_COMPARE(companionPids().size(), 3);
}

void TestPrefork::endsOnSigterm()
{
    ::kill(m_master, SIGTERM);
    int status = -1;
    QCOMPARE(::waitpid(m_master, &status, 0), m_master);
    m_master = -1;
    QVERIFY(WIFEXITED(status));
    QCOMPARE(WEXITSTATUS(status), 0);
    QVERIFY(ask("hello").isEmpty());
}

QTEST_GUILESS_MAIN(TestPrefork)
#include "TestPrefork.moc"
