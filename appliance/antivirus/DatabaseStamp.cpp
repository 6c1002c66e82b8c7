// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/antivirus/DatabaseStamp.h"

#include <QtCore/QFile>

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace portcullis::antivirus {

DatabaseStamp DatabaseStamp::of(const QString &databaseFolder)
{
    DatabaseStamp stamp;
    DIR *folder = ::opendir(QFile::encodeName(databaseFolder).constData());
    if (folder == nullptr) {
        return stamp;
    }
    std::vector<QByteArray> files;
    while (const dirent *file = ::readdir(folder)) {
        struct stat status = {};
        if (file->d_name[0] == '.' || ::fstatat(::dirfd(folder), file->d_name, &status, 0) != 0
            || !S_ISREG(status.st_mode)) {
            continue;
        }
        files.push_back(QByteArray(file->d_name) + '\0' + QByteArray::number(status.st_ino) + ' '
                        + QByteArray::number(status.st_size) + ' '
                        + QByteArray::number(status.st_mtim.tv_sec) + '.'
                        + QByteArray::number(status.st_mtim.tv_nsec));
    }
    ::closedir(folder);
    std::ranges::sort(files);
    for (const QByteArray &file : files) {
        stamp.m_digest += file + '\n';
    }
    return stamp;
}

}  // namespace portcullis::antivirus
