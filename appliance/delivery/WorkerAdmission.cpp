// SPDX-License-Identifier: GPL-2.0-or-later
// What comes from the spool: which messages are worked on, and where their recipients go.
#include "appliance/base/Log.h"
#include "appliance/delivery/Worker.h"
#include "appliance/smtp/client/DotStuffer.h"

#include <QtCore/QMap>

#include <algorithm>

namespace portcullis::delivery {

namespace {

constexpr int admittedAtOnce = 64;  // Between two looks at the sockets.
constexpr int pageSize = 1000;
constexpr int pagesAtOnce = 20;

bool hasDomain(const spool::EntrySummary &summary, const QByteArray &domain)
{
    return domain.isEmpty() || summary.domains.split(' ').contains(domain);
}

}  // namespace

void Worker::onChanges(const spool::ChangeSet &changes)
{
    if (changes.isResync) {
        m_hasBacklog = true;
        sweep();
        return;
    }
    for (const spool::Change &change : changes.changes) {
        onChange(change);
    }
}

void Worker::onChange(const spool::Change &change)
{
    const bool isDeliverable = change.kind != spool::Change::Kind::Removed
                               && change.entry.stage == spool::Stage::Deliverable;
    if (!isDeliverable) {
        if (const auto active = m_active.constFind(change.entry.id); active != m_active.cend()) {
            (*active)->isGone = true;
        }
        return;
    }
    // Changes within the stage are our own; what they made wait is found by sweep().
    if (change.previousStage != spool::Stage::Deliverable
        && change.entry.nextAttempt <= m_clock.wall()) {
        offer(change.entry.id);
    }
}

void Worker::offer(const QByteArray &id)
{
    if (m_isStopping || m_active.contains(id) || m_offeredIds.contains(id)) {
        return;
    }
    if (m_active.size() + m_offeredIds.size() >= m_settings->maxActive) {
        m_hasBacklog = true;
        return;
    }
    m_offered.push_back(id);
    m_offeredIds.insert(id);
    if (!m_isAdmitting) {
        m_isAdmitting = true;
        QMetaObject::invokeMethod(this, &Worker::admitSome, Qt::QueuedConnection);
    }
}

void Worker::admitSome()
{
    for (int i = 0; i < admittedAtOnce && !m_offered.empty(); ++i) {
        const QByteArray id = m_offered.front();
        m_offered.pop_front();
        m_offeredIds.remove(id);
        admit(id);
    }
    m_isAdmitting = !m_offered.empty();
    if (m_isAdmitting) {
        QMetaObject::invokeMethod(this, &Worker::admitSome, Qt::QueuedConnection);
    }
}

void Worker::admit(const QByteArray &id)
{
    auto entry = m_spool.load(id);
    if (!entry.has_value()) {
        // Removed meanwhile, or damaged: then the spool has set it aside and reported it.
        if (entry.error().id != "spool.unknown-entry") {
            log::write(log::Severity::Warning, "delivery.unreadable", id,
                       {{"reason", entry.error().toString().toUtf8()}});
        }
        return;
    }
    if (entry->stage != spool::Stage::Deliverable) {
        return;
    }
    auto message = std::make_shared<ActiveMessage>();
    message->entry = std::move(*entry);
    message->size = message->entry.content.size();
    const size_t recipients = message->entry.envelope.recipients.size();
    message->entry.progress.resize(recipients);
    message->outcomes.resize(recipients);
    message->committed.resize(recipients);
    m_active.insert(id, message);
    m_activeBytes += message->size;
    if (isLooping(*message)) {
        Outcome outcome;
        outcome.kind = Outcome::Kind::Failed;
        outcome.reply = {554, "5.4.6", "Too many hops: the message is going round in a loop"};
        outcome.time = m_clock.wall();
        std::fill(message->outcomes.begin(), message->outcomes.end(), outcome);
        finish(message);
        return;
    }
    route(message);
    if (m_activeBytes > m_settings->maxActiveBytes) {
        dropContent(*message);
    }
}

bool Worker::isLooping(const ActiveMessage &message) const
{
    // RFC 5321 §6.3: counting Received fields is the one test that no configuration defeats.
    const QByteArrayView header = smtp::headerOf(message.entry.content.view());
    constexpr QByteArrayView received("received:");
    int hops = 0;
    for (qsizetype start = 0; start >= 0 && start + received.size() <= header.size();) {
        const QByteArrayView name = header.sliced(start, received.size());
        hops += (name.front() == 'R' || name.front() == 'r')
                && qstrnicmp(name.data(), received.data(), received.size()) == 0;
        const qsizetype end = header.indexOf('\n', start);
        start = end < 0 ? -1 : end + 1;
    }
    return hops > m_settings->maxHops;
}

void Worker::route(const ActivePointer &message)
{
    const mail::Envelope &envelope = message->entry.envelope;
    std::vector<std::pair<Destination *, std::vector<int>>> groups;
    for (size_t i = 0; i < envelope.recipients.size(); ++i) {
        if (message->entry.progress[i].state != spool::RecipientState::Pending) {
            continue;
        }
        Destination &destination = destinationFor(
            routeFor(*m_settings->config, envelope.recipients[i].address));
        auto group = std::find_if(groups.begin(), groups.end(), [&](const auto &candidate) {
            return candidate.first == &destination;
        });
        if (group == groups.end()) {
            groups.push_back({&destination, {}});
            group = std::prev(groups.end());
        }
        group->second.push_back(static_cast<int>(i));
    }
    const auto most = static_cast<size_t>(m_settings->connections.recipients);
    std::vector<Destination *> busy;
    for (auto &[destination, recipients] : groups) {
        std::vector<Job> jobs;
        for (size_t start = 0; start < recipients.size(); start += most) {
            const size_t end = std::min(start + most, recipients.size());
            jobs.push_back({message,
                            {recipients.begin() + static_cast<std::ptrdiff_t>(start),
                             recipients.begin() + static_cast<std::ptrdiff_t>(end)},
                            0});
        }
        message->openJobs += static_cast<int>(jobs.size());
        destination->enqueue(std::move(jobs));
        busy.push_back(destination);
    }
    if (busy.empty()) {
        finish(message);
        return;
    }
    for (Destination *destination : busy) {
        if (destination->isDead(now())) {
            deferAll(*destination, destination->deathReason(), destination->deathReport());
        } else {
            dispatch(*destination);
        }
    }
}

bool Worker::loadContent(ActiveMessage &message)
{
    if (!message.entry.content.isEmpty() || message.size == 0) {
        return true;
    }
    auto entry = m_spool.load(message.entry.id);
    if (!entry.has_value()) {
        log::write(log::Severity::Warning, "delivery.unreadable", message.entry.id,
                   {{"reason", entry.error().toString().toUtf8()}});
        return false;
    }
    message.entry.content = std::move(entry->content);
    m_activeBytes += message.size;
    return true;
}

void Worker::dropContent(ActiveMessage &message)
{
    if (!message.entry.content.isEmpty()) {
        message.entry.content = {};
        m_activeBytes -= message.size;
    }
}

void Worker::sweep()
{
    if (m_isStopping || m_active.size() >= m_settings->maxActive / 4 * 3) {
        return;
    }
    m_hasBacklog = false;
    spool::Cursor cursor;
    for (int i = 0; i < pagesAtOnce && !m_hasBacklog; ++i) {
        const spool::Page page = m_spool.list(spool::Stage::Deliverable, cursor, pageSize,
                                              m_clock.wall());
        sweepPage(page, {});
        cursor = page.next;
        if (page.isLast) {
            break;
        }
    }
    while (!m_flushes.empty() && !m_hasBacklog) {
        Flush &flush = m_flushes.front();
        spool::Page page = m_spool.list(spool::Stage::Deliverable, flush.cursor, pageSize);
        // What was deferred again meanwhile has moved on to a later place: once is enough.
        std::erase_if(page.entries, [&flush](const spool::EntrySummary &summary) {
            return flush.seen.contains(summary.id);
        });
        sweepPage(page, flush.domain);
        if (m_hasBacklog) {
            break;  // The same page again when there is room.
        }
        for (const spool::EntrySummary &summary : page.entries) {
            flush.seen.insert(summary.id);
        }
        flush.cursor = page.next;
        if (page.isLast) {
            m_flushes.pop_front();
        }
    }
}

void Worker::sweepPage(const spool::Page &page, const QByteArray &domain)
{
    for (const spool::EntrySummary &summary : page.entries) {
        if (hasDomain(summary, domain)) {
            offer(summary.id);
        }
    }
}

void Worker::flush(const QByteArray &domain)
{
    constexpr size_t mostFlushes = 100;
    for (const auto &[key, destination] : m_destinations) {
        destination->revive();
    }
    if (m_flushes.size() < mostFlushes) {
        m_flushes.push_back({{}, domain.toLower(), {}});
    }
    sweep();
}

void Worker::flushMessage(const QByteArray &queueId)
{
    for (const auto &[key, destination] : m_destinations) {
        destination->revive();
    }
    offer(queueId);
}

}  // namespace portcullis::delivery
