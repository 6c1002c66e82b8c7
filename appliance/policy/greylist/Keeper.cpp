// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Keeper.h"

#include "appliance/base/Log.h"

#include <algorithm>

namespace portcullis::policy::greylist {

using std::chrono::milliseconds;

Keeper::Keeper(TripletTable &table,
               Greylist::StoreFactory makeStore,
               Take take,
               const Clock &clock,
               const GreylistLimits &limits)
    : m_table(table)
    , m_makeStore(std::move(makeStore))
    , m_take(std::move(take))
    , m_clock(clock)
    , m_limits(limits)
{
}

void Keeper::run()
{
    bool isStopping = false;
    while (!isStopping) {
        const milliseconds rest = step();
        std::unique_lock lock(m_mutex);
        m_woken.wait_for(lock, rest, [this] { return m_isStopping; });
        isStopping = m_isStopping;
    }
    if (m_isLoaded && !m_isDown) {
        reportState(write());
    }
    m_store.reset();
}

void Keeper::stop()
{
    {
        const std::scoped_lock lock(m_mutex);
        m_isStopping = true;
    }
    m_woken.notify_all();
}

milliseconds Keeper::step()
{
    if (!m_store) {
        m_store = m_makeStore();
    }
    // Set before the store is asked, since a frozen database does not even fail.
    qint64 answering = 0;
    m_waitingSince.compare_exchange_strong(answering,
                                           m_clock.monotonic().time_since_epoch().count());
    const Status done = work();
    if (done) {
        m_waitingSince = 0;
    }
    reportState(done);
    if (isClockSettled()) {
        m_table.purge(m_clock.wall());
    }
    if (done) {
        m_retry = milliseconds(0);
        return m_limits.writeInterval;
    }
    m_retry = std::clamp(m_retry * 2, m_limits.firstRetry, m_limits.lastRetry);
    return m_retry;
}

Status Keeper::work()
{
    if (!m_isLoaded) {
        TRY(load());
    }
    TRY(write());
    const auto now = m_clock.monotonic();
    if (now >= m_nextRefresh) {
        TRY(refresh());
        m_nextRefresh = now + m_limits.refreshInterval;
    }
    if (now >= m_nextPurge && isClockSettled()) {
        TRY(purge());
        m_nextPurge = now + m_limits.purgeInterval;
    }
    return ok();
}

Status Keeper::load()
{
    const auto begun = TRY(m_store->now());
    TRY(m_store->load(m_clock.wall(), [this](const StoredTriplet &stored) {
        return m_take(stored, TripletTable::Age::Older);
    }));
    m_refreshedAt = begun;
    m_nextRefresh = m_clock.monotonic() + m_limits.refreshInterval;
    m_isLoaded = true;
    log::write(log::Severity::Info, "greylist.loaded", {},
               {{"triplets", QByteArray::number(m_table.sizes().triplets)}});
    return ok();
}

Status Keeper::refresh()
{
    const auto begun = TRY(m_store->now());
    TRY(m_store->loadChanges(
        m_refreshedAt - m_limits.refreshOverlap,
        [this](const StoredTriplet &stored) { return m_take(stored, TripletTable::Age::Newer); }));
    m_refreshedAt = begun;
    return ok();
}

Status Keeper::write()
{
    while (true) {
        if (m_batch.empty()) {
            m_batch = m_table.takeUnwritten(m_limits.rowsPerBatch);
        }
        if (m_rejects.empty()) {
            m_rejects = takeRejects();
        }
        if (m_batch.empty() && m_rejects.empty()) {
            return ok();
        }
        TRY(m_store->write(m_batch, m_rejects));
        m_batch.clear();
        m_rejects.clear();
    }
}

Status Keeper::purge()
{
    while (TRY(m_store->purge(m_clock.wall()))) {
        TRY(write());
    }
    return ok();
}

bool Keeper::isClockSettled()
{
    const auto monotonic = m_clock.monotonic();
    const std::chrono::nanoseconds offset = m_clock.wall().time_since_epoch()
                                            - monotonic.time_since_epoch();
    const auto jump = offset - m_clockOffset.value_or(offset);
    m_clockOffset = offset;
    if (jump > m_limits.clockJump || jump < -m_limits.clockJump) {
        // F12: ten years of a wrong clock must not wipe out all that is known.
        m_settledAt = monotonic + m_limits.clockSettling;
        log::write(log::Severity::Warning, "greylist.clock-jumped", {},
                   {{"seconds", QByteArray::number(qint64{
                                    std::chrono::floor<std::chrono::seconds>(jump).count()})}});
    }
    return monotonic >= m_settledAt;
}

void Keeper::countSpfReject(Clock::WallTime now)
{
    const Clock::WallTime hour = std::chrono::floor<std::chrono::hours>(now);
    const std::scoped_lock lock(m_mutex);
    ++m_spfRejects[hour];
}

std::vector<RejectCount> Keeper::takeRejects()
{
    const std::scoped_lock lock(m_mutex);
    std::vector<RejectCount> counts;
    for (const auto &[hour, count] : m_spfRejects) {
        counts.push_back({RejectKind::Spf, hour, count});
    }
    m_spfRejects.clear();
    return counts;
}

bool Keeper::isAway(std::chrono::seconds tolerance) const
{
    if (!m_isLoaded) {
        return true;
    }
    const qint64 since = m_waitingSince;
    return since != 0
           && m_clock.monotonic().time_since_epoch() - Clock::MonotonicTime::duration(since)
                  > tolerance;
}

void Keeper::reportState(const Status &done)
{
    if (m_isDown == done.has_value()) {
        m_isDown = !m_isDown;
        if (m_isDown) {
            log::write(log::Severity::Error, "greylist.store-down", {},
                       {{"reason", done.error().toString().toUtf8()}});
        } else {
            log::write(log::Severity::Notice, "greylist.store-up", {}, {});
        }
    }
    const bool isAwayNow = isAway(std::chrono::seconds(m_tolerance));
    if (isAwayNow == m_isAwayReported) {
        return;
    }
    m_isAwayReported = isAwayNow;
    if (isAwayNow) {
        log::write(log::Severity::Warning, "greylist.suspended", {},
                   {{"effect", QByteArrayLiteral("unknown senders are not delayed")}});
    } else {
        log::write(log::Severity::Notice, "greylist.resumed", {}, {});
    }
}

}  // namespace portcullis::policy::greylist
