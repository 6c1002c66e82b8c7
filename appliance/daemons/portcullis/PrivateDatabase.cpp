// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/PrivateDatabase.h"

#include "appliance/store/DatabaseSettings.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QProcess>
#include <QtCore/QSaveFile>
#include <QtCore/QStandardPaths>

#include <pwd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace portcullis::daemons {

namespace {

constexpr int initSeconds = 300;  ///< A slow disk; initdb flushes a thousand files.
constexpr const char *ownMark = "# the private server of this folder, written by portcullis\n";

/// Debian keeps the programs of each version apart; the newest is taken.
QString findPrograms()
{
    const QDir versions(QStringLiteral("/usr/lib/postgresql"));
    QStringList names = versions.entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    std::sort(names.begin(), names.end(),
              [](const QString &a, const QString &b) { return a.toInt() > b.toInt(); });
    for (const QString &name : names) {
        const QString folder = versions.filePath(name) + QStringLiteral("/bin");
        if (QFile::exists(folder + QStringLiteral("/initdb"))) {
            return folder;
        }
    }
    const QString found = QStandardPaths::findExecutable(QStringLiteral("initdb"));
    return found.isEmpty() ? QString() : QFileInfo(found).path();
}

Error failed(const QString &what)
{
    return Error::transient("supervisor.postgres", what);
}

/// pid and state that the server itself writes: line 1 and line 8 of postmaster.pid.
bool isServerReady(const QString &folder, qint64 pid)
{
    QFile file(folder + QStringLiteral("/postmaster.pid"));
    if (!file.open(QIODevice::ReadOnly)) {
        return false;
    }
    const QByteArrayList lines = file.readAll().split('\n');
    return lines.size() > 7 && lines.at(0).toLongLong() == pid && lines.at(7).trimmed() == "ready";
}

QByteArray ownerName(const std::optional<Account> &account)
{
    passwd entry{};
    passwd *found = nullptr;
    std::array<char, 4096> buffer{};
    if (!account) {
        ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
    }
    return account ? account->name : QByteArray(found == nullptr ? "" : found->pw_name);
}

}  // namespace

PrivateDatabase::PrivateDatabase(Paths paths, std::optional<Account> account)
    : m_paths(std::move(paths))
    , m_account(std::move(account))
    , m_programs(findPrograms())
{
}

bool PrivateDatabase::isReplaced() const
{
    QFile file(m_paths.etc() + QStringLiteral("/database.dsn"));
    return file.open(QIODevice::ReadOnly) && !file.readAll().endsWith(ownMark);
}

QString PrivateDatabase::socketFolder() const
{
    constexpr qsizetype fileName = 15;  // "/.s.PGSQL.5432" and the final NUL
    const QString folder = store::DatabaseSettings::privateSocketFolder(m_paths);
    if (QFile::encodeName(folder).size() + fileName <= qsizetype(sizeof(sockaddr_un::sun_path))) {
        return folder;
    }
    const QByteArray hash = QCryptographicHash::hash(QFile::encodeName(m_paths.root()),
                                                     QCryptographicHash::Sha256);
    // As root not below /tmp, where somebody else might have prepared a folder of that name.
    const QString base = m_account
                             ? QStringLiteral("/run")
                             : qEnvironmentVariable("XDG_RUNTIME_DIR", QStringLiteral("/tmp"));
    return base + QStringLiteral("/portcullis-") + QString::fromLatin1(hash.toHex().first(16));
}

QString PrivateDatabase::dsn() const
{
    QString folder = socketFolder();
    folder.replace(QLatin1Char('\\'), QStringLiteral("\\\\"));
    folder.replace(QLatin1Char('\''), QStringLiteral("\\'"));
    return QStringLiteral("host='%1' dbname=pmg user=pmg").arg(folder);
}

Status PrivateDatabase::makeFolder(const QString &path, mode_t mode, bool isForGroup) const
{
    const QByteArray name = QFile::encodeName(path);
    if (::mkdir(name.constData(), 0700) != 0 && errno != EEXIST) {
        return Error::fromErrno("supervisor.unwritable", path, errno);
    }
    struct stat status {
    };
    if (::lstat(name.constData(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        return failed(path + QStringLiteral(": not a folder"));
    }
    struct stat parent {
    };
    if (m_account && isForGroup) {
        // Group pmg may connect; the set-group-id bit hands that group to the socket.
        ::stat(QFile::encodeName(m_paths.run()).constData(), &parent);
    }
    const gid_t group = isForGroup ? parent.st_gid : m_account ? m_account->group : 0;
    if ((m_account && ::lchown(name.constData(), m_account->user, group) != 0)
        || (!m_account && status.st_uid != ::geteuid()) || ::chmod(name.constData(), mode) != 0) {
        return Error::fromErrno("supervisor.unwritable", path, errno == 0 ? EPERM : errno);
    }
    return ok();
}

Status PrivateDatabase::runAsOwner(const QString &program, const QStringList &arguments) const
{
    QProcess process;
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.setWorkingDirectory(QStringLiteral("/"));
    process.setChildProcessModifier([this] {
        if (m_account && !becomeAccount(*m_account)) {
            ::_exit(126);
        }
    });
    process.start(m_programs + QLatin1Char('/') + program, arguments);
    if (!process.waitForFinished(initSeconds * 1000) || process.exitCode() != 0
        || process.exitStatus() != QProcess::NormalExit) {
        return failed(QStringLiteral("%1: %2").arg(
            program, QString::fromUtf8(process.readAll().right(1000).simplified())));
    }
    return ok();
}

Status PrivateDatabase::writeFile(const QString &path, const QByteArray &bytes) const
{
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit()) {
        return Error::transient("supervisor.unwritable",
                                QStringLiteral("%1: %2").arg(path, file.errorString()));
    }
    struct stat folder {
    };
    const QByteArray name = QFile::encodeName(path);
    ::stat(QFile::encodeName(QFileInfo(path).path()).constData(), &folder);
    const bool isServerFile = path.startsWith(m_paths.postgres());
    const uid_t owner = m_account && isServerFile ? m_account->user : static_cast<uid_t>(-1);
    if (m_account
        && (::chown(name.constData(), owner, folder.st_gid) != 0
            || ::chmod(name.constData(), 0640) != 0)) {
        return Error::fromErrno("supervisor.unwritable", path, errno);
    }
    return ok();
}

Status PrivateDatabase::initialise() const
{
    const QString target = m_paths.postgres();
    // Made beside and renamed: a kill in the middle leaves nothing that looks like a database.
    const QString fresh = target + QStringLiteral(".new");
    QDir(fresh).removeRecursively();
    TRY(makeFolder(fresh, 0700, false));
    TRY(runAsOwner(QStringLiteral("initdb"),
                   {QStringLiteral("-D"), fresh, QStringLiteral("-U"), QStringLiteral("postgres"),
                    QStringLiteral("-E"), QStringLiteral("UTF8"),
                    QStringLiteral("--locale=C.UTF-8"), QStringLiteral("--auth=peer"),
                    QStringLiteral("--data-checksums")}));
    if (!QDir().rename(fresh, target)) {
        return failed(QStringLiteral("cannot rename %1").arg(fresh));
    }
    return ok();
}

Status PrivateDatabase::prepare() const
{
    if (m_programs.isEmpty()) {
        return failed(
            QStringLiteral("PostgreSQL is not installed; try: apt-get install postgresql"));
    }
    if (!QFile::exists(m_paths.postgres() + QStringLiteral("/PG_VERSION"))) {
        TRY(initialise());
    }
    TRY(makeFolder(socketFolder(), m_account ? 02750 : 0700, true));
    const QByteArray owner = ownerName(m_account);
    TRY(writeFile(m_paths.postgres() + QStringLiteral("/pg_ident.conf"),
                  "owner \"" + owner + "\" postgres\n"));
    TRY(writeFile(m_paths.postgres() + QStringLiteral("/pg_hba.conf"),
                  "# Whoever reaches the socket is the owner or in group pmg.\n"
                  "local all         postgres peer map=owner\n"
                  "local all         pmg      trust\n"));
    return writeFile(m_paths.etc() + QStringLiteral("/database.dsn"),
                     dsn().toUtf8() + '\n' + ownMark);
}

Status PrivateDatabase::createRole() const
{
    const QStringList connection{QStringLiteral("-h"), socketFolder(), QStringLiteral("-U"),
                                 QStringLiteral("postgres"), QStringLiteral("--no-password")};
    const Status created = runAsOwner(
        QStringLiteral("createuser"),
        connection + QStringList{QStringLiteral("--createdb"), QStringLiteral("pmg")});
    if (!created && !created.error().detail.contains(QStringLiteral("already exists"))) {
        return created;
    }
    return ok();
}

void PrivateDatabase::removeSocketFolder() const
{
    if (!socketFolder().startsWith(m_paths.root())) {
        QDir(socketFolder()).removeRecursively();
    }
}

ChildSpec PrivateDatabase::childSpec() const
{
    const auto setting = [](const char *text) {
        return QStringList{QStringLiteral("-c"), QString::fromLatin1(text)};
    };
    ChildSpec spec;
    spec.name = QStringLiteral("postgres");
    spec.program = m_programs + QStringLiteral("/postgres");
    spec.arguments = QStringList{QStringLiteral("-D"), m_paths.postgres(), QStringLiteral("-k"),
                                 socketFolder()}
                     + setting("listen_addresses=") + setting("unix_socket_permissions=0770")
                     + setting("max_connections=40") + setting("shared_buffers=64MB")
                     + setting("wal_compression=on") + setting("max_wal_size=512MB")
                     + setting("checkpoint_completion_target=0.9") + setting("jit=off")
                     + setting("timezone=UTC") + setting("log_timezone=UTC");
    spec.account = m_account;
    spec.outputFile = m_paths.log() + QStringLiteral("/postgresql.log");
    spec.stopSignal = SIGINT;  // fast shutdown: connections are cut
    spec.signalIfWeDie = SIGINT;
    spec.grace = std::chrono::seconds(60);
    spec.isReady = [folder = m_paths.postgres()](qint64 pid) { return isServerReady(folder, pid); };
    return spec;
}

}  // namespace portcullis::daemons
