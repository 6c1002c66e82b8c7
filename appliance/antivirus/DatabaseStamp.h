// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>

namespace portcullis::antivirus {

/// What tells one state of the signature folder from another: names, inodes, sizes and times of the
/// files in it. A value; take one before load() and compare it later. No libclamav inside, so any
/// program may use it.
///
/// The updater replaces several files one after another: reload only when two stamps taken a few
/// seconds apart are equal, and different from the one that is loaded. After a failed load() remember
/// the stamp that failed, so that the same broken files are not tried for ever.
class DatabaseStamp
{
public:
    DatabaseStamp() = default;  ///< Equal to that of a missing or empty folder.
    static DatabaseStamp of(const QString &databaseFolder);

    friend bool operator==(const DatabaseStamp &, const DatabaseStamp &) = default;

private:
    QByteArray m_digest;
};

}  // namespace portcullis::antivirus
