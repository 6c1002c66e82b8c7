// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/AddressKey.h"

#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portcullis::policy {

/// A value for each of many addresses, bounded: what was put in longest ago goes first, so that a
/// flood of addresses costs memory of others, never more memory. Thread-safe.
template<typename Value>
class AddressTable
{
public:
    explicit AddressTable(size_t maxEntries)
        : m_maxOfShard(std::max<size_t>(1, maxEntries / shardCount))
    {
    }

    [[nodiscard]] std::optional<Value> find(const AddressKey &key) const
    {
        const Shard &shard = shardOf(m_shards, key);
        const std::scoped_lock lock(shard.mutex);
        const auto found = shard.places.find(key);
        return found == shard.places.end() ? std::nullopt
                                           : std::optional<Value>(found->second->second);
    }

    /// Puts in or replaces; the entry becomes the youngest.
    void put(const AddressKey &key, Value value)
    {
        Shard &shard = shardOf(m_shards, key);
        const std::scoped_lock lock(shard.mutex);
        shard.erase(key);
        if (shard.byAge.size() >= m_maxOfShard) {
            shard.erase(AddressKey(shard.byAge.front().first));
        }
        shard.byAge.emplace_back(key, std::move(value));
        shard.places.emplace(key, std::prev(shard.byAge.end()));
    }

    /// Whether there was an entry.
    bool erase(const AddressKey &key)
    {
        Shard &shard = shardOf(m_shards, key);
        const std::scoped_lock lock(shard.mutex);
        return shard.erase(key);
    }

    void clear()
    {
        for (Shard &shard : m_shards) {
            const std::scoped_lock lock(shard.mutex);
            shard.places.clear();
            shard.byAge.clear();
        }
    }

    [[nodiscard]] size_t size() const
    {
        size_t count = 0;
        for (const Shard &shard : m_shards) {
            const std::scoped_lock lock(shard.mutex);
            count += shard.byAge.size();
        }
        return count;
    }

    /// A copy, the oldest of each part first. Locks one part at a time.
    [[nodiscard]] std::vector<std::pair<AddressKey, Value>> entries() const
    {
        std::vector<std::pair<AddressKey, Value>> all;
        for (const Shard &shard : m_shards) {
            const std::scoped_lock lock(shard.mutex);
            all.insert(all.end(), shard.byAge.begin(), shard.byAge.end());
        }
        return all;
    }

private:
    static constexpr size_t shardCount = 16;  ///< So that threads rarely wait for each other.

    using Age = std::list<std::pair<AddressKey, Value>>;
    struct Shard {
        mutable std::mutex mutex;
        Age byAge;
        std::unordered_map<AddressKey, typename Age::iterator, AddressKeyHash> places;

        bool erase(const AddressKey &key)
        {
            const auto found = places.find(key);
            if (found == places.end()) {
                return false;
            }
            byAge.erase(found->second);
            places.erase(found);
            return true;
        }
    };

    template<typename Shards>
    static auto &shardOf(Shards &shards, const AddressKey &key)
    {
        return shards[(AddressKeyHash()(key) >> 32U) % shardCount];
    }

    size_t m_maxOfShard;
    std::array<Shard, shardCount> m_shards;
};

}  // namespace portcullis::policy
