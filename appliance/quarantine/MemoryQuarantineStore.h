// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/quarantine/QuarantineStore.h"

#include <map>
#include <mutex>

namespace portcullis::quarantine {

/// QuarantineStore for tests: keeps everything, forgets it at the end. Thread-safe.
class MemoryQuarantineStore final : public QuarantineStore
{
public:
    Status insert(const std::vector<NewEntry> &entries) override;
    Result<std::vector<Entry>> list(const EntryQuery &query) override;
    Result<Entry> entry(const EntryId &id) override;
    Result<QByteArray> content(const EntryId &id) override;
    Status mark(const std::vector<EntryId> &ids, EntryMark mark, const QString &who) override;
    Result<int> purge(const PurgeBounds &bounds, int limit) override;
    Result<std::vector<KindCount>> counts() override;

    /// Makes every further call fail, as a database that is away would; nullopt: works again.
    void failWith(std::optional<Error> error);

private:
    struct Mail {
        QByteArray key;
        QByteArray content;
        std::vector<Entry> entries;
    };
    Result<Entry *> find(const EntryId &id);

    mutable std::mutex m_mutex;
    std::optional<Error> m_failure;
    std::map<qint64, Mail> m_mails;  ///< By rid.
    qint64 m_lastRid = 0;
};

}  // namespace portcullis::quarantine
