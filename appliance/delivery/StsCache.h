// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/StsPolicy.h"
#include "shared/base/Clock.h"

#include <QtCore/QHash>
#include <QtCore/QString>

#include <optional>
#include <vector>

namespace portcullis::delivery {

/// The MTA-STS policies that we know, each until its max_age is over. Used in one thread.
///
/// Kept in a file too, written whole and replaced at once, with a checksum: a domain whose policy was
/// seen stays protected across a restart, whatever an attacker does to its DNS (RFC 8461 §10.2). A
/// file that is damaged is not used.
class StsCache
{
public:
    struct Entry {
        StsPolicy policy;
        QByteArray id;  ///< Of the TXT record it belongs to.
        Clock::WallTime fetched{};
        Clock::WallTime used{};

        [[nodiscard]] Clock::WallTime expires() const { return fetched + policy.maxAge; }
    };

    /// `file` may be empty: memory only. `entries`: range 1 … 1 M; the least lately used leave first.
    explicit StsCache(QString file, qsizetype entries = 10'000);

    /// Reads the file. Errors: those of readChecksummed().
    Status read();
    /// Writes the file if anything changed. Errors: `file.write`.
    Status write();

    /// The policy of a domain unless it is over.
    [[nodiscard]] std::optional<Entry> find(const QByteArray &domain, Clock::WallTime now);
    /// When it was asked for last, for an entry that is fetched again.
    [[nodiscard]] std::optional<Clock::WallTime> lastUse(const QByteArray &domain) const;
    void store(const QByteArray &domain, const Entry &entry);

    /// Domains whose policy was used within `idle`, was fetched longer than `age` ago and is not over.
    [[nodiscard]] std::vector<QByteArray> dueForRefresh(Clock::WallTime now,
                                                        std::chrono::seconds age,
                                                        std::chrono::seconds idle) const;
    [[nodiscard]] qsizetype size() const { return m_entries.size(); }

private:
    void makeRoom();

    QString m_file;
    qsizetype m_most;
    QHash<QByteArray, Entry> m_entries;
    bool m_isChanged = false;
};

}  // namespace portcullis::delivery
