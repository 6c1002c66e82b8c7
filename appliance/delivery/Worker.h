// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliveryManager.h"
#include "appliance/delivery/Destination.h"
#include "appliance/delivery/HostFinder.h"
#include "appliance/delivery/LifetimeClock.h"
#include "appliance/delivery/Session.h"
#include "appliance/delivery/Settlement.h"
#include "appliance/delivery/StsFinder.h"
#include "appliance/delivery/TlsContexts.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QSet>
#include <QtCore/QTimer>

#include <atomic>
#include <deque>
#include <memory>
#include <unordered_map>

namespace portcullis::delivery {

/// Numbers that other threads read.
struct DeliveryCounters {
    std::atomic<qint64> active = 0;
    std::atomic<qint64> connections = 0;
    std::atomic<qint64> destinations = 0;
    std::atomic<qint64> deadDestinations = 0;
    std::atomic<qint64> delivered = 0;
    std::atomic<qint64> deferred = 0;
    std::atomic<qint64> bounced = 0;
    std::atomic<qint64> expired = 0;
};

/// What DeliveryManager runs in its thread: admits messages from the spool, sorts their recipients
/// into destinations, gives destinations connections in turn, and settles what came of it.
class Worker final : public QObject, private SessionOwner
{
    Q_OBJECT
public:
    Worker(spool::Spool &spool,
           std::unique_ptr<Resolver> resolver,
           std::shared_ptr<const DeliverySettings> settings,
           DeliveryObserver &observer,
           const Clock &clock,
           DeliveryCounters &counters);
    ~Worker() override;
    Q_DISABLE_COPY_MOVE(Worker)

    void start();
    /// Ends what runs until `bound`, then cuts it; `stopped` follows.
    void stop(std::chrono::milliseconds bound);
    void setSettings(std::shared_ptr<const DeliverySettings> settings);
    /// Tries what waits, for a domain or all of it, at once.
    void flush(const QByteArray &domain);
    void flushMessage(const QByteArray &queueId);

Q_SIGNALS:
    void stopped();

private:
    using Time = std::chrono::steady_clock::time_point;
    using ActivePointer = std::shared_ptr<ActiveMessage>;

    // Admission: WorkerAdmission.cpp.
    void onChanges(const spool::ChangeSet &changes);
    void onChange(const spool::Change &change);
    void offer(const QByteArray &id);
    void admitSome();
    void admit(const QByteArray &id);
    void route(const ActivePointer &message);
    [[nodiscard]] bool isLooping(const ActiveMessage &message) const;
    void sweep();
    void sweepPage(const spool::Page &page, const QByteArray &domain);
    bool loadContent(ActiveMessage &message) override;
    void dropContent(ActiveMessage &message);

    // Connections: Worker.cpp.
    Destination &destinationFor(const Route &route);
    void dispatch(Destination &destination);
    void pump();
    [[nodiscard]] bool wantsSession(const Destination &destination) const;
    void startSession(Destination &destination);
    void findHosts(Destination &destination);
    void onHosts(Destination &destination, HostList list);
    void deferAll(Destination &destination, const smtp::Reply &reply, const TlsReport &report);
    void endIdleSession();
    [[nodiscard]] bool mustYield(const Session &session) const;
    void onSessionReady(Session &session) override;
    void onSessionFree(Session &session) override;
    void onOutcome(Job &job, int recipient, Outcome outcome) override;
    void onJobDone(Job job) override;
    void onJobReturned(Session &session, Job job) override;
    void onUnreachable(Session &session, const smtp::Reply &reply) override;
    void onSessionEnded(Session &session) override;
    [[nodiscard]] Clock::WallTime wallNow() const override { return m_clock.wall(); }

    // Outcomes: WorkerOutcomes.cpp.
    void commitPartial(const ActivePointer &message);
    void finish(const ActivePointer &message);
    void finished(const ActivePointer &message, const Status &status, bool isLeaving);
    [[nodiscard]] SettlementContext contextFor(const ActiveMessage &message) const;
    void tell(const std::vector<DeliveryEvent> &events);

    void tick();
    void checkStopped();
    void updateCounters();
    [[nodiscard]] Time now() const { return m_clock.monotonic(); }

    spool::Spool &m_spool;
    std::unique_ptr<Resolver> m_resolver;
    StsFinder m_stsFinder;
    HostFinder m_hostFinder;
    std::shared_ptr<const DeliverySettings> m_settings;
    DeliveryObserver &m_observer;
    const Clock &m_clock;
    DeliveryCounters &m_counters;
    LifetimeClock m_lifetime;
    TlsContexts m_tls;

    QHash<QByteArray, ActivePointer> m_active;
    qint64 m_activeBytes = 0;
    std::deque<QByteArray> m_offered;  ///< Ids to be admitted in the next turns of the loop.
    QSet<QByteArray> m_offeredIds;
    bool m_isAdmitting = false;
    bool m_hasBacklog = false;  ///< Due entries were left in the spool for want of room.

    /// A flush in progress: goes through the spool as room allows.
    struct Flush {
        spool::Cursor cursor;
        QByteArray domain;
        QSet<QByteArray> seen;
    };
    std::deque<Flush> m_flushes;

    std::unordered_map<QByteArray, std::unique_ptr<Destination>> m_destinations;
    std::deque<QByteArray> m_waiting;  ///< Keys of destinations that want a connection, in turn.
    int m_sessions = 0;
    QTimer m_tick;
    QTimer m_stopTimer;
    int m_commits = 0;  ///< Not answered yet.
    bool m_isStopping = false;
    bool m_isStopped = false;
};

}  // namespace portcullis::delivery
