// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/postgres/PrivatePostgres.h"

#include "appliance/store/Administration.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QThread>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

namespace portcullis::testing {

namespace {

constexpr std::chrono::seconds patience{30};
constexpr char superuser[] = "pmg";
constexpr char firstDatabase[] = "pmg";

Error problem(const QString &detail)
{
    return Error::permanent("test.postgres", detail);
}

/// The newest server installed the Debian way.
Result<QString> programFolder()
{
    const QDir versions(QStringLiteral("/usr/lib/postgresql"));
    const QStringList names = versions.entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
    for (auto name = names.crbegin(); name != names.crend(); ++name) {
        const QString folder = versions.filePath(*name) + QStringLiteral("/bin");
        if (QFile::exists(folder + QStringLiteral("/initdb"))) {
            return folder;
        }
    }
    return problem(
        QStringLiteral("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb)"));
}

/// PostgreSQL refuses to run as root. `--pdeathsig` ends the server when the test is killed.
QStringList asServerUser(const QStringList &command)
{
    QStringList all{QStringLiteral("setpriv")};
    if (::geteuid() == 0) {
        all << QStringLiteral("--reuid=postgres") << QStringLiteral("--regid=postgres")
            << QStringLiteral("--clear-groups");
    }
    return all << QStringLiteral("--pdeathsig") << QStringLiteral("QUIT") << QStringLiteral("--")
               << command;
}

Status runToEnd(const QStringList &command, const QByteArray &input = {})
{
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.setWorkingDirectory(QStringLiteral("/"));
    process.start(command.first(), command.mid(1));
    process.write(input);
    process.closeWriteChannel();
    constexpr int limit = static_cast<int>(std::chrono::milliseconds(patience).count()) * 2;
    if (!process.waitForFinished(limit) || process.exitStatus() != QProcess::NormalExit
        || process.exitCode() != 0) {
        process.kill();
        process.waitForFinished();
        return problem(command.join(QLatin1Char(' ')) + QStringLiteral(": ")
                       + QString::fromUtf8(process.readAll().right(2000)));
    }
    return ok();
}

Status giveToServerUser(const QString &folder)
{
    if (::geteuid() != 0) {
        return ok();
    }
    return runToEnd({QStringLiteral("chown"), QStringLiteral("postgres:postgres"), folder});
}

Status makeTemplate(const QString &programs, const QString &folder)
{
    TRY(runToEnd(
        asServerUser({programs + QStringLiteral("/initdb"), QStringLiteral("-D"), folder,
                      QStringLiteral("-A"), QStringLiteral("trust"), QStringLiteral("-U"),
                      QString::fromLatin1(superuser), QStringLiteral("-E"), QStringLiteral("UTF8"),
                      QStringLiteral("--locale=C.UTF-8"), QStringLiteral("--no-sync")})));
    return runToEnd(
        asServerUser({programs + QStringLiteral("/postgres"), QStringLiteral("--single"),
                      QStringLiteral("-D"), folder, QStringLiteral("postgres")}),
        QByteArrayLiteral("CREATE DATABASE ") + firstDatabase + "\n");
}

/// The folder that `initdb` filled, made once per machine, user and server version. Tests that start
/// at the same time may each make one; the first rename wins.
Result<QString> templateFolder(const QString &programs)
{
    const QString version = programs.section(QLatin1Char('/'), -2, -2);
    const QString folder = QStringLiteral("%1/portcullis-pgtemplate-%2-%3")
                               .arg(QDir::tempPath(), version)
                               .arg(::geteuid());
    if (QFile::exists(folder + QStringLiteral("/data/PG_VERSION"))) {
        return folder + QStringLiteral("/data");
    }
    QTemporaryDir fresh(folder + QStringLiteral("-XXXXXX"));
    TRY(giveToServerUser(fresh.path()));
    TRY(makeTemplate(programs, fresh.path() + QStringLiteral("/data")));
    if (::rename(QFile::encodeName(fresh.path()).constData(), QFile::encodeName(folder).constData())
        == 0) {
        fresh.setAutoRemove(false);
    }
    if (!QFile::exists(folder + QStringLiteral("/data/PG_VERSION"))) {
        return problem(QStringLiteral("cannot keep the template in %1").arg(folder));
    }
    return folder + QStringLiteral("/data");
}

/// The server's own processes: /proc/PID/stat field 4 is the parent.
QList<qint64> childrenOf(qint64 parent)
{
    QList<qint64> children;
    const QStringList entries = QDir(QStringLiteral("/proc")).entryList(QDir::Dirs);
    for (const QString &entry : entries) {
        bool isNumber = false;
        const qint64 pid = entry.toLongLong(&isNumber);
        QFile stat(QStringLiteral("/proc/%1/stat").arg(entry));
        if (isNumber && stat.open(QIODevice::ReadOnly)) {
            const QByteArray text = stat.readAll();
            const QList<QByteArray> fields = text.mid(text.lastIndexOf(')') + 2).split(' ');
            if (fields.value(1).toLongLong() == parent) {
                children.append(pid);
            }
        }
    }
    return children;
}

void signalAll(qint64 postmaster, int number)
{
    if (postmaster <= 0) {
        return;
    }
    for (const qint64 child : childrenOf(postmaster)) {
        ::kill(static_cast<pid_t>(child), number);
    }
    ::kill(static_cast<pid_t>(postmaster), number);
}

}  // namespace

PrivatePostgres::PrivatePostgres()
    : m_folder(QDir::tempPath() + QStringLiteral("/portcullis-pg-XXXXXX"))
{
}

Result<std::unique_ptr<PrivatePostgres>> PrivatePostgres::start()
{
    const QString programs = TRY(programFolder());
    const QString source = TRY(templateFolder(programs));
    std::unique_ptr<PrivatePostgres> server(new PrivatePostgres);
    if (!server->m_folder.isValid()) {
        return problem(server->m_folder.errorString());
    }
    TRY(giveToServerUser(server->m_folder.path()));
    // The tests' own user must reach the socket inside.
    ::chmod(QFile::encodeName(server->m_folder.path()).constData(), 0755);
    TRY(runToEnd(asServerUser({QStringLiteral("cp"), QStringLiteral("-a"), source,
                               server->m_folder.filePath(QStringLiteral("data"))})));
    TRY(server->launch());
    return server;
}

PrivatePostgres::~PrivatePostgres()
{
    thaw();
    [[maybe_unused]] const Status stopped = stop();
}

Status PrivatePostgres::launch()
{
    const QString programs = TRY(programFolder());
    QStringList command{programs + QStringLiteral("/postgres"), QStringLiteral("-D"),
                        m_folder.filePath(QStringLiteral("data"))};
    const QStringList options{QStringLiteral("listen_addresses="),
                              QStringLiteral("unix_socket_directories=") + m_folder.path(),
                              QStringLiteral("fsync=off"),
                              QStringLiteral("synchronous_commit=off"),
                              QStringLiteral("full_page_writes=off"),
                              QStringLiteral("shared_buffers=32MB"),
                              QStringLiteral("max_connections=60"),
                              QStringLiteral("lc_messages=C")};
    for (const QString &option : options) {
        command << QStringLiteral("-c") << option;
    }
    command = asServerUser(command);
    m_server.setWorkingDirectory(QStringLiteral("/"));
    m_server.setProcessChannelMode(QProcess::MergedChannels);
    m_server.setStandardOutputFile(m_folder.filePath(QStringLiteral("server.log")));
    m_server.start(command.first(), command.mid(1));
    return waitUntilReady();
}

Status PrivatePostgres::waitUntilReady()
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
        if (m_server.state() == QProcess::NotRunning) {
            break;
        }
        if (QFile::exists(m_folder.filePath(QStringLiteral(".s.PGSQL.5432")))
            && store::Database::open(settings())) {
            return ok();
        }
        m_server.waitForFinished(20);
    }
    QFile log(m_folder.filePath(QStringLiteral("server.log")));
    const bool hasLog = log.open(QIODevice::ReadOnly);
    return problem(QStringLiteral("the server does not start: ")
                   + (hasLog ? QString::fromUtf8(log.readAll().right(1000)) : QString()));
}

store::DatabaseSettings PrivatePostgres::settings(const QString &database) const
{
    store::DatabaseSettings settings;
    settings.host = m_folder.path();
    settings.name = database;
    settings.user = QString::fromLatin1(superuser);
    return settings;
}

QString PrivatePostgres::dsn() const
{
    return QStringLiteral("host=%1 dbname=%2 user=%3")
        .arg(m_folder.path(), QString::fromLatin1(firstDatabase), QString::fromLatin1(superuser));
}

Status PrivatePostgres::createDatabase(const QString &name)
{
    TRY(store::createDatabaseIfMissing(settings(name)));
    return ok();
}

Status PrivatePostgres::stop()
{
    if (m_server.state() == QProcess::NotRunning) {
        return ok();
    }
    ::kill(static_cast<pid_t>(m_server.processId()), SIGINT);
    if (!m_server.waitForFinished(static_cast<int>(std::chrono::milliseconds(patience).count()))) {
        m_server.kill();
        m_server.waitForFinished();
        return problem(QStringLiteral("the server did not stop in time"));
    }
    return ok();
}

Status PrivatePostgres::restart()
{
    TRY(stop());
    return launch();
}

void PrivatePostgres::freeze()
{
    signalAll(m_server.processId(), SIGSTOP);
}

void PrivatePostgres::thaw()
{
    signalAll(m_server.processId(), SIGCONT);
}

}  // namespace portcullis::testing
