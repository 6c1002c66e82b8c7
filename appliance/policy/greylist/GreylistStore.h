// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/GreylistSettings.h"
#include "appliance/policy/greylist/Triplet.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <functional>
#include <vector>

namespace portcullis::policy::greylist {

/// What is known of a triplet. Two of the same triplet are merged: the earlier first, the later
/// expiry, passed if one has. So writing twice is writing once, and nodes need not agree.
struct StoredTriplet {
    Triplet triplet;
    Clock::WallTime first{};
    Clock::WallTime expires{};
    bool isPassed = false;
    qint64 deferrals = 0;  ///< When written: since the last write; they are added.
    qint64 passes = 0;
};

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

    /// What was written since, by whomever; `since` is the storage's own time as now() gives it.
    virtual Status loadChanges(Clock::WallTime since, const Visitor &visit) = 0;
    virtual Result<Clock::WallTime> now() = 0;  ///< The storage's clock.

    /// Merges into this node's rows, all or nothing. What the database refuses for good is left out.
    virtual Status write(const std::vector<StoredTriplet> &triplets,
                         const std::vector<RejectCount> &rejects) = 0;

    /// Removes a batch of this node's rows that have expired or are too many, and counts those that
    /// never passed as RejectKind::Greylisted. Whether more remain.
    virtual Result<bool> purge(Clock::WallTime now) = 0;

    /// For reports: this node's counts from `from` on, by hour.
    virtual Result<std::vector<RejectCount>> rejects(Clock::WallTime from) = 0;
};

}  // namespace portcullis::policy::greylist
