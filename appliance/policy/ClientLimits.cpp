// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/ClientLimits.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace portcullis::policy {

namespace {

constexpr size_t shardCount = 16;      ///< So that threads rarely wait for each other.
constexpr size_t evictionSearch = 64;  ///< Entries looked at to make room for one.

using Minute = int64_t;  ///< Whole minutes of monotonic time.

QHostAddress unmapped(const QHostAddress &address)
{
    bool isIpv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIpv4);
    return isIpv4 ? QHostAddress(ipv4) : address;
}

/// Events of the last minute: the current minute, and what is left of the one before.
class SlidingMinute
{
public:
    /// Counts one more, unless the limit is reached; refused events do not count, so that a client
    /// that keeps trying gets through as soon as there is room. 0: no limit.
    bool admit(int limit, Clock::MonotonicTime now)
    {
        const auto sinceStart = now.time_since_epoch();
        const auto minute = std::chrono::floor<std::chrono::minutes>(sinceStart);
        advanceTo(minute.count());
        const std::chrono::duration<double, std::ratio<60>> into = sinceStart - minute;
        if (limit > 0 && m_previous * (1.0 - into.count()) + m_current + 1.0 > limit) {
            return false;
        }
        ++m_current;
        return true;
    }

    [[nodiscard]] bool isIdle(Minute now) const
    {
        return now > m_minute + 1 || (m_current == 0 && m_previous == 0);
    }

private:
    void advanceTo(Minute minute)
    {
        if (minute > m_minute) {  // Threads may come in another order than they read the clock.
            m_previous = minute == m_minute + 1 ? m_current : 0;
            m_current = 0;
            m_minute = minute;
        }
    }

    Minute m_minute = 0;
    int m_current = 0;
    int m_previous = 0;
};

struct Entry {
    int open = 0;
    SlidingMinute connections;
    SlidingMinute messages;
    SlidingMinute recipients;

    [[nodiscard]] bool isIdle(Minute now) const
    {
        return open == 0 && connections.isIdle(now) && messages.isIdle(now)
               && recipients.isIdle(now);
    }
};

Minute minuteOf(Clock::MonotonicTime time)
{
    return std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count();
}

}  // namespace

/// A part of the table with its lock and its own reference to the settings.
struct ClientLimits::Shard {
    mutable std::mutex mutex;
    std::shared_ptr<const ClientLimitSettings> settings;
    std::unordered_map<AddressKey, Entry, AddressKeyHash> entries;
    Minute lastSweep = 0;

    [[nodiscard]] bool isExempt(const QHostAddress &client) const
    {
        const QHostAddress address = unmapped(client);
        return std::any_of(settings->exempt.begin(), settings->exempt.end(),
                           [&](const auto &network) { return address.isInSubnet(network); });
    }

    Entry &entry(const AddressKey &key, Clock::MonotonicTime now)
    {
        const Minute minute = minuteOf(now);
        if (minute != std::exchange(lastSweep, minute)) {
            std::erase_if(entries,
                          [minute](const auto &each) { return each.second.isIdle(minute); });
        }
        const auto found = entries.find(key);
        if (found != entries.end()) {
            return found->second;
        }
        if (entries.size() >= std::max<size_t>(1, settings->maxClients / shardCount)) {
            evict();
        }
        return entries[key];
    }

    void evict()
    {
        auto candidate = entries.begin();
        for (size_t i = 0; i < evictionSearch && candidate != entries.end(); ++i, ++candidate) {
            if (candidate->second.open == 0) {
                entries.erase(candidate);
                return;
            }
        }
    }
};

namespace {

template<typename Shards>
auto &shardOf(Shards &shards, const AddressKey &key)
{
    return shards[(AddressKeyHash()(key) >> 32U) % shardCount];
}

}  // namespace

ClientLimits::ClientLimits(const Clock &clock, ClientLimitSettings settings)
    : m_clock(clock)
    , m_shards(std::make_unique<Shard[]>(shardCount))
{
    setSettings(std::move(settings));
}

ClientLimits::~ClientLimits() = default;

void ClientLimits::setSettings(ClientLimitSettings settings)
{
    const auto shared = std::make_shared<const ClientLimitSettings>(std::move(settings));
    for (size_t i = 0; i < shardCount; ++i) {
        const std::scoped_lock lock(m_shards[i].mutex);
        m_shards[i].settings = shared;
    }
    m_prefix4 = shared->prefix4;
    m_prefix6 = shared->prefix6;
}

AddressKey ClientLimits::networkOf(const QHostAddress &client) const
{
    return AddressKey::networkOf(client, m_prefix4, m_prefix6);
}

ClientLimits::Place ClientLimits::connect(const QHostAddress &client)
{
    const AddressKey key = networkOf(client);
    Shard &shard = shardOf(m_shards, key);
    const auto now = m_clock.monotonic();
    Place place;
    const std::scoped_lock lock(shard.mutex);
    if (shard.isExempt(client)) {
        return place;
    }
    Entry &entry = shard.entry(key, now);
    const ClientLimitSettings &limits = *shard.settings;
    if (limits.connections > 0 && entry.open >= limits.connections) {
        place.m_verdict = Verdict::TooManyConnections;
    } else if (!entry.connections.admit(limits.connectionsPerMinute, now)) {
        place.m_verdict = Verdict::TooFast;
    } else {
        ++entry.open;
        place.m_limits = this;
        place.m_network = key;
    }
    return place;
}

template<typename Counter>
ClientLimits::Verdict ClientLimits::count(const QHostAddress &client,
                                          int ClientLimitSettings::*perMinute,
                                          Counter counter)
{
    const AddressKey key = networkOf(client);
    Shard &shard = shardOf(m_shards, key);
    const std::scoped_lock lock(shard.mutex);
    const int limit = (*shard.settings).*perMinute;
    const auto now = m_clock.monotonic();
    const bool isAllowed = limit <= 0 || shard.isExempt(client)
                           || (shard.entry(key, now).*counter).admit(limit, now);
    return isAllowed ? Verdict::Allowed : Verdict::TooFast;
}

ClientLimits::Verdict ClientLimits::countMessage(const QHostAddress &client)
{
    return count(client, &ClientLimitSettings::messagesPerMinute, &Entry::messages);
}

ClientLimits::Verdict ClientLimits::countRecipient(const QHostAddress &client)
{
    return count(client, &ClientLimitSettings::recipientsPerMinute, &Entry::recipients);
}

void ClientLimits::release(const AddressKey &network)
{
    Shard &shard = shardOf(m_shards, network);
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.entries.find(network);
    if (found != shard.entries.end() && found->second.open > 0) {
        --found->second.open;
    }
}

size_t ClientLimits::clientCount() const
{
    size_t count = 0;
    for (size_t i = 0; i < shardCount; ++i) {
        const std::scoped_lock lock(m_shards[i].mutex);
        count += m_shards[i].entries.size();
    }
    return count;
}

ClientLimits::Place::Place(Place &&other) noexcept
    : m_limits(std::exchange(other.m_limits, nullptr))
    , m_network(other.m_network)
    , m_verdict(other.m_verdict)
{
}

ClientLimits::Place &ClientLimits::Place::operator=(Place &&other) noexcept
{
    if (this != &other) {
        const Place old(std::move(*this));
        m_limits = std::exchange(other.m_limits, nullptr);
        m_network = other.m_network;
        m_verdict = other.m_verdict;
    }
    return *this;
}

ClientLimits::Place::~Place()
{
    if (m_limits != nullptr) {
        m_limits->release(m_network);
    }
}

}  // namespace portcullis::policy
