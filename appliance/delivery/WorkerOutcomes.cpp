// SPDX-License-Identifier: GPL-2.0-or-later
// What goes back to the spool: progress, removal, DSNs.
#include "appliance/base/Log.h"
#include "appliance/delivery/Worker.h"

#include <QtCore/QRandomGenerator>

#include <algorithm>

namespace portcullis::delivery {

namespace {

constexpr std::chrono::seconds commitRetry{1};

}  // namespace

void Worker::onJobDone(Job job)
{
    const ActivePointer message = std::move(job.message);
    if (--message->openJobs == 0) {
        finish(message);
    } else {
        commitPartial(message);
    }
}

SettlementContext Worker::contextFor(const ActiveMessage &message) const
{
    return {*m_settings,
            m_clock.wall(),
            m_lifetime.ageOf(message.entry.receivedAt),
            QRandomGenerator::global()->generateDouble(),
            message.shortestWait,
            [this] { return m_spool.nextQueueId(); }};
}

void Worker::commitPartial(const ActivePointer &message)
{
    // Some recipients have it, others may take long: a crash meanwhile must not repeat the former.
    spool::Transaction transaction;
    std::vector<DeliveryEvent> events;
    for (size_t i = 0; i < message->outcomes.size(); ++i) {
        const auto &outcome = message->outcomes[i];
        if (!outcome || outcome->kind != Outcome::Kind::Delivered || message->committed[i]) {
            continue;
        }
        message->committed[i] = true;
        transaction.recordAttempt(message->entry.id,
                                  {static_cast<int>(i), spool::RecipientState::Delivered,
                                   outcome->reply.toLine(), outcome->nextHop, outcome->time});
        events.push_back(describe(*message, i, DeliveryEvent::Kind::Delivered,
                                  m_lifetime.ageOf(message->entry.receivedAt)));
    }
    if (transaction.isEmpty()) {
        return;
    }
    ++m_commits;
    m_spool.commit(std::move(transaction), spool::Durability::Lazy, this,
                   [this, events, id = message->entry.id](const Status &status) {
                       --m_commits;
                       if (!status.has_value()) {
                           log::write(log::Severity::Warning, "delivery.commit", id,
                                      {{"reason", status.error().toString().toUtf8()}});
                       }
                       tell(events);
                       checkStopped();
                   });
}

void Worker::finish(const ActivePointer &message)
{
    const SettlementContext context = contextFor(*message);
    if (message->entry.content.isEmpty() && needsContent(*message, context)) {
        // Without it the report quotes nothing, which is better than no report.
        loadContent(*message);
    }
    Settlement settlement = settle(*message, context);
    if (settlement.transaction.isEmpty()) {
        finished(message, ok(), false);
        return;
    }
    ++m_commits;
    m_spool.commit(std::move(settlement.transaction), spool::Durability::Lazy, this,
                   [this, message, events = std::move(settlement.events),
                    isLeaving = settlement.isLeaving](const Status &status) {
                       --m_commits;
                       if (status.has_value()) {
                           tell(events);
                       }
                       finished(message, status, isLeaving);
                   });
}

void Worker::finished(const ActivePointer &message, const Status &status, bool isLeaving)
{
    const bool isLost = status.has_value() || status.error().id == "spool.unknown-entry";
    if (!isLost && !m_isStopping) {
        // What was delivered must not be delivered again: keep it until the spool can write.
        log::write(log::Severity::Error, "delivery.commit", message->entry.id,
                   {{"reason", status.error().toString().toUtf8()}});
        QTimer::singleShot(commitRetry, this, [this, message] { finish(message); });
        return;
    }
    dropContent(*message);
    m_active.remove(message->entry.id);
    if (isLeaving) {
        m_counters.active = m_active.size();
    }
    if (m_hasBacklog && m_active.size() < m_settings->maxActive / 2) {
        sweep();
    }
    checkStopped();
}

void Worker::tell(const std::vector<DeliveryEvent> &events)
{
    for (const DeliveryEvent &event : events) {
        switch (event.kind) {
        case DeliveryEvent::Kind::Delivered:
            ++m_counters.delivered;
            break;
        case DeliveryEvent::Kind::Deferred:
            ++m_counters.deferred;
            break;
        case DeliveryEvent::Kind::Bounced:
            ++m_counters.bounced;
            break;
        case DeliveryEvent::Kind::Expired:
            ++m_counters.expired;
            break;
        case DeliveryEvent::Kind::Delayed:
            break;
        }
        m_observer.onDelivery(event);
    }
}

}  // namespace portcullis::delivery
