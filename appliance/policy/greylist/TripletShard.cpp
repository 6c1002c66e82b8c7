// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/TripletShard.h"

#include <algorithm>

namespace portcullis::policy::greylist {

TripletTable::Shard::Shard(const GreylistLimits &limits, size_t shards)
    : maxEntries(std::max<size_t>(1, limits.triplets / shards))
    , maxOfNetwork(std::max<size_t>(1, limits.waitingPerNetwork / shards))
    , maxUnwritten(std::max<size_t>(1, limits.unwritten / shards))
{
}

quint32 TripletTable::Shard::find(const Key &key, Second now)
{
    const quint32 number = entries.find(
        key.first, [&key](const Entry &entry) { return entry.check == key.second; });
    if (number != none && entries[number].expires <= now) {
        remove(number);
        return none;
    }
    return number;
}

quint32 TripletTable::Shard::insert(const Key &key,
                                    State state,
                                    Second first,
                                    Second expires,
                                    Age age)
{
    if (!hasRoom()) {
        makeRoom();
    }
    Entry entry;
    entry.hash = key.first;
    entry.check = key.second;
    entry.first = first;
    entry.expires = expires;
    entry.state = state;
    const quint32 number = entries.insert(entry);
    link(listOf(state), number, age);
    return number;
}

quint32 TripletTable::Shard::networkOf(quint64 networkHash)
{
    const quint32 index = networks.find(networkHash, [](const Network &) { return true; });
    return index != none ? index : networks.insert(Network{networkHash});
}

void TripletTable::Shard::joinNetwork(quint32 number, quint64 networkHash, Age age)
{
    quint32 index = networkOf(networkHash);
    if (networks[index].waiting >= maxOfNetwork) {
        ++evicted;
        if (age == Age::Older) {
            remove(number);
            return;
        }
        remove(networks[index].oldest);
        index = networkOf(networkHash);  // It may have been the last.
    }
    Network &network = networks[index];
    Entry &entry = entries[number];
    entry.network = index;
    ++network.waiting;
    const bool isNewer = age == Age::Newer;
    quint32 &end = isNewer ? network.newest : network.oldest;
    (isNewer ? entry.previousOfNetwork : entry.nextOfNetwork) = end;
    if (end == none) {
        network.oldest = number;
        network.newest = number;
        return;
    }
    (isNewer ? entries[end].nextOfNetwork : entries[end].previousOfNetwork) = number;
    end = number;
}

void TripletTable::Shard::leaveNetwork(quint32 number)
{
    Entry &entry = entries[number];
    if (entry.network == none) {
        return;
    }
    Network &network = networks[entry.network];
    (entry.previousOfNetwork == none
         ? network.oldest
         : entries[entry.previousOfNetwork].nextOfNetwork) = entry.nextOfNetwork;
    (entry.nextOfNetwork == none
         ? network.newest
         : entries[entry.nextOfNetwork].previousOfNetwork) = entry.previousOfNetwork;
    if (--network.waiting == 0) {
        networks.erase(entry.network);
    }
    entry.network = none;
    entry.previousOfNetwork = none;
    entry.nextOfNetwork = none;
}

void TripletTable::Shard::setPassed(quint32 number, Second expires)
{
    unlink(listOf(entries[number].state), number);
    leaveNetwork(number);
    Entry &entry = entries[number];
    entry.state = State::Passed;
    entry.expires = expires;
    link(resting, number, Age::Newer);
}

void TripletTable::Shard::renew(quint32 number, Second expires)
{
    List &list = listOf(entries[number].state);
    unlink(list, number);
    Entry &entry = entries[number];
    entry.expires = std::max(entry.expires, expires);
    link(list, number, Age::Newer);
}

void TripletTable::Shard::remove(quint32 number)
{
    unlink(listOf(entries[number].state), number);
    leaveNetwork(number);
    entries.erase(number);
}

bool TripletTable::Shard::purge(Second now, int steps)
{
    for (List *list : {&waiting, &resting}) {
        for (; list->oldest != none && entries[list->oldest].expires <= now; --steps) {
            if (steps == 0) {
                return true;
            }
            remove(list->oldest);
        }
    }
    return false;
}

void TripletTable::Shard::noteUnwritten(const Key &key, const StoredTriplet &row)
{
    const auto place = unwritten.find(key);
    if (place != unwritten.end()) {
        mergeInto(place->second, row);
        return;
    }
    // A quarter is kept for triplets that passed: those are worth remembering.
    const size_t limit = row.isPassed ? maxUnwritten : maxUnwritten - maxUnwritten / 4;
    if (unwritten.size() < limit) {
        unwritten.emplace(key, row);
    }
}

void TripletTable::Shard::link(List &list, quint32 number, Age age)
{
    Entry &entry = entries[number];
    const bool isNewer = age == Age::Newer;
    entry.previous = isNewer ? list.newest : none;
    entry.next = isNewer ? none : list.oldest;
    (entry.previous == none ? list.oldest : entries[entry.previous].next) = number;
    (entry.next == none ? list.newest : entries[entry.next].previous) = number;
    ++list.size;
}

void TripletTable::Shard::unlink(List &list, quint32 number)
{
    Entry &entry = entries[number];
    (entry.previous == none ? list.oldest : entries[entry.previous].next) = entry.next;
    (entry.next == none ? list.newest : entries[entry.next].previous) = entry.previous;
    entry.previous = none;
    entry.next = none;
    --list.size;
}

void TripletTable::Shard::makeRoom()
{
    ++evicted;
    remove(waiting.oldest != none ? waiting.oldest : resting.oldest);
}

}  // namespace portcullis::policy::greylist
