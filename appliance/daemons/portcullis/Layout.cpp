// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/Layout.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace portcullis::daemons {

namespace {

/// A folder or file: who owns it, and what others may do.
struct Place {
    QString path;
    mode_t mode = 0755;
    std::optional<Account> owner;  ///< Empty: the supervisor's own user.
};

Error unwritable(const QByteArray &path)
{
    return Error::fromErrno("supervisor.unwritable", QFile::decodeName(path), errno);
}

Status setOwner(int descriptor, const Place &place, const Accounts &accounts)
{
    const QByteArray path = QFile::encodeName(place.path);
    if (accounts.smtpd) {
        const uid_t user = place.owner ? place.owner->user : 0;
        // Both programs' users have pmg as their group; PostgreSQL's has not, and is let in by it.
        if (::fchown(descriptor, user, accounts.smtpd->group) != 0) {
            return unwritable(path);
        }
    }
    if (::fchmod(descriptor, place.mode) != 0) {
        return unwritable(path);
    }
    return ok();
}

Status openAndSet(const Place &place, int flags, const Accounts &accounts)
{
    const QByteArray path = QFile::encodeName(place.path);
    const int descriptor = ::open(path.constData(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return unwritable(path);
    }
    const Status status = setOwner(descriptor, place, accounts);
    ::close(descriptor);
    return status;
}

Status makeFolder(const Place &place, const Accounts &accounts)
{
    const QByteArray path = QFile::encodeName(place.path);
    if (!QDir().mkpath(place.path)) {
        return unwritable(path);
    }
    return openAndSet(place, O_RDONLY | O_DIRECTORY, accounts);
}

Status makeFile(const Place &place, const Accounts &accounts)
{
    return openAndSet(place, O_WRONLY | O_CREAT | O_APPEND, accounts);
}

/// A child that cannot even reach its root would fail with a puzzling message.
Status checkReachable(const Paths &paths)
{
    QFileInfo folder(paths.root());
    while (!folder.isRoot()) {
        folder = QFileInfo(folder.absolutePath());
        struct stat status {
        };
        const QByteArray path = QFile::encodeName(folder.absoluteFilePath());
        if (::stat(path.constData(), &status) == 0 && (status.st_mode & S_IXOTH) == 0) {
            return Error::permanent(
                "supervisor.unreachable",
                QStringLiteral("%1 must be searchable by the users that the programs run as; "
                               "try: chmod o+x %1")
                    .arg(folder.absoluteFilePath()));
        }
    }
    return ok();
}

}  // namespace

Status prepareLayout(const Paths &paths, const Accounts &accounts)
{
    const auto below = [&paths](const char *path) { return paths.root() + QLatin1String(path); };
    const bool isRoot = accounts.smtpd.has_value();
    const mode_t shared = isRoot ? 01770 : 0700;    // sticky: see the header
    const mode_t passable = isRoot ? 01771 : 0700;  // PostgreSQL's user has to get through
    const std::array folders{
        Place{paths.root(), static_cast<mode_t>(isRoot ? 0751 : 0700), {}},
        Place{below("/etc"), 0755, {}},
        Place{below("/run"), 0755, {}},
        Place{below("/var"), 0755, {}},
        Place{below("/var/lib"), 0755, {}},
        Place{below("/var/log"), 0755, {}},
        Place{below("/var/spool"), 0755, {}},
        Place{paths.etc(), shared, {}},
        Place{paths.etc() + QStringLiteral("/dkim"), static_cast<mode_t>(isRoot ? 0750 : 0700), {}},
        Place{paths.run(), passable, {}},
        Place{paths.lib(), passable, {}},
        Place{paths.log(), passable, {}},
        Place{paths.spool(), passable, {}},
        Place{paths.queue(), 0750, accounts.smtpd},
        Place{paths.events(), static_cast<mode_t>(isRoot ? 02770 : 0700), accounts.smtpd},
        Place{paths.scratch(), shared, {}},
        Place{QFileInfo(paths.rulesCache()).path(), 0750, accounts.filter},
        Place{paths.virusDatabase(), 0755, {}},
    };
    for (const Place &folder : folders) {
        TRY(makeFolder(folder, accounts));
    }
    TRY(makeFile(
        {paths.etc() + QStringLiteral("/pmg.conf"), static_cast<mode_t>(isRoot ? 0640 : 0600), {}},
        accounts));
    TRY(makeFile(
        {paths.log() + QStringLiteral("/mail.log"), static_cast<mode_t>(isRoot ? 0660 : 0600), {}},
        accounts));
    return isRoot ? checkReachable(paths) : ok();
}

}  // namespace portcullis::daemons
