// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/SmtpAllowList.h"

#include <QtCore/QString>

#include <chrono>
#include <memory>

namespace portcullis::rules {

/// The SMTP allow list in force, for any thread. Reads the rules cache (Paths::rulesCache()), never
/// the database, so it works while PostgreSQL is down.
///
/// A thread of its own asks the file system whether the cache is another file by now and compiles the
/// list then; whoever asks for the list never waits for that. A file that cannot be read leaves the
/// last good list in force, and the log says so once (`allowlist.cache-unusable`); without any file the
/// list is empty.
class AllowListWatch
{
public:
    /// Reads the list now, and again `interval` after a change at the latest.
    explicit AllowListWatch(const QString &rulesCacheFile,
                            std::chrono::milliseconds interval = std::chrono::milliseconds(250));
    ~AllowListWatch();
    AllowListWatch(const AllowListWatch &) = delete;
    AllowListWatch &operator=(const AllowListWatch &) = delete;

    /// Thread-safe, never null, never blocks on a file.
    [[nodiscard]] std::shared_ptr<const SmtpAllowList> current() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::rules
