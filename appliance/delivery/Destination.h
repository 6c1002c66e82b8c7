// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/HostFinder.h"
#include "appliance/delivery/Job.h"
#include "appliance/delivery/Route.h"

#include <chrono>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::delivery {

class Session;

/// One next hop: what waits for it, its connections and its health. Delivery thread only.
class Destination
{
public:
    using Time = std::chrono::steady_clock::time_point;

    Destination(Route route, const ConnectionLimits &limits);

    [[nodiscard]] const Route &route() const { return m_route; }

    /// Queues the jobs of one message. The messages take turns, so that one with thousands of
    /// recipients does not keep the others waiting.
    void enqueue(std::vector<Job> jobsOfOneMessage);
    void putBack(Job job);  ///< To the front: it had its turn.
    [[nodiscard]] std::optional<Job> take();
    [[nodiscard]] bool hasJobs() const { return !m_queue.empty(); }
    [[nodiscard]] qsizetype jobCount() const { return m_jobs; }
    [[nodiscard]] std::vector<Job> takeAll();

    /// @name Health: how many connections it may have, and since when it is left alone.
    /// @{
    void succeeded(const ConnectionLimits &limits);  ///< A transaction ran: one connection more.
    void refused();                                  ///< A connection failed while others live.
    void died(Time now,
              const BackoffSchedule &schedule,
              double random,
              smtp::Reply reason,
              TlsReport report = {});
    void revive();  ///< Try at once, with one connection.
    [[nodiscard]] bool isDead(Time now) const { return now < m_deadUntil; }
    [[nodiscard]] Time deadUntil() const { return m_deadUntil; }
    [[nodiscard]] const smtp::Reply &deathReason() const { return m_deathReason; }
    [[nodiscard]] const TlsReport &deathReport() const { return m_deathReport; }
    [[nodiscard]] int window() const { return m_window; }
    [[nodiscard]] quint32 failures() const { return m_failures; }  ///< In a row.
    /// @}

    // Managed by the worker.
    std::vector<Session *> sessions;  ///< All; connecting, busy and idle.
    std::vector<Session *> idle;      ///< Of these, ready and unused; the latest last.
    int connecting = 0;
    std::shared_ptr<const HostList> hosts;  ///< Null: to be looked up.
    Time hostsUntil{};
    /// Learnt from a 421 on a connection that had been used; forgotten with the hosts.
    int mailsAConnection = std::numeric_limits<int>::max();
    bool isFindingHosts = false;
    bool isWaiting = false;  ///< In the worker's round for new connections.

private:
    Route m_route;
    std::deque<std::deque<Job>> m_queue;  ///< By message.
    qsizetype m_jobs = 0;
    int m_window = 1;
    quint32 m_failures = 0;
    Time m_deadUntil{};
    smtp::Reply m_deathReason;
    TlsReport m_deathReport;
};

}  // namespace portcullis::delivery
