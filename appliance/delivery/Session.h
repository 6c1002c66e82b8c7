// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Destination.h"
#include "appliance/delivery/HostWalk.h"
#include "appliance/delivery/Job.h"
#include "appliance/smtp/client/ClientConnection.h"

#include <QtCore/QObject>
#include <QtCore/QPointer>

#include <memory>
#include <optional>

namespace portcullis::delivery {

/// What a session asks of and tells to whoever schedules.
class SessionOwner
{
public:
    virtual ~SessionOwner() = default;

    /// A connection stands; also tells that the destination lives.
    virtual void onSessionReady(Session &session) = 0;
    /// Free: give it a job with run(), let it idle, or quit() it.
    virtual void onSessionFree(Session &session) = 0;
    virtual void onOutcome(Job &job, int recipient, Outcome outcome) = 0;
    /// All recipients of the job have been decided, or stay undecided because we are stopping.
    virtual void onJobDone(Job job) = 0;
    /// A kept connection had gone stale before the job: it is to be run again.
    virtual void onJobReturned(Session &session, Job job) = 0;
    /// No host could be reached. `reply` says why; 5yz if waiting cannot help.
    virtual void onUnreachable(Session &session, const smtp::Reply &reply) = 0;
    /// Over; the session may be deleted with deleteLater(). Always the last call.
    virtual void onSessionEnded(Session &session) = 0;
    /// The message with its content; false: it cannot be read.
    virtual bool loadContent(ActiveMessage &message) = 0;
    [[nodiscard]] virtual Clock::WallTime wallNow() const = 0;
};

/// One connection's worth of deliveries: goes through the hosts of a destination until one can be
/// talked to, then runs jobs on it, one after the other. Delivery thread only.
class Session final : public QObject, private smtp::ConnectionOwner
{
public:
    /// `destination` outlives the session; `hosts` has at least one host.
    Session(Destination &destination,
            std::shared_ptr<const HostList> hosts,
            std::shared_ptr<const DeliverySettings> settings,
            TlsContexts &tls,
            SessionOwner &owner,
            QObject *parent);
    ~Session() override;
    Q_DISABLE_COPY_MOVE(Session)

    void start();
    void run(Job job);
    void quit();   ///< Only while idle.
    void abort();  ///< Cuts the connection; what runs stays undecided.

    [[nodiscard]] Destination &destination() { return m_destination; }
    [[nodiscard]] bool isConnecting() const { return m_isConnecting; }
    [[nodiscard]] bool isBusy() const { return m_job.has_value(); }
    /// Whether another message may use the connection.
    [[nodiscard]] bool isWorthKeeping() const;
    [[nodiscard]] int transactions() const;
    /// Which TLS policy applies to the host talked to, and what came of it.
    [[nodiscard]] TlsReport tlsReport() const { return m_walk.report(m_connection); }
    std::chrono::steady_clock::time_point idleSince{};

private:
    void onReady(smtp::ClientConnection &connection) override;
    void onResult(smtp::ClientConnection &connection, smtp::MailResult result) override;
    void onClosed(smtp::ClientConnection &connection, const Error &reason) override;

    void connectToHost();
    void tryNextHost(const smtp::Reply &reason);
    void sendJob();
    void giveUp(const smtp::Reply &reason);
    void deferJob(const smtp::Reply &reply, bool isFromNextHop);
    [[nodiscard]] Outcome makeOutcome(const smtp::Reply &reply, bool isFromNextHop) const;

    Destination &m_destination;
    std::shared_ptr<const DeliverySettings> m_settings;
    HostWalk m_walk;
    SessionOwner &m_owner;
    QPointer<smtp::ClientConnection> m_connection;
    bool m_isConnecting = true;
    bool m_isAborted = false;
    std::optional<Job> m_job;
    std::optional<smtp::Reply> m_interruption;  ///< Why m_job could not be finished here.
    bool m_isFateUnknown = false;
    bool m_wasKept = false;  ///< m_job ran on a connection that had been used before.
};

}  // namespace portcullis::delivery
