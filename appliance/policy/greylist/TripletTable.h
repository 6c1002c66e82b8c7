// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/GreylistStore.h"

#include <memory>
#include <vector>

namespace portcullis::policy::greylist {

/// Every triplet we know, in memory, and which of them the database does not know yet.
///
/// Holds keyed 128-bit hashes instead of texts, 60 to 100 octets a triplet; the key is drawn for each
/// process, so nobody can aim at collisions, and one would only let a stranger pass. Bounded as
/// GreylistLimits says. Times are kept in whole seconds, the first attempt rounded up.
///
/// Thread-safe: in shards of their own lock, which is never held for more than a few dozen steps.
class TripletTable
{
public:
    explicit TripletTable(const GreylistLimits &limits);
    ~TripletTable();
    Q_DISABLE_COPY_MOVE(TripletTable)

    struct Periods {
        std::chrono::seconds delay;
        std::chrono::seconds retryWindow;
        std::chrono::seconds passLifetime;  ///< 0: this one delivery only.
    };
    enum class Unknown { Remember, Leave };
    enum class Answer {
        Unknown,  ///< And was not remembered.
        First,    ///< Unknown, and waits from now on.
        Early,    ///< Waits; the delay is not over.
        Over,     ///< Waited long enough: passes for the first time.
        Passed    ///< Passed before.
    };
    struct Found {
        Answer answer = Answer::Unknown;
        std::chrono::seconds left{0};  ///< Of the delay.
    };

    /// One attempt: finds, judges and records in one step, so that many threads with the same triplet
    /// make one row. `bounded` is boundedNetworkOf() the client.
    Found attempt(const Triplet &triplet,
                  const QByteArray &bounded,
                  const Periods &periods,
                  Unknown unknown,
                  Clock::WallTime now);

    /// Whether the triplet has passed and not expired; its life then begins anew.
    bool renew(const Triplet &triplet, std::chrono::seconds lifetime, Clock::WallTime now);

    /// Makes the triplet a passed one without any attempt.
    void allow(const Triplet &triplet, std::chrono::seconds lifetime, Clock::WallTime now);

    /// Counts one more passed triplet of a sender; as soon as there are `enough` it has passed itself.
    void countTowards(const Triplet &knownSender,
                      int enough,
                      std::chrono::seconds lifetime,
                      Clock::WallTime now);

    /// How a row from the database fits the order by age: the older end, or the newer.
    enum class Age { Older, Newer };
    enum class Merged { Nothing, Changed, NowPassed, Full };
    /// Takes what the database knows. `Full`: there is no room for anything as old.
    Merged merge(const StoredTriplet &stored, const QByteArray &bounded, Age age);

    /// Up to `count` rows that the database does not know; they count as written from now on.
    std::vector<StoredTriplet> takeUnwritten(size_t count);

    /// Forgets what has expired.
    void purge(Clock::WallTime now);

    struct Sizes {
        size_t triplets = 0;
        size_t waiting = 0;
        size_t unwritten = 0;
        quint64 evicted = 0;
        quint64 octets = 0;
    };
    [[nodiscard]] Sizes sizes() const;

private:
    struct Shard;
    struct Key;
    [[nodiscard]] Key keyOf(const Triplet &triplet) const;
    [[nodiscard]] quint64 networkHash(const QByteArray &bounded) const;
    [[nodiscard]] Shard &shardOf(const Key &key) const;

    size_t m_seed;
    std::vector<std::unique_ptr<Shard>> m_shards;
};

}  // namespace portcullis::policy::greylist
