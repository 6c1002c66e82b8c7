// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Destination.h"

#include <algorithm>
#include <iterator>

namespace portcullis::delivery {

Destination::Destination(Route route, const ConnectionLimits &limits)
    : m_route(std::move(route))
    , m_window(std::clamp(limits.initialPerDestination, 1, limits.perDestination))
{
}

void Destination::enqueue(std::vector<Job> jobsOfOneMessage)
{
    m_jobs += static_cast<qsizetype>(jobsOfOneMessage.size());
    m_queue.emplace_back(std::make_move_iterator(jobsOfOneMessage.begin()),
                         std::make_move_iterator(jobsOfOneMessage.end()));
}

void Destination::putBack(Job job)
{
    ++m_jobs;
    m_queue.emplace_front();
    m_queue.front().push_back(std::move(job));
}

std::optional<Job> Destination::take()
{
    if (m_queue.empty()) {
        return std::nullopt;
    }
    --m_jobs;
    std::deque<Job> ofMessage = std::move(m_queue.front());
    m_queue.pop_front();
    Job job = std::move(ofMessage.front());
    ofMessage.pop_front();
    if (!ofMessage.empty()) {
        m_queue.push_back(std::move(ofMessage));
    }
    return job;
}

std::vector<Job> Destination::takeAll()
{
    std::vector<Job> jobs;
    while (auto job = take()) {
        jobs.push_back(std::move(*job));
    }
    return jobs;
}

void Destination::succeeded(const ConnectionLimits &limits)
{
    m_failures = 0;
    m_deadUntil = {};
    m_window = std::min(m_window + 1, limits.perDestination);
}

void Destination::refused()
{
    m_window = std::max(1, static_cast<int>(sessions.size()));
}

void Destination::died(Time now,
                       const BackoffSchedule &schedule,
                       double random,
                       smtp::Reply reason,
                       TlsReport report)
{
    ++m_failures;
    m_window = 1;  // The next one is a probe.
    m_deadUntil = now + schedule.waitAfter(m_failures, random);
    m_deathReason = std::move(reason);
    m_deathReport = std::move(report);
    hosts.reset();
}

void Destination::revive()
{
    m_deadUntil = {};
}

}  // namespace portcullis::delivery
