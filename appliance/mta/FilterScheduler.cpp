// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/FilterScheduler.h"

#include "appliance/base/Log.h"

#include <algorithm>

namespace portcullis::mta {

namespace {

constexpr quint32 attemptsUntilQuarantine = 2;
constexpr int refillPage = 500;  ///< Ids kept in memory at a time.
constexpr std::chrono::seconds refillInterval{1};
constexpr std::chrono::seconds retryDelay{10};  ///< When the filter or the storage is away.

}  // namespace

FilterScheduler::FilterScheduler(const Services &services, QObject *parent)
    : QObject(parent)
    , m_services(services)
{
    m_refill.setInterval(refillInterval);
    connect(&m_refill, &QTimer::timeout, this, &FilterScheduler::refill);
}

void FilterScheduler::start()
{
    m_services.spool.subscribe(spool::StageFlag::Unfiltered, this,
                               [this](const spool::ChangeSet &changes) { onChanges(changes); });
    m_refill.start();
    refill();
}

int FilterScheduler::capacity() const
{
    // Half of the workers stay free for sessions that wait for an answer.
    return std::max(1, m_services.config.get()->mail.maxFilters / 2);
}

void FilterScheduler::onChanges(const spool::ChangeSet &changes)
{
    const bool hasNew = changes.isResync
                        || std::ranges::any_of(changes.changes, [](const spool::Change &change) {
                               return change.kind == spool::Change::Kind::Added
                                      && change.entry.stage == spool::Stage::Unfiltered;
                           });
    if (hasNew) {
        refill();
    }
}

void FilterScheduler::refill()
{
    if (m_waiting.empty()) {
        const spool::Page page = m_services.spool.list(spool::Stage::Unfiltered, {}, refillPage,
                                                       m_services.clock.wall());
        for (const spool::EntrySummary &entry : page.entries) {
            if (!m_running.contains(entry.id)) {
                m_waiting.push_back(entry.id);
            }
        }
    }
    startMore();
}

void FilterScheduler::startMore()
{
    while (!m_waiting.empty() && m_running.size() < capacity()) {
        const QByteArray id = m_waiting.front();
        m_waiting.pop_front();
        begin(id);
    }
}

void FilterScheduler::begin(const QByteArray &id)
{
    auto loaded = m_services.spool.load(id);
    if (!loaded || loaded->stage != spool::Stage::Unfiltered) {
        return;  // Held or deleted meanwhile; damage is reported by the spool.
    }
    auto running = std::make_shared<Running>();
    verdict::FilterRequest &request = running->request;
    request.queueId = id;
    request.direction = loaded->direction;
    request.client = loaded->client;
    request.envelope = loaded->envelope;
    request.receivedAt = loaded->receivedAt;
    request.session = loaded->session;
    request.isAccepted = true;
    request.content = loaded->content;
    m_running.insert(id, running);
    if (loaded->filterAttempts >= attemptsUntilQuarantine) {
        commit(running, filterFailureOutcome(m_services, request, id));
        return;
    }
    spool::Transaction transaction;
    transaction.beginFilterAttempt(id);
    m_services.spool.commit(std::move(transaction), spool::Durability::Flushed, this,
                            [this, running](const Status &status) {
                                if (status) {
                                    ask(running);
                                } else {
                                    onError(running, status.error());
                                }
                            });
}

void FilterScheduler::ask(const RunningPointer &running)
{
    running->since = m_services.clock.monotonic();
    const verdict::FilterJob::Settings settings{m_services.paths.filterSocket(),
                                                m_services.paths.scratch(),
                                                m_services.config.get()->mail.filterTimeout};
    running->job = std::make_unique<verdict::FilterJob>(
        settings, running->request,
        [this, running](Result<verdict::FilterResponse> result) {
            onVerdict(running, std::move(result));
        },
        nullptr);
    running->job->start();
}

void FilterScheduler::onVerdict(const RunningPointer &running,
                                Result<verdict::FilterResponse> result)
{
    running->job.reset();
    if (!result) {
        onError(running, result.error());
        return;
    }
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
        m_services.clock.monotonic() - running->since);
    commit(running,
           outcomeOf(m_services, running->request, *result, time, running->request.queueId));
}

void FilterScheduler::onError(const RunningPointer &running, const Error &error)
{
    const QByteArray id = running->request.queueId;
    log::write(log::Severity::Warning, "filter.no-verdict", id,
               {{"id", error.id}, {"reason", error.detail.toUtf8()}});
    m_running.remove(id);
    retryLater(id, error);
    startMore();
}

void FilterScheduler::retryLater(const QByteArray &id, const Error &error)
{
    const bool isMessagesFault = error.id == "filter.crashed" || error.id == "filter.timeout";
    const auto now = m_services.clock.wall();
    spool::Transaction transaction;
    if (!isMessagesFault) {
        transaction.cancelFilterAttempt(id);
    }
    transaction.setNextAttempt(id, isMessagesFault ? now : now + retryDelay, error.detail.toUtf8());
    m_services.spool.commit(std::move(transaction), spool::Durability::Lazy, this,
                            [](const Status &) {});
}

void FilterScheduler::commit(const RunningPointer &running, Outcome outcome)
{
    auto shared = std::make_shared<Outcome>(std::move(outcome));
    m_services.spool.commit(std::move(shared->transaction), spool::Durability::Flushed, this,
                            [this, running, shared](const Status &status) {
                                if (!status) {
                                    onError(running, status.error());
                                    return;
                                }
                                for (const tracking::TrackingEvent &event : shared->events) {
                                    m_services.journal.append(event);
                                }
                                if (shared->hasQuarantine) {
                                    m_services.wakeArchivist();
                                }
                                m_running.remove(running->request.queueId);
                                startMore();
                            });
}

}  // namespace portcullis::mta
