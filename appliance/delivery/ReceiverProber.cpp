// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ReceiverProber.h"

#include "appliance/base/Log.h"
#include "appliance/delivery/ChecksummedFile.h"

#include <algorithm>

namespace portcullis::delivery {

namespace {

using policy::ReceiverState;

constexpr std::chrono::milliseconds tickInterval{100};

QByteArray printable(QByteArray text)
{
    constexpr qsizetype longest = 400;
    text.truncate(longest);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= ' ' && c <= '~' ? c : '?'; });
    return text;
}

/// Whether a refusal for good is about the mailbox. RFC 3463 §3: 5.7.x is about us, 5.3.x about the
/// system, 5.2.2 and 5.2.3 about a mailbox that exists.
bool concernsRecipient(const smtp::Reply &reply)
{
    const QByteArray &enhanced = reply.enhanced;
    if (enhanced.isEmpty()) {
        return reply.code == 550 || reply.code == 551 || reply.code == 553 || reply.code == 554;
    }
    return enhanced != "5.2.2" && enhanced != "5.2.3" && !enhanced.startsWith("5.3.")
           && !enhanced.startsWith("5.7.");
}

std::shared_ptr<const DeliverySettings> withoutStsFile(const DeliverySettings &settings)
{
    // The file is the delivery's.
    auto copy = std::make_shared<DeliverySettings>(settings);
    copy->stsFile.clear();
    return copy;
}

}  // namespace

ReceiverState receiverStateOf(const smtp::RecipientResult &answer)
{
    const QByteArray reply = printable(answer.reply.toLine());
    const bool isAnswerToRcpt = answer.by == smtp::RecipientResult::By::Server
                                && answer.command == "RCPT TO";
    if (isAnswerToRcpt && answer.reply.code / 100 == 2) {
        return {ReceiverState::Kind::Exists, reply};
    }
    if (isAnswerToRcpt && answer.reply.isPermanent() && concernsRecipient(answer.reply)) {
        return {ReceiverState::Kind::Unknown, reply};
    }
    return {ReceiverState::Kind::Undecided, reply};
}

ReceiverProber::ReceiverProber(std::unique_ptr<Resolver> resolver,
                               std::shared_ptr<const DeliverySettings> settings,
                               std::shared_ptr<ReceiverShared> shared,
                               const Clock &clock)
    : m_resolver(std::move(resolver))
    , m_settings(std::move(settings))
    , m_shared(std::move(shared))
    , m_clock(clock)
    , m_stsFinder(*m_resolver, withoutStsFile(*m_settings), clock)
    , m_hostFinder(*m_resolver, &m_stsFinder)
    , m_tls(m_settings->tlsCaFile)
    , m_lastSave(clock.monotonic())
{
    connect(&m_tick, &QTimer::timeout, this, &ReceiverProber::tick);
    m_tick.start(tickInterval);
}

ReceiverProber::~ReceiverProber()
{
    for (auto &[id, probe] : m_probes) {
        for (const auto &[until, answer] : probe.waiters) {
            answer({ReceiverState::Kind::Undecided, "the gateway is stopping"});
        }
    }
    m_shared->pending = 0;
    save();
}

void ReceiverProber::setSettings(std::shared_ptr<const DeliverySettings> settings)
{
    m_tls.setCaFile(settings->tlsCaFile);
    m_stsFinder.setSettings(withoutStsFile(*settings));
    m_settings = std::move(settings);
    for (auto &[key, hop] : m_nextHops) {
        hop.hosts.reset();
        hop.deadUntil = {};
    }
}

QByteArray ReceiverProber::idOf(const mail::Address &address, const QByteArray &route)
{
    return address.key() + '\n' + route;
}

void ReceiverProber::ask(const mail::Address &address, const Route &route, Answer answer)
{
    const Time now = m_clock.monotonic();
    const QByteArray key = route.key();
    const QByteArray id = idOf(address, key);
    const ReceiverLimits &limits = m_settings->receivers;
    const auto answerNow = [&answer](const QByteArray &reason) {
        if (answer) {
            answer({ReceiverState::Kind::Undecided, reason});
        }
    };
    auto known = m_probes.find(id);
    if (known == m_probes.end()) {
        NextHop &hop = m_nextHops[key];
        hop.route = route;
        if (now < hop.deadUntil) {
            answerNow(hop.deathReason);
            return;
        }
        if (m_probes.size() >= static_cast<size_t>(limits.pending)) {
            answerNow("too many addresses are being asked for");
            return;
        }
        known = m_probes.emplace(id, Probe{address, key, {}, now + limits.probe, false}).first;
        hop.queue.push_back(id);
        m_shared->pending = static_cast<qint64>(m_probes.size());
    }
    if (answer) {
        known->second.waiters.emplace_back(now + limits.answer, std::move(answer));
    }
    dispatch(key);
}

void ReceiverProber::dispatch(const QByteArray &key)
{
    NextHop &hop = m_nextHops[key];
    while (!hop.queue.empty() && !hop.idle.empty()) {
        ProbeConnection *connection = hop.idle.back();
        hop.idle.pop_back();
        give(hop, *connection);
    }
    const auto soonFree = std::count_if(
        hop.connections.begin(), hop.connections.end(),
        [](const ProbeConnection *connection) { return connection->isResetting(); });
    const auto wanted = static_cast<int>(hop.queue.size()) - static_cast<int>(soonFree);
    const int most = m_settings->receivers.connections;
    while (hop.connecting < wanted && static_cast<int>(hop.connections.size()) < most) {
        if (!hop.hosts || m_clock.monotonic() >= hop.hostsUntil) {
            findHosts(key, hop);
            return;
        }
        openConnection(hop, key);
    }
}

void ReceiverProber::findHosts(const QByteArray &key, NextHop &hop)
{
    if (std::exchange(hop.isFindingHosts, true)) {
        return;
    }
    m_hostFinder.find(hop.route, m_settings, [this, key](HostList list) {
        NextHop &found = m_nextHops[key];
        found.isFindingHosts = false;
        if (list.problem.code != 0) {
            die(found, list.problem);
            return;
        }
        found.hostsUntil = m_clock.monotonic() + list.ttl;
        found.hosts = std::make_shared<const HostList>(std::move(list));
        dispatch(key);
    });
}

void ReceiverProber::openConnection(NextHop &hop, const QByteArray &key)
{
    auto *connection = new ProbeConnection(HostWalk(hop.route, hop.hosts, m_settings, m_tls),
                                           m_settings->receivers, *this, key, this);
    hop.connections.push_back(connection);
    ++hop.connecting;
    ++m_shared->connections;
    connection->open();
}

/// The next hop cannot be asked: whoever waits for it learns so, and it is left alone for a while.
void ReceiverProber::die(NextHop &hop, const smtp::Reply &reason)
{
    hop.deadUntil = m_clock.monotonic() + m_settings->receivers.undecidedLifetime;
    hop.deathReason = printable(reason.toLine());
    hop.hosts.reset();
    log::write(log::Severity::Notice, "delivery.receiver-check-next-hop-down", {},
               {{"next_hop", hop.route.nextHop.toText()}, {"reason", hop.deathReason}});
    for (const QByteArray &id : std::exchange(hop.queue, {})) {
        finish(id, {ReceiverState::Kind::Undecided, hop.deathReason});
    }
}

void ReceiverProber::give(NextHop &hop, ProbeConnection &connection)
{
    while (!hop.queue.empty()) {
        const QByteArray id = std::move(hop.queue.front());
        hop.queue.pop_front();
        const auto probe = m_probes.find(id);
        if (probe != m_probes.end()) {
            ++m_shared->probes;
            connection.ask(probe->second.address);
            return;
        }
    }
    if (m_settings->receivers.idle.count() == 0) {
        connection.quit();
        return;
    }
    connection.idleSince = m_clock.monotonic();
    hop.idle.push_back(&connection);
}

void ReceiverProber::finish(const QByteArray &id, const ReceiverState &state)
{
    const auto found = m_probes.find(id);
    if (found == m_probes.end()) {
        return;
    }
    const Probe probe = std::move(found->second);
    m_probes.erase(found);
    m_shared->pending = static_cast<qint64>(m_probes.size());
    {
        const std::scoped_lock lock(m_shared->mutex);
        m_shared->cache.store(probe.address.key(), probe.route, state, m_clock.wall());
    }
    for (const auto &[until, answer] : probe.waiters) {
        answer(state);
    }
}

void ReceiverProber::onProbeFree(ProbeConnection &connection)
{
    NextHop &hop = m_nextHops[connection.route()];
    hop.connecting -= std::exchange(connection.isNew, false) ? 1 : 0;
    if (connection.isWorthKeeping()) {
        give(hop, connection);
    } else {
        connection.quit();
    }
}

void ReceiverProber::onProbeAnswer(ProbeConnection &connection,
                                   const mail::Address &address,
                                   const smtp::RecipientResult &answer)
{
    finish(idOf(address, connection.route()), receiverStateOf(answer));
}

/// Servers close kept connections when they like; that says nothing about the address.
bool ReceiverProber::repeat(NextHop &hop, const ProbeConnection &connection, const QByteArray &id)
{
    const auto probe = m_probes.find(id);
    if (connection.probes() < 2 || probe == m_probes.end()
        || std::exchange(probe->second.wasRepeated, true)) {
        return false;
    }
    hop.queue.push_front(id);
    return true;
}

void ReceiverProber::onProbeEnded(ProbeConnection &connection,
                                  const std::optional<mail::Address> &unasked,
                                  bool isUnreachable,
                                  const smtp::Reply &reason)
{
    const QByteArray key = connection.route();
    NextHop &hop = m_nextHops[key];
    hop.connecting -= connection.isNew ? 1 : 0;
    std::erase(hop.connections, &connection);
    std::erase(hop.idle, &connection);
    connection.deleteLater();
    if (unasked && !repeat(hop, connection, idOf(*unasked, key))) {
        finish(idOf(*unasked, key), {ReceiverState::Kind::Undecided, printable(reason.toLine())});
    }
    // One of several connections may be refused because the others are there.
    const bool hasLiving = static_cast<int>(hop.connections.size()) > hop.connecting;
    if (isUnreachable && !hasLiving) {
        die(hop, reason);
    } else if (!isUnreachable || hop.connections.empty()) {
        dispatch(key);
    }
}

void ReceiverProber::expireWaiters(Probe &probe, Time now)
{
    while (!probe.waiters.empty() && now >= probe.waiters.front().first) {
        const Answer answer = std::move(probe.waiters.front().second);
        probe.waiters.pop_front();
        answer({ReceiverState::Kind::Undecided, "the next hop has not answered in time"});
    }
}

void ReceiverProber::tick()
{
    const Time now = m_clock.monotonic();
    std::vector<QByteArray> expired;
    for (auto &[id, probe] : m_probes) {
        expireWaiters(probe, now);
        if (now >= probe.until) {
            expired.push_back(id);
        }
    }
    for (const QByteArray &id : expired) {
        finish(id, {ReceiverState::Kind::Undecided, "the next hop has not answered in time"});
    }
    for (auto entry = m_nextHops.begin(); entry != m_nextHops.end();) {
        NextHop &hop = entry->second;
        while (!hop.idle.empty()
               && now - hop.idle.front()->idleSince >= m_settings->receivers.idle) {
            ProbeConnection *connection = hop.idle.front();
            hop.idle.erase(hop.idle.begin());
            connection->quit();
        }
        const bool isForgotten = hop.connections.empty() && hop.queue.empty() && !hop.isFindingHosts
                                 && now >= hop.deadUntil && now >= hop.hostsUntil;
        entry = isForgotten ? m_nextHops.erase(entry) : std::next(entry);
    }
    if (now - m_lastSave >= m_settings->receivers.save) {
        m_lastSave = now;
        save();
    }
}

void ReceiverProber::save()
{
    if (m_settings->receiverFile.isEmpty()) {
        return;
    }
    QByteArray bytes;
    {
        const std::scoped_lock lock(m_shared->mutex);
        if (!m_shared->cache.isChanged()) {
            return;
        }
        bytes = m_shared->cache.toBytes();
    }
    if (const Status status = writeChecksummed(m_settings->receiverFile, bytes);
        !status.has_value()) {
        log::write(log::Severity::Warning, "delivery.receivers-unwritable", {},
                   {{"reason", status.error().toString().toUtf8()}});
    }
}

}  // namespace portcullis::delivery
