// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/GreylistSettings.h"
#include "appliance/policy/greylist/Triplet.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <functional>
#include <vector>

namespace portcullis::policy::greylist {

/// What is known of a triplet. Times are whole seconds.
struct StoredTriplet {
    Triplet triplet;
    Clock::WallTime first{};
    Clock::WallTime expires{};
    bool isPassed = false;
    qint64 deferrals = 0;  ///< When written: since the last write; they are added.
    qint64 passes = 0;
};

/// Two rows of the same triplet become one: the earlier first, the later expiry, passed if one has; the
/// counts are added. A first pass sets the expiry (that of the null reverse-path ends at once), and a
/// row that had expired before the other began does not count. So the order does not matter, and
/// nodes need not agree.
void mergeInto(StoredTriplet &known, const StoredTriplet &other);

/// Attempts that never came to anything, counted by the hour of their first.
enum class RejectKind : char { Greylisted = 'G', Spf = 'S' };
struct RejectCount {
    RejectKind kind = RejectKind::Greylisted;
    Clock::WallTime hour{};
    qint64 count = 0;
};

/// Where triplets survive a restart. Blocking; made and used on one thread.
///
/// Errors: `greylist.unavailable` (transient: the database is away; try again later).
class GreylistStore
{
public:
    using Visitor = std::function<bool(const StoredTriplet &)>;  ///< False: enough.

    virtual ~GreylistStore() = default;

    /// Everything that has not expired, of all nodes, the latest expiry first. A triplet may come
    /// once for each node.
    virtual Status load(Clock::WallTime now, const Visitor &visit) = 0;

    /// What other nodes wrote since; `since` is the storage's own time as now() gives it.
    virtual Status loadChanges(Clock::WallTime since, const Visitor &visit) = 0;
    virtual Result<Clock::WallTime> now() = 0;  ///< The storage's clock.

    /// Merges into this node's rows, all or nothing.
    virtual Status write(const std::vector<StoredTriplet> &triplets,
                         const std::vector<RejectCount> &rejects) = 0;

    /// Removes a batch of this node's rows that have expired or are too many, and counts those that
    /// never passed as RejectKind::Greylisted. Whether more remain.
    virtual Result<bool> purge(Clock::WallTime now) = 0;

    /// For reports: this node's counts from `from` on, by hour.
    virtual Result<std::vector<RejectCount>> rejects(Clock::WallTime from) = 0;
};

}  // namespace portcullis::policy::greylist
