// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/SnapshotFile.h"

#include <QtCore/QFile>

#include <sys/stat.h>

namespace portcullis::spam {

SnapshotFile::SnapshotFile(QString path)
    : m_path(std::move(path))
{
}

Status SnapshotFile::save(const SnapshotTable &table)
{
    TRY(table.save(m_path));
    m_saved = stamp();
    return ok();
}

bool SnapshotFile::wasTouched() const
{
    return m_saved && stamp() != m_saved;
}

std::optional<std::array<qint64, 4>> SnapshotFile::stamp() const
{
    struct stat status {
    };
    if (stat(QFile::encodeName(m_path).constData(), &status) != 0) {
        return std::nullopt;
    }
    return std::array<qint64, 4>{qint64(status.st_ino), status.st_mtim.tv_sec,
                                 status.st_mtim.tv_nsec, status.st_size};
}

}  // namespace portcullis::spam
