// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/HostFinder.h"
#include "appliance/delivery/ProbeConnection.h"
#include "appliance/delivery/ReceiverCache.h"
#include "appliance/delivery/StsFinder.h"
#include "appliance/delivery/TlsContexts.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QTimer>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace portcullis::delivery {

/// What the verifier's threads share.
struct ReceiverShared {
    explicit ReceiverShared(const ReceiverLimits &limits)
        : cache(limits)
    {
    }
    std::mutex mutex;
    ReceiverCache cache;  ///< Under `mutex`.
    std::atomic<qint64> questions = 0;
    std::atomic<qint64> cacheHits = 0;
    std::atomic<qint64> probes = 0;
    std::atomic<qint64> connections = 0;
    std::atomic<qint64> pending = 0;
};

/// What a reply to a probe says of the recipient.
policy::ReceiverState receiverStateOf(const smtp::RecipientResult &answer);

/// What ReceiverVerifier runs in its thread: probes, one for an address, over few connections for a
/// next hop. Used in that thread only.
class ReceiverProber final : public QObject, private ProbeOwner
{
    Q_OBJECT
public:
    using Answer = std::function<void(const policy::ReceiverState &)>;

    ReceiverProber(std::unique_ptr<Resolver> resolver,
                   std::shared_ptr<const DeliverySettings> settings,
                   std::shared_ptr<ReceiverShared> shared,
                   const Clock &clock);
    ~ReceiverProber() override;
    Q_DISABLE_COPY_MOVE(ReceiverProber)

    void setSettings(std::shared_ptr<const DeliverySettings> settings);

    /// `answer` may be empty: an answer of the cache is renewed and nobody waits.
    void ask(const mail::Address &address, const Route &route, Answer answer);

private:
    using Time = Clock::MonotonicTime;

    struct Probe {
        mail::Address address;
        QByteArray route;
        std::deque<std::pair<Time, Answer>> waiters;  ///< Until when; all wait equally long.
        Time until;
        bool wasRepeated = false;
    };
    struct NextHop {
        Route route;
        std::deque<QByteArray> queue;  ///< Ids of probes that wait for a connection.
        std::vector<ProbeConnection *> connections;
        std::vector<ProbeConnection *> idle;
        int connecting = 0;
        std::shared_ptr<const HostList> hosts;
        Time hostsUntil{};
        bool isFindingHosts = false;
        Time deadUntil{};
        QByteArray deathReason;
    };

    static QByteArray idOf(const mail::Address &address, const QByteArray &route);
    void dispatch(const QByteArray &key);
    void findHosts(const QByteArray &key, NextHop &hop);
    void openConnection(NextHop &hop, const QByteArray &key);
    bool repeat(NextHop &hop, const ProbeConnection &connection, const QByteArray &id);
    void die(NextHop &hop, const smtp::Reply &reason);
    void give(NextHop &hop, ProbeConnection &connection);
    void finish(const QByteArray &id, const policy::ReceiverState &state);
    void tick();
    void expireWaiters(Probe &probe, Time now);
    void save();

    void onProbeFree(ProbeConnection &connection) override;
    void onProbeAnswer(ProbeConnection &connection,
                       const mail::Address &address,
                       const smtp::RecipientResult &answer) override;
    void onProbeEnded(ProbeConnection &connection,
                      const std::optional<mail::Address> &unasked,
                      bool isUnreachable,
                      const smtp::Reply &reason) override;

    std::unique_ptr<Resolver> m_resolver;
    std::shared_ptr<const DeliverySettings> m_settings;
    std::shared_ptr<ReceiverShared> m_shared;
    const Clock &m_clock;
    StsFinder m_stsFinder;
    HostFinder m_hostFinder;
    TlsContexts m_tls;
    std::unordered_map<QByteArray, Probe> m_probes;      ///< By idOf().
    std::unordered_map<QByteArray, NextHop> m_nextHops;  ///< By Route::key().
    QTimer m_tick;
    Time m_lastSave{};
};

}  // namespace portcullis::delivery
