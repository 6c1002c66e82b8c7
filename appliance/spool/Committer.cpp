// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Committer.h"

#include "appliance/base/Log.h"

#include <pthread.h>

#include <algorithm>

namespace portcullis::spool {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr SteadyClock::duration idleTick = std::chrono::seconds(
    1);  ///< Between looks for garbage at rest.
constexpr SteadyClock::duration busyTick = std::chrono::milliseconds(
    2);                                    ///< While a segment is being moved.
constexpr int deletionsPerRound = 4;       ///< Each costs a flush of the folder.
constexpr quint64 idReserve = 60'000'000;  ///< Ids (microseconds) reserved ahead: a flush a minute.

}  // namespace

Committer::Committer(const Parts &parts, Listener listener)
    : m_parts(parts)
    , m_listener(std::move(listener))
    , m_stager(parts.index, parts.store)
    , m_writer(parts.folder, parts.index, parts.settings)
    , m_compactor(parts.folder, parts.index, parts.store, parts.settings)
    , m_thread([this] { run(); })
{
    ::pthread_setname_np(m_thread.native_handle(), "spool-commit");
}

Committer::~Committer()
{
    {
        const std::scoped_lock lock(m_mutex);
        m_isStopping = true;
    }
    m_wake.notify_one();
    m_thread.join();
}

void Committer::submit(Prepared prepared, Durability durability, Done done)
{
    std::optional<Error> refusal;
    {
        const std::scoped_lock lock(m_mutex);
        refusal = m_refusal;
        if (!refusal
            && static_cast<int>(m_jobs.size()) >= m_parts.settings.maxPendingTransactions) {
            refusal = Error::transient("spool.busy",
                                       QStringLiteral("%1 transactions wait").arg(m_jobs.size()));
        }
        if (!refusal) {
            m_jobs.push_back({std::move(prepared), durability, std::move(done)});
        }
    }
    if (refusal) {
        // NOLINTNEXTLINE(bugprone-use-after-move) moved only where there is no refusal
        done(*refusal);
        return;
    }
    m_wake.notify_one();
}

void Committer::wake()
{
    {
        const std::scoped_lock lock(m_mutex);
        m_nextMaintenance = {};
    }
    m_wake.notify_one();
}

std::vector<Committer::Job> Committer::takeJobs()
{
    std::vector<Job> jobs;
    std::unique_lock lock(m_mutex);
    auto deadline = std::max(m_nextMaintenance, SteadyClock::now());
    if (m_writer.needsFlush()) {
        deadline = std::min(deadline, m_flushDeadline);
    }
    m_wake.wait_until(lock, deadline, [this] { return !m_jobs.empty() || m_isStopping; });
    jobs.swap(m_jobs);
    return jobs;
}

void Committer::run()
{
    for (;;) {
        std::vector<Job> jobs = takeJobs();
        for (Job &job : jobs) {
            process(job);
        }
        finishBatch();
        maintain();
        if (jobs.empty()) {
            const std::scoped_lock lock(m_mutex);
            if (m_isStopping && m_jobs.empty()) {
                m_refusal = Error::transient("spool.busy", QStringLiteral("the spool is closing"));
                break;
            }
        }
    }
    if (!m_failure && flush()) {
        m_writer.close();
    }
}

void Committer::process(Job &job)
{
    if (m_failure) {
        job.done(*m_failure);
        return;
    }
    const auto need = job.prepared.addsEntries ? LogWriter::Need::Ordinary
                                               : LogWriter::Need::Essential;
    auto frame = m_stager.stage(job.prepared);
    if (!frame) {
        Error error = frame.error();
        if (error.id == "spool.unknown-entry" && m_parts.isRecovering) {
            error = Error::transient("spool.recovering", error.detail);
        }
        job.done(error);
        return;
    }
    if (frame->items.empty()) {
        job.done(ok());
        return;
    }
    if (const Status room = makeRoom(*frame, need); !room) {
        job.done(room);
        return;
    }
    m_writer.append(*frame);
    m_stager.accept(*frame);
    m_inFlight.push_back({std::move(*frame), job.durability, std::move(job.done)});
    if (m_writer.batchBytes() >= m_parts.settings.maxBatchBytes) {
        finishBatch();
    }
}

Status Committer::makeRoom(const StagedFrame &frame, LogWriter::Need need)
{
    if (m_writer.hasRoomFor(frame.size())) {
        return ok();
    }
    finishBatch();
    if (!m_failure) {
        if (const Status flushed = flush(); !flushed) {
            fail(flushed.error());
        }
    }
    if (m_failure) {
        return *m_failure;
    }
    const Status rolled = m_writer.roll(frame.size(), need);
    if (!rolled && rolled.error().id == "spool.storage") {
        fail(rolled.error());
    }
    return rolled;
}

Status Committer::reserveIds()
{
    const quint64 issued = m_parts.lastIssuedId;
    return issued < m_parts.folder.reservedIds() ? ok()
                                                 : m_parts.folder.reserveIds(issued + idReserve);
}

Status Committer::flush()
{
    if (m_writer.needsFlush()) {
        TRY(m_writer.flush());
        ++m_flushes;
    }
    return ok();
}

Status Committer::writeBatch()
{
    TRY(reserveIds());
    const bool hadUnflushed = m_writer.needsFlush();
    TRY(m_writer.write());
    const bool mustFlush = std::any_of(
        m_inFlight.begin(), m_inFlight.end(),
        [](const InFlight &one) { return one.durability == Durability::Flushed; });
    if (mustFlush) {
        return flush();
    }
    if (!hadUnflushed) {
        m_flushDeadline = SteadyClock::now() + m_parts.settings.lazyFlush;
    }
    return ok();
}

void Committer::finishBatch()
{
    if (m_inFlight.empty()) {
        return;
    }
    const Status written = writeBatch();
    m_stager.endBatch();
    std::vector<InFlight> batch;
    batch.swap(m_inFlight);
    if (written) {
        publish(batch);
    } else if (written.error().id == "spool.storage") {
        fail(written.error());
    }
    for (const InFlight &one : batch) {
        if (one.done) {
            one.done(written);
        }
    }
    m_transactions += static_cast<qint64>(batch.size());
}

void Committer::publish(const std::vector<InFlight> &batch)
{
    const bool wantsChanges = m_listener.wantsChanges();
    std::vector<Change> changes;
    for (const InFlight &one : batch) {
        std::vector<Index::Update> updates;
        updates.reserve(one.frame.items.size());
        for (const StagedItem &item : one.frame.items) {
            const quint64 number = item.head.number;
            if (item.head.kind == ItemKind::Remove) {
                m_parts.index.noteRemoval(one.frame.segment, item.head.firstSegment);
                m_parts.cache.forget(number);
                updates.push_back({number, {}, {}});
                continue;
            }
            if (item.entry) {
                m_parts.cache.keep(number, item.entry,
                                   static_cast<qint64>(item.head.content.length));
            }
            updates.push_back({number, one.frame.recordOf(item), item.domains});
        }
        auto more = m_parts.index.apply(updates, wantsChanges && !one.frame.isRelocation);
        changes.insert(changes.end(), std::make_move_iterator(more.begin()),
                       std::make_move_iterator(more.end()));
    }
    if (!changes.empty()) {
        m_listener.changed(std::move(changes));
    }
}

void Committer::fail(const Error &error)
{
    if (m_failure) {
        return;
    }
    m_failure = error;
    m_hasFailed = true;
    log::write(log::Severity::Critical, "spool.storage", {}, {{"reason", error.detail.toUtf8()}});
    {
        const std::scoped_lock lock(m_mutex);
        m_refusal = error;
    }
    m_listener.failed(error);
}

void Committer::maintain()
{
    const auto now = SteadyClock::now();
    SteadyClock::time_point next{};
    {
        const std::scoped_lock lock(m_mutex);
        next = m_nextMaintenance;
    }
    bool isMore = false;
    Status status = ok();
    if (!m_failure && m_writer.needsFlush() && now >= m_flushDeadline) {
        status = flush();
    }
    if (!m_failure && status && now >= next && !m_parts.isRecovering) {
        status = cleanUp(isMore);
    }
    if (!status) {
        fail(status.error());
    }
    if (now >= next) {
        const std::scoped_lock lock(m_mutex);
        m_nextMaintenance = SteadyClock::now() + (isMore ? busyTick : idleTick);
    }
}

Status Committer::cleanUp(bool &isMore)
{
    Status status = deleteSegments(isMore);
    if (status) {
        status = compactStep(isMore);
    }
    isMore = isMore || m_compactor.isBusy();
    if (!status && status.error().id == "spool.full") {
        m_compactor.abandon();
        isMore = false;
        return ok();
    }
    return status;
}

Status Committer::deleteSegments(bool &isMore)
{
    for (int i = 0; i < deletionsPerRound; ++i) {
        const auto segment = m_parts.index.deletable();
        if (!segment) {
            break;
        }
        // What replaces its contents may have been written lazily: it must be safe first.
        TRY(flush());
        TRY(m_parts.folder.removeSegment(*segment));
        m_parts.index.forgetSegment(*segment);
        isMore = true;
    }
    return ok();
}

Status Committer::compactStep(bool &isMore)
{
    auto frame = m_compactor.nextStep();
    if (frame) {
        TRY(makeRoom(*frame, LogWriter::Need::Essential));
        m_writer.append(*frame);
        m_inFlight.push_back({std::move(*frame), Durability::Lazy, {}});
        const Status written = writeBatch();
        m_stager.endBatch();
        std::vector<InFlight> batch;
        batch.swap(m_inFlight);
        TRY(Status(written));
        publish(batch);
    }
    if (const auto finished = m_compactor.takeFinished()) {
        m_parts.index.forgetRemovals(*finished);
        isMore = true;
    }
    return ok();
}

}  // namespace portcullis::spool
