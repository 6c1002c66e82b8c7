// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/MemoryGreylistStore.h"

#include <algorithm>

namespace portcullis::policy::greylist {

MemoryGreylistStore::MemoryGreylistStore(std::shared_ptr<Data> data, const Clock &clock)
    : m_data(std::move(data))
    , m_clock(clock)
{
}

Status MemoryGreylistStore::availability() const
{
    return m_data->isAway ? Status(Error::transient("greylist.unavailable",
                                                    QStringLiteral("the store is switched off")))
                          : ok();
}

Status MemoryGreylistStore::load(Clock::WallTime now, const Visitor &visit)
{
    std::vector<StoredTriplet> rows;
    {
        const std::scoped_lock lock(m_data->mutex);
        TRY(availability());
        for (const auto &[key, row] : m_data->rows) {
            if (row.expires > now) {
                rows.push_back(row);
            }
        }
    }
    std::sort(rows.begin(), rows.end(),
              [](const auto &a, const auto &b) { return a.expires > b.expires; });
    for (const StoredTriplet &row : rows) {
        if (!visit(row)) {
            break;
        }
    }
    return ok();
}

Status MemoryGreylistStore::loadChanges(Clock::WallTime /*since*/, const Visitor &visit)
{
    return load(m_clock.wall(), visit);
}

Result<Clock::WallTime> MemoryGreylistStore::now()
{
    return m_clock.wall();
}

Status MemoryGreylistStore::write(const std::vector<StoredTriplet> &triplets,
                                  const std::vector<RejectCount> &rejects)
{
    const std::scoped_lock lock(m_data->mutex);
    TRY(availability());
    for (const StoredTriplet &row : triplets) {
        const auto &[network, sender, recipient] = row.triplet;
        const auto [place, isNew] = m_data->rows.try_emplace({network, sender, recipient}, row);
        if (!isNew) {
            mergeInto(place->second, row);
        }
    }
    for (const RejectCount &count : rejects) {
        m_data->rejects[{count.hour, count.kind}] += count.count;
    }
    return ok();
}

Result<bool> MemoryGreylistStore::purge(Clock::WallTime now)
{
    const std::scoped_lock lock(m_data->mutex);
    TRY(availability());
    std::erase_if(m_data->rows, [this, now](const auto &item) {
        const StoredTriplet &row = item.second;
        const bool isExpired = row.expires <= now;
        if (isExpired && !row.isPassed) {
            ++m_data->rejects[{std::chrono::floor<std::chrono::hours>(row.first),
                               RejectKind::Greylisted}];
        }
        return isExpired;
    });
    return false;
}

Result<std::vector<RejectCount>> MemoryGreylistStore::rejects(Clock::WallTime from)
{
    const std::scoped_lock lock(m_data->mutex);
    TRY(availability());
    std::vector<RejectCount> counts;
    for (const auto &[key, count] : m_data->rejects) {
        if (key.first >= from) {
            counts.push_back({key.second, key.first, count});
        }
    }
    return counts;
}

}  // namespace portcullis::policy::greylist
