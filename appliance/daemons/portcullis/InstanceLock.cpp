// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/portcullis/InstanceLock.h"

#include <QtCore/QDir>
#include <QtCore/QFile>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace portcullis::daemons {

namespace {

QByteArray pidFile(const Paths &paths)
{
    return QFile::encodeName(paths.run() + QStringLiteral("/portcullis.pid"));
}

struct flock wholeFile()
{
    struct flock lock {
    };
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

std::optional<pid_t> holderOf(int descriptor)
{
    struct flock lock = wholeFile();
    if (::fcntl(descriptor, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        return std::nullopt;
    }
    return lock.l_pid;
}

}  // namespace

Result<std::unique_ptr<InstanceLock>> InstanceLock::take(const Paths &paths)
{
    const QByteArray file = pidFile(paths);
    QDir().mkpath(paths.run());
    const int descriptor = ::open(file.constData(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                                  0644);
    if (descriptor < 0) {
        return Error::fromErrno("supervisor.unwritable", QFile::decodeName(file), errno);
    }
    std::unique_ptr<InstanceLock> instance(new InstanceLock(descriptor));
    struct flock lock = wholeFile();
    if (::fcntl(descriptor, F_SETLK, &lock) != 0) {
        const auto holder = holderOf(descriptor);
        return Error::permanent("supervisor.running",
                                QStringLiteral("%1 is in use already: portcullis runs as pid %2")
                                    .arg(paths.root())
                                    .arg(holder.value_or(0)));
    }
    const QByteArray pid = QByteArray::number(::getpid()) + '\n';
    if (::ftruncate(descriptor, 0) != 0
        || ::write(descriptor, pid.constData(), static_cast<size_t>(pid.size())) != pid.size()) {
        return Error::fromErrno("supervisor.unwritable", QFile::decodeName(file), errno);
    }
    return instance;
}

std::optional<pid_t> InstanceLock::holder(const Paths &paths)
{
    const int descriptor = ::open(pidFile(paths).constData(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return std::nullopt;
    }
    const auto holder = holderOf(descriptor);
    ::close(descriptor);
    return holder;
}

InstanceLock::~InstanceLock()
{
    ::close(m_descriptor);
}

}  // namespace portcullis::daemons
