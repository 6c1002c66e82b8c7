// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "appliance/rules/RuleSet.h"
#include "appliance/rules/RuleStore.h"

#include <memory>
#include <optional>

namespace portcullis::rules {

/// Which document a rule set was made of.
struct LoadedRules {
    DocumentKey key;
    QByteArray sha256;
    std::shared_ptr<const RuleSet> rules;
};

/// The last rules known, as a file: filter workers have no database, and mail goes on when
/// PostgreSQL is down. The file is replaced as a whole and carries a checksum.
///
/// Errors: `rules.cache-missing`, `rules.cache-damaged`, `rules.cache-io` (transient).
class RulesCache
{
public:
    /// Which file is there: another stamp, another document.
    struct Stamp {
        quint64 device = 0;
        quint64 inode = 0;
        qint64 size = 0;
        qint64 modifiedNs = 0;
        friend bool operator==(const Stamp &, const Stamp &) = default;
    };

    explicit RulesCache(QString file);

    [[nodiscard]] std::optional<Stamp> stamp() const;  ///< One stat(2); nullopt: no file.

    Status write(const StoredDocument &document) const;  ///< Temporary file, fsync, rename.
    [[nodiscard]] Result<StoredDocument> read() const;   ///< Checksum verified.

private:
    QString m_file;
};

/// A worker's view of the cache: asks the file system (one stat) and reads again only when the file
/// is another one. Used by one thread.
class CachedRules
{
public:
    explicit CachedRules(QString file);

    /// The rules in force. A file that cannot be read or compiled leaves the last good rules in
    /// force; problem() then says why. Error only if there never were any.
    Result<LoadedRules> current();

    /// Why the newest file is not in force; cleared when one is.
    [[nodiscard]] const std::optional<Error> &problem() const { return m_problem; }

private:
    RulesCache m_cache;
    std::optional<RulesCache::Stamp> m_stamp;
    std::optional<LoadedRules> m_rules;
    std::optional<Error> m_problem;
};

}  // namespace portcullis::rules
