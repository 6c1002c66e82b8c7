// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/TripletTable.h"

#include "appliance/policy/greylist/TripletShard.h"

#include <QtCore/QHashFunctions>
#include <QtCore/QRandomGenerator>

#include <algorithm>

namespace portcullis::policy::greylist {

namespace {

constexpr size_t shardCount = 16;  ///< So that threads rarely wait for each other.
constexpr auto renewalStep = std::chrono::hours(1);  ///< Smaller ones are not worth a write.

constexpr int purgeSteps = 500;  ///< Under one lock.

using std::chrono::seconds;

quint32 secondOf(Clock::WallTime time)
{
    const auto count = std::chrono::floor<seconds>(time).time_since_epoch().count();
    return static_cast<quint32>(std::clamp<qint64>(count, 0, 0xffff'fffe));
}

quint32 secondAfter(Clock::WallTime time)
{
    const auto count = std::chrono::ceil<seconds>(time).time_since_epoch().count();
    return static_cast<quint32>(std::clamp<qint64>(count, 0, 0xffff'fffe));
}

quint32 later(quint32 second, seconds span)
{
    return static_cast<quint32>(std::clamp<qint64>(second + span.count(), 0, 0xffff'fffe));
}

Clock::WallTime timeOf(quint32 second)
{
    return Clock::WallTime(seconds(second));
}

StoredTriplet rowOf(const Triplet &triplet, quint32 first, quint32 expires, bool isPassed)
{
    return {triplet, timeOf(first), timeOf(expires), isPassed, isPassed ? 0 : 1, isPassed ? 1 : 0};
}

}  // namespace

TripletTable::TripletTable(const GreylistLimits &limits)
    : m_seed(static_cast<size_t>(QRandomGenerator::system()->generate64()))
{
    for (size_t i = 0; i < shardCount; ++i) {
        m_shards.push_back(std::make_unique<Shard>(limits, shardCount));
    }
}

TripletTable::~TripletTable() = default;

TripletTable::Key TripletTable::keyOf(const Triplet &triplet) const
{
    // NUL occurs in none of the three, so the joined text says where each ends.
    QByteArray text;
    text.reserve(triplet.network.size() + triplet.sender.size() + triplet.recipient.size() + 2);
    text.append(triplet.network).append('\0').append(triplet.sender).append('\0');
    text.append(triplet.recipient);
    const auto size = static_cast<size_t>(text.size());
    return {qHashBits(text.constData(), size, m_seed),
            qHashBits(text.constData(), size, ~m_seed * 0x9e3779b97f4a7c15U)};
}

quint64 TripletTable::networkHash(const QByteArray &bounded) const
{
    return qHashBits(bounded.constData(), static_cast<size_t>(bounded.size()), m_seed);
}

TripletTable::Shard &TripletTable::shardOf(const Key &key) const
{
    return *m_shards[(key.second >> 48) % shardCount];
}

TripletTable::Found TripletTable::attempt(const Triplet &triplet,
                                          const QByteArray &bounded,
                                          const Periods &periods,
                                          Unknown unknown,
                                          Clock::WallTime now)
{
    const Key key = keyOf(triplet);
    const quint32 second = secondOf(now);
    Shard &shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    const quint32 number = shard.find(key, second);
    if (number == Shard::none) {
        if (unknown == Unknown::Leave) {
            return {Answer::Unknown, periods.delay};
        }
        const quint32 first = secondAfter(now);
        const quint32 expires = later(first, periods.retryWindow);
        const quint32 added = shard.insert(key, Shard::State::Waiting, first, expires, Age::Newer);
        shard.joinNetwork(added, networkHash(bounded), Age::Newer);
        shard.noteUnwritten(key, rowOf(triplet, first, expires, false));
        return {Answer::First, periods.delay};
    }
    Shard::Entry &entry = shard.entries[number];
    const quint32 first = entry.first;
    const quint32 end = later(second, periods.passLifetime);
    if (entry.state != Shard::State::Waiting) {
        shard.renew(number, end);
        shard.noteUnwritten(key, rowOf(triplet, first, shard.entries[number].expires, true));
        return {Answer::Passed, {}};
    }
    // A first attempt in the future means that the clock was set back: the delay begins anew.
    entry.first = std::min(first, secondAfter(now));
    const auto left = std::chrono::ceil<seconds>(timeOf(entry.first) + periods.delay - now);
    if (left > seconds(0)) {
        shard.noteUnwritten(key, rowOf(triplet, entry.first, entry.expires, false));
        return {Answer::Early, left};
    }
    shard.noteUnwritten(key, rowOf(triplet, entry.first, end, true));
    if (end <= second) {
        shard.remove(number);
    } else {
        shard.setPassed(number, end);
    }
    return {Answer::Over, {}};
}

bool TripletTable::renew(const Triplet &triplet, seconds lifetime, Clock::WallTime now)
{
    const Key key = keyOf(triplet);
    const quint32 second = secondOf(now);
    Shard &shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    const quint32 number = shard.find(key, second);
    if (number == Shard::none || shard.entries[number].state != Shard::State::Passed) {
        return false;
    }
    const quint32 end = later(second, lifetime);
    if (timeOf(end) >= timeOf(shard.entries[number].expires) + renewalStep) {
        shard.renew(number, end);
        shard.noteUnwritten(key, rowOf(triplet, shard.entries[number].first, end, true));
    }
    return true;
}

void TripletTable::allow(const Triplet &triplet, seconds lifetime, Clock::WallTime now)
{
    if (renew(triplet, lifetime, now)) {
        return;
    }
    const Key key = keyOf(triplet);
    const quint32 second = secondOf(now);
    Shard &shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    quint32 number = shard.find(key, second);
    const quint32 end = later(second, lifetime);
    if (number == Shard::none) {
        number = shard.insert(key, Shard::State::Passed, second, end, Age::Newer);
    } else {
        shard.setPassed(number, end);
    }
    shard.noteUnwritten(key, rowOf(triplet, shard.entries[number].first, end, true));
}

void TripletTable::countTowards(const Triplet &knownSender,
                                int enough,
                                seconds lifetime,
                                Clock::WallTime now)
{
    const Key key = keyOf(knownSender);
    const quint32 second = secondOf(now);
    const quint32 end = later(second, lifetime);
    Shard &shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    quint32 number = shard.find(key, second);
    if (number == Shard::none) {
        number = shard.insert(key, Shard::State::Counting, second, end, Age::Newer);
    }
    Shard::Entry &entry = shard.entries[number];
    if (entry.state == Shard::State::Passed) {
        return;
    }
    shard.renew(number, end);
    if (++entry.count >= enough) {
        shard.setPassed(number, end);
        shard.noteUnwritten(key, rowOf(knownSender, entry.first, end, true));
    }
}

TripletTable::Merged TripletTable::merge(const StoredTriplet &stored,
                                         const QByteArray &bounded,
                                         Age age)
{
    const Key key = keyOf(stored.triplet);
    const quint32 first = secondOf(stored.first);
    const quint32 expires = secondOf(stored.expires);
    const auto state = stored.isPassed ? Shard::State::Passed : Shard::State::Waiting;
    Shard &shard = shardOf(key);
    const std::scoped_lock lock(shard.mutex);
    const quint32 number = shard.find(key, first);
    if (number == Shard::none) {
        if (age == Age::Older && !shard.hasRoom()) {
            return Merged::Full;
        }
        const quint32 added = shard.insert(key, state, first, expires, age);
        if (!stored.isPassed) {
            shard.joinNetwork(added, networkHash(bounded), age);
        }
        return stored.isPassed ? Merged::NowPassed : Merged::Changed;
    }
    Shard::Entry &entry = shard.entries[number];
    if (expires <= entry.first) {
        return Merged::Nothing;
    }
    entry.first = std::min(entry.first, first);
    if (entry.state == Shard::State::Passed || !stored.isPassed) {
        entry.expires = entry.state == state ? std::max(entry.expires, expires) : entry.expires;
        return Merged::Changed;
    }
    shard.setPassed(number, expires);
    return Merged::NowPassed;
}

std::vector<StoredTriplet> TripletTable::takeUnwritten(size_t count)
{
    std::vector<StoredTriplet> rows;
    for (const auto &shard : m_shards) {
        const std::scoped_lock lock(shard->mutex);
        auto &unwritten = shard->unwritten;
        while (!unwritten.empty() && rows.size() < count) {
            rows.push_back(std::move(unwritten.begin()->second));
            unwritten.erase(unwritten.begin());
        }
    }
    return rows;
}

void TripletTable::purge(Clock::WallTime now)
{
    for (const auto &shard : m_shards) {
        bool hasMore = true;
        while (hasMore) {
            const std::scoped_lock lock(shard->mutex);
            hasMore = shard->purge(secondOf(now), purgeSteps);
        }
    }
}

TripletTable::Sizes TripletTable::sizes() const
{
    Sizes sizes;
    for (const auto &shard : m_shards) {
        const std::scoped_lock lock(shard->mutex);
        sizes.triplets += shard->entries.size();
        sizes.waiting += shard->waiting.size;
        sizes.unwritten += shard->unwritten.size();
        sizes.evicted += shard->evicted;
        sizes.octets += shard->entries.octets() + shard->networks.octets();
    }
    return sizes;
}

}  // namespace portcullis::policy::greylist
