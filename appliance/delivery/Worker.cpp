// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/Worker.h"

#include "appliance/base/Log.h"

#include <QtCore/QRandomGenerator>
#include <QtNetwork/QSslCertificate>

#include <algorithm>

namespace portcullis::delivery {

namespace {

// A session serves this many messages before it makes room for a destination that waits for the
// total of connections.
constexpr int fairShare = 10;

}  // namespace

Worker::Worker(spool::Spool &spool,
               std::unique_ptr<Resolver> resolver,
               std::shared_ptr<const DeliverySettings> settings,
               DeliveryObserver &observer,
               const Clock &clock,
               DeliveryCounters &counters)
    : m_spool(spool)
    , m_resolver(std::move(resolver))
    , m_stsFinder(*m_resolver, settings, clock)
    , m_hostFinder(*m_resolver, &m_stsFinder)
    , m_settings(std::move(settings))
    , m_observer(observer)
    , m_clock(clock)
    , m_counters(counters)
    , m_lifetime(clock, m_settings->clockFile)
    , m_tls(m_settings->tlsCaFile)
{
    connect(&m_tick, &QTimer::timeout, this, &Worker::tick);
    m_stopTimer.setSingleShot(true);
    connect(&m_stopTimer, &QTimer::timeout, this, [this] {
        for (const auto &[key, destination] : m_destinations) {
            for (Session *session : std::vector(destination->sessions)) {
                session->abort();
            }
        }
    });
}

Worker::~Worker() = default;

void Worker::start()
{
    m_spool.subscribe(spool::StageFlags(spool::StageFlag::Deliverable), this,
                      [this](const spool::ChangeSet &changes) { onChanges(changes); });
    m_tick.start(m_settings->sweep);
    sweep();
}

void Worker::setSettings(std::shared_ptr<const DeliverySettings> settings)
{
    m_tls.setCaFile(settings->tlsCaFile);
    m_stsFinder.setSettings(settings);
    m_settings = std::move(settings);
    m_tick.start(m_settings->sweep);
    for (const auto &[key, destination] : m_destinations) {
        destination->hosts.reset();
    }
}

void Worker::stop(std::chrono::milliseconds bound)
{
    if (m_isStopping) {
        return;
    }
    m_isStopping = true;
    m_offered.clear();
    m_flushes.clear();
    m_stopTimer.start(bound);
    for (const auto &[key, destination] : m_destinations) {
        for (Job &job : destination->takeAll()) {
            onJobDone(std::move(job));
        }
        for (Session *session : std::exchange(destination->idle, {})) {
            session->quit();
            session->abort();  // The answer to QUIT is not worth waiting for.
        }
        for (Session *session : std::vector(destination->sessions)) {
            if (session->isConnecting()) {
                session->abort();
            }
        }
    }
    checkStopped();
}

void Worker::checkStopped()
{
    if (m_isStopping && !m_isStopped && m_sessions == 0 && m_commits == 0) {
        m_isStopped = true;
        m_tick.stop();
        m_stopTimer.stop();
        Q_EMIT stopped();
    }
}

Destination &Worker::destinationFor(const Route &route)
{
    auto &destination = m_destinations[route.key()];
    if (!destination) {
        destination = std::make_unique<Destination>(route, m_settings->connections);
    }
    return *destination;
}

bool Worker::wantsSession(const Destination &destination) const
{
    const auto sessions = static_cast<int>(destination.sessions.size());
    return !m_isStopping && destination.jobCount() > destination.connecting
           && sessions < std::min(destination.window(), m_settings->connections.perDestination)
           && !destination.isDead(now());
}

void Worker::dispatch(Destination &destination)
{
    while (destination.hasJobs() && !destination.idle.empty()) {
        Session *session = destination.idle.back();
        destination.idle.pop_back();
        onSessionFree(*session);
    }
    if (!destination.isWaiting && wantsSession(destination)) {
        destination.isWaiting = true;
        m_waiting.push_back(destination.route().key());
    }
    pump();
}

void Worker::pump()
{
    while (!m_waiting.empty() && !m_isStopping) {
        if (m_sessions >= m_settings->connections.total) {
            endIdleSession();
            return;
        }
        const QByteArray key = m_waiting.front();
        m_waiting.pop_front();
        const auto found = m_destinations.find(key);
        if (found == m_destinations.end()) {
            continue;
        }
        Destination &destination = *found->second;
        destination.isWaiting = false;
        if (!wantsSession(destination) || destination.isFindingHosts) {
            continue;
        }
        if (!destination.hosts || now() >= destination.hostsUntil) {
            findHosts(destination);
            continue;
        }
        startSession(destination);
        if (wantsSession(destination)) {
            destination.isWaiting = true;
            m_waiting.push_back(key);
        }
    }
}

void Worker::endIdleSession()
{
    for (const auto &[key, destination] : m_destinations) {
        if (!destination->idle.empty()) {
            Session *session = destination->idle.front();
            destination->idle.erase(destination->idle.begin());
            session->quit();
            return;
        }
    }
}

void Worker::startSession(Destination &destination)
{
    auto *session = new Session(destination, destination.hosts, m_settings, m_tls, *this, this);
    destination.sessions.push_back(session);
    ++destination.connecting;
    ++m_sessions;
    session->start();
}

void Worker::findHosts(Destination &destination)
{
    destination.isFindingHosts = true;
    m_hostFinder.find(destination.route(), m_settings,
                      [this, key = destination.route().key()](HostList list) {
                          const auto found = m_destinations.find(key);
                          if (found != m_destinations.end()) {
                              onHosts(*found->second, std::move(list));
                          }
                      });
}

void Worker::onHosts(Destination &destination, HostList list)
{
    destination.isFindingHosts = false;
    if (list.problem.code != 0) {
        if (list.problem.isTransient()) {
            destination.died(now(), m_settings->destinationBackoff,
                             QRandomGenerator::global()->generateDouble(), list.problem,
                             list.report);
        }
        deferAll(destination, list.problem, list.report);
        return;
    }
    destination.hostsUntil = now() + list.ttl;
    destination.mailsAConnection = std::numeric_limits<int>::max();
    destination.hosts = std::make_shared<const HostList>(std::move(list));
    dispatch(destination);
}

void Worker::deferAll(Destination &destination, const smtp::Reply &reply, const TlsReport &report)
{
    Outcome outcome;
    outcome.kind = Outcome::kindOf(reply);
    outcome.reply = reply;
    outcome.tlsReport = report;
    outcome.time = m_clock.wall();
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(destination.deadUntil() - now());
    for (Job &job : destination.takeAll()) {
        job.message->shortestWait = std::max(job.message->shortestWait, wait);
        for (const int recipient : job.recipients) {
            onOutcome(job, recipient, outcome);
        }
        onJobDone(std::move(job));
    }
}

void Worker::onSessionReady(Session &session)
{
    Destination &destination = session.destination();
    --destination.connecting;
    destination.succeeded(m_settings->connections);
}

bool Worker::mustYield(const Session &session) const
{
    return !m_waiting.empty() && m_sessions >= m_settings->connections.total
           && session.transactions() % fairShare == fairShare - 1;
}

void Worker::onSessionFree(Session &session)
{
    Destination &destination = session.destination();
    if (m_isStopping || !session.isWorthKeeping() || mustYield(session)) {
        session.quit();
        return;
    }
    while (auto job = destination.take()) {
        if (job->message->isGone) {
            onJobDone(std::move(*job));
            continue;
        }
        session.run(std::move(*job));
        return;
    }
    if (m_settings->connections.idle.count() == 0) {
        session.quit();
        return;
    }
    session.idleSince = now();
    destination.idle.push_back(&session);
}

void Worker::onOutcome(Job &job, int recipient, Outcome outcome)
{
    job.message->outcomes[static_cast<size_t>(recipient)] = std::move(outcome);
}

void Worker::onJobReturned(Session &session, Job job)
{
    if (m_isStopping) {
        onJobDone(std::move(job));
    } else {
        session.destination().putBack(std::move(job));
    }
}

void Worker::onUnreachable(Session &session, const smtp::Reply &reply)
{
    Destination &destination = session.destination();
    const TlsReport report = session.tlsReport();
    if (reply.isPermanent()) {
        deferAll(destination, reply, report);
        return;
    }
    const bool hasLiving = std::any_of(
        destination.sessions.begin(), destination.sessions.end(),
        [&](const Session *other) { return other != &session && !other->isConnecting(); });
    if (hasLiving) {
        destination.refused();
        return;
    }
    if (!destination.isDead(now())) {
        destination.died(now(), m_settings->destinationBackoff,
                         QRandomGenerator::global()->generateDouble(), reply, report);
        log::write(
            log::Severity::Notice, "delivery.next-hop-down", {},
            {{"next_hop", destination.route().nextHop.toText()}, {"reason", reply.toLine()}});
    }
    deferAll(destination, reply, report);
}

void Worker::onSessionEnded(Session &session)
{
    Destination &destination = session.destination();
    if (session.isConnecting()) {
        --destination.connecting;
    }
    std::erase(destination.sessions, &session);
    std::erase(destination.idle, &session);
    --m_sessions;
    session.deleteLater();
    dispatch(destination);
    checkStopped();
}

void Worker::tick()
{
    if (m_lifetime.tick() != std::chrono::microseconds(0)) {
        log::write(log::Severity::Warning, "delivery.clock-jump", {}, {});
        flush({});  // What was to wait until some time of the old clock is tried once.
    }
    const Time current = now();
    for (auto entry = m_destinations.begin(); entry != m_destinations.end();) {
        Destination &destination = *entry->second;
        while (!destination.idle.empty()
               && current - destination.idle.front()->idleSince >= m_settings->connections.idle) {
            Session *session = destination.idle.front();
            destination.idle.erase(destination.idle.begin());
            session->quit();
        }
        const bool isForgotten = destination.sessions.empty() && !destination.hasJobs()
                                 && !destination.isFindingHosts && !destination.isWaiting
                                 && !destination.isDead(current)
                                 && current >= destination.hostsUntil
                                 && destination.failures() == 0;
        entry = isForgotten ? m_destinations.erase(entry) : std::next(entry);
    }
    sweep();
    updateCounters();
}

void Worker::updateCounters()
{
    const Time current = now();
    m_counters.active = m_active.size();
    m_counters.connections = m_sessions;
    m_counters.destinations = static_cast<qint64>(m_destinations.size());
    m_counters.deadDestinations = std::count_if(
        m_destinations.begin(), m_destinations.end(),
        [current](const auto &entry) { return entry.second->isDead(current); });
}

}  // namespace portcullis::delivery
