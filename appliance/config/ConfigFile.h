// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "shared/base/Result.h"
#include "shared/schema/SectionFile.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <chrono>
#include <functional>
#include <memory>

namespace portcullis::config {

/// SHA-1 of a file's bytes, hex: the `digest` of the REST API (an optimistic lock, no signature).
QByteArray digestOf(const QByteArray &bytes);

/// Reads a whole file; a missing one is empty. Errors: `config.unreadable` (transient),
/// `config.syntax` if it is larger than FileLimits allow.
Result<QByteArray> readConfigFile(const QString &path);

/// Changes whenever a file may have changed (inode, size, time, rights). Cheap.
QByteArray fileStamp(const QString &path);

/// @name Files of DKIM signing, below `dkim/` beside pmg.conf.
/// @{
QString dkimKeyFile(const Paths &paths, const QByteArray &selector);  ///< SELECTOR.private, PEM.
QString dkimDomainsFile(const Paths &paths);
/// @}

/// Writes so that a reader or a crash sees the old or the new bytes, never a mixture: temporary file
/// in the same folder, fsync, rename, fsync of the folder. Owner and mode of an existing file stay.
/// Error: `config.unwritable` (transient).
Status writeConfigFile(const QString &path, const QByteArray &bytes);

/// The lock of one configuration file (`.NAME.lock` beside it), held until destruction. Works between
/// processes; a holder's death frees it.
class ConfigLock
{
public:
    /// Errors: `config.locked` (transient) after `patience`, `config.unwritable`.
    static Result<std::unique_ptr<ConfigLock>> take(
        const QString &path,
        std::chrono::milliseconds patience = std::chrono::seconds(10));
    ~ConfigLock();
    ConfigLock(const ConfigLock &) = delete;
    ConfigLock &operator=(const ConfigLock &) = delete;

private:
    explicit ConfigLock(int descriptor)
        : m_descriptor(descriptor)
    {
    }
    int m_descriptor;
};

/// Changes pmg.conf: lock, compare `expectedDigest` (empty: no comparison), set or unset keys with
/// schema check, drop what equals the default, check the whole, write. Nothing is written on error.
///
/// Errors: `config.digest` (the file was modified since it was read), `config.unknown-section`,
/// `config.unknown-key`, `config.value`, and those of the functions above.
class PmgConfEditor
{
public:
    explicit PmgConfEditor(const Paths &paths);

    struct Change {
        QByteArray section;
        QByteArray key;
        std::optional<QByteArray> value;  ///< Nothing: unset.
    };
    Status apply(const std::vector<Change> &changes, const QByteArray &expectedDigest = {}) const;

private:
    QString m_path;
};

}  // namespace portcullis::config
