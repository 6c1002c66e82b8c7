// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/greylist/Greylist.h"
#include "appliance/policy/greylist/TripletTable.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

namespace portcullis::policy::greylist {

/// Keeps the table in memory and the store equal: loads once, writes behind, reads what others wrote,
/// and removes what has expired. Everything but the functions marked so runs on one thread.
class Keeper
{
public:
    /// Takes a row of the store into memory; false: there is no room for older ones.
    using Take = std::function<bool(const StoredTriplet &, TripletTable::Age)>;

    Keeper(TripletTable &table,
           Greylist::StoreFactory makeStore,
           Take take,
           const Clock &clock,
           const GreylistLimits &limits);

    void run();   ///< Until stop(); then writes once more.
    void stop();  ///< Thread-safe.

    /// One round of all that is due; how long to rest then.
    std::chrono::milliseconds step();

    void countSpfReject(Clock::WallTime now);  ///< Thread-safe.

    [[nodiscard]] bool isLoaded() const { return m_isLoaded; }  ///< Thread-safe.
    /// Whether nothing was ever loaded, or the store has not answered for longer than this.
    /// Thread-safe.
    [[nodiscard]] bool isAway(std::chrono::seconds tolerance) const;

    void setTolerance(std::chrono::seconds tolerance) { m_tolerance = tolerance.count(); }

private:
    Status work();
    Status load();
    Status refresh();
    Status write();
    Status purge();
    [[nodiscard]] bool isClockSettled();
    void reportState(const Status &done);
    std::vector<RejectCount> takeRejects();

    TripletTable &m_table;
    Greylist::StoreFactory m_makeStore;
    Take m_take;
    const Clock &m_clock;
    const GreylistLimits m_limits;
    std::unique_ptr<GreylistStore> m_store;

    std::atomic<bool> m_isLoaded = false;
    std::atomic<qint64> m_waitingSince = 0;  ///< Monotonic nanoseconds; 0: the store answers.
    std::atomic<qint64> m_tolerance = 0;     ///< Seconds.

    std::vector<StoredTriplet> m_batch;  ///< Taken from the table, not yet stored.
    std::vector<RejectCount> m_rejects;
    Clock::WallTime m_refreshedAt{};  ///< By the store's clock.
    Clock::MonotonicTime m_nextRefresh{};
    Clock::MonotonicTime m_nextPurge{};
    std::chrono::milliseconds m_retry{0};
    Clock::MonotonicTime m_settledAt{};
    bool m_isDown = false;                                  ///< As logged.
    bool m_isAwayReported = false;                          ///< As logged.
    std::optional<std::chrono::nanoseconds> m_clockOffset;  ///< Wall minus monotonic.

    std::mutex m_mutex;
    std::condition_variable m_woken;
    bool m_isStopping = false;
    std::map<Clock::WallTime, qint64> m_spfRejects;  ///< By hour, not yet taken.
};

}  // namespace portcullis::policy::greylist
