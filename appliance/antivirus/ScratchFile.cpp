// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/ScratchFile.h"

#include <QtCore/QFile>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace portcullis::antivirus {

ScratchFile::~ScratchFile()
{
    if (!m_path.isEmpty()) {
        ::unlink(m_path.constData());
    }
}

Result<ScratchFile> ScratchFile::write(const QString &folder, QByteArrayView bytes)
{
    QByteArray path = QFile::encodeName(folder.isEmpty() ? defaultFolder() : folder)
                      + QByteArrayLiteral("/pmg-scan-XXXXXX");
    const int file = ::mkostemp(path.data(), O_CLOEXEC);
    if (file < 0) {
        return Error::fromErrno("scratch.write",
                                QStringLiteral("Cannot create %1").arg(QFile::decodeName(path)),
                                errno);
    }
    ScratchFile scratch(path);
    qsizetype done = 0;
    int failure = 0;
    while (done < bytes.size() && failure == 0) {
        const ssize_t wrote = ::write(file, bytes.data() + done,
                                      static_cast<size_t>(bytes.size() - done));
        if (wrote < 0 && errno != EINTR) {
            failure = errno;
        }
        done += wrote > 0 ? wrote : 0;
    }
    if (::close(file) != 0 && failure == 0) {
        failure = errno;
    }
    if (failure != 0) {
        return Error::fromErrno("scratch.write",
                                QStringLiteral("Cannot write %1").arg(QFile::decodeName(path)),
                                failure);
    }
    return scratch;
}

QString ScratchFile::defaultFolder()
{
    static constexpr char sharedMemory[] = "/dev/shm";
    struct statfs status = {};
    const bool isUsable = ::statfs(sharedMemory, &status) == 0 && status.f_type == TMPFS_MAGIC
                          && ::access(sharedMemory, W_OK | X_OK) == 0;
    return isUsable ? QString::fromLatin1(sharedMemory) : QStringLiteral("/tmp");
}

}  // namespace portcullis::antivirus
