// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/HashedSlab.h"
#include "appliance/policy/greylist/TripletTable.h"

#include <mutex>
#include <unordered_map>

/// The insides of TripletTable. Not for others.
namespace portcullis::policy::greylist {

/// 128 bits of keyed hash stand for a triplet. The shard is chosen by bits that the slab's home slots
/// do not use.
struct TripletTable::Key {
    quint64 first = 0;
    quint64 second = 0;

    friend bool operator==(const Key &, const Key &) = default;
};

/// One of the parts of the table; whoever uses it holds `mutex`.
///
/// Waiting triplets stand in the order of their first attempt, in a list of all and in one of their
/// network; the others in the order of their last use. So what goes next, by age or for want of room,
/// is always at the front, and nothing is ever searched for.
struct TripletTable::Shard {
    using Second = quint32;  ///< Since 1970.
    static constexpr quint32 none = 0xffff'ffffU;

    enum class State : quint8 { Waiting, Passed, Counting };
    struct Entry {
        quint64 hash = 0;
        quint64 check = 0;  ///< The other half of the key.
        Second first = 0;
        Second expires = 0;
        quint32 network = none;
        State state = State::Waiting;
        quint16 count = 0;  ///< Of a counting sender: triplets that have passed.
        quint32 previous = none;
        quint32 next = none;
        quint32 previousOfNetwork = none;
        quint32 nextOfNetwork = none;
    };
    struct Network {
        quint64 hash = 0;
        quint32 oldest = none;
        quint32 newest = none;
        quint32 waiting = 0;
    };
    struct List {
        quint32 oldest = none;
        quint32 newest = none;
        size_t size = 0;
    };
    struct KeyHash {
        size_t operator()(const Key &key) const { return key.second; }
    };

    explicit Shard(const GreylistLimits &limits, size_t shards);

    quint32 find(const Key &key, Second now);
    quint32 insert(const Key &key, State state, Second first, Second expires, Age age);
    void joinNetwork(quint32 number, quint64 networkHash, Age age);
    void setPassed(quint32 number, Second expires);
    void renew(quint32 number, Second expires);
    void remove(quint32 number);
    bool purge(Second now, int steps);  ///< Whether more remain.
    bool hasRoom() const { return entries.size() < maxEntries; }
    void noteUnwritten(const Key &key, const StoredTriplet &row);

    std::mutex mutex;
    HashedSlab<Entry> entries;
    HashedSlab<Network> networks;
    List waiting;
    List resting;
    std::unordered_map<Key, StoredTriplet, KeyHash> unwritten;
    size_t maxEntries;
    size_t maxOfNetwork;
    size_t maxUnwritten;
    quint64 evicted = 0;

private:
    List &listOf(State state) { return state == State::Waiting ? waiting : resting; }
    void link(List &list, quint32 number, Age age);
    void unlink(List &list, quint32 number);
    quint32 networkOf(quint64 networkHash);
    void leaveNetwork(quint32 number);
    void makeRoom();
};

}  // namespace portcullis::policy::greylist
