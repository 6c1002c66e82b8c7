// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/MemoryReputationStore.h"

#include <algorithm>

namespace portcullis::spam {

Result<std::optional<Reputation>> MemoryReputationStore::find(const QByteArray &key)
{
    const auto entry = m_entries.find(key);
    return entry == m_entries.end() ? std::nullopt : std::optional(entry->second);
}

Status MemoryReputationStore::add(const std::vector<ReputationChange> &changes)
{
    for (const ReputationChange &change : changes) {
        Reputation &entry = m_entries[change.key];
        entry.messages += change.by.messages;
        entry.score += change.by.score;
        entry.seconds = std::max(entry.seconds, change.by.seconds);
    }
    ++m_generation;
    return ok();
}

Status MemoryReputationStore::each(const Visitor &visit)
{
    for (const auto &[key, reputation] : m_entries) {
        TRY(visit(key, reputation));
    }
    return ok();
}

Result<qint64> MemoryReputationStore::remove(const QByteArray &prefix)
{
    ++m_generation;
    return qint64(std::erase_if(
        m_entries, [&prefix](const auto &entry) { return entry.first.startsWith(prefix); }));
}

Result<qint64> MemoryReputationStore::removeUnusedSince(qint64 seconds)
{
    ++m_generation;
    return qint64(std::erase_if(
        m_entries, [seconds](const auto &entry) { return entry.second.seconds < seconds; }));
}

}  // namespace portcullis::spam
