// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/HostWalk.h"
#include "appliance/mail/Address.h"
#include "appliance/smtp/client/ClientConnection.h"

#include <QtCore/QObject>
#include <QtCore/QPointer>

#include <chrono>
#include <memory>
#include <optional>

namespace portcullis::delivery {

class ProbeConnection;

/// Who owns probe connections. Calls come from the event loop, never from within a call.
class ProbeOwner
{
public:
    virtual ~ProbeOwner() = default;

    /// Connected, or done with a probe: ask() or quit() may be called.
    virtual void onProbeFree(ProbeConnection &connection) = 0;
    /// What the next hop said of the address that ask() was given.
    virtual void onProbeAnswer(ProbeConnection &connection,
                               const mail::Address &address,
                               const smtp::RecipientResult &answer) = 0;
    /// Over; to be deleted with deleteLater(). Always the last call. `unasked` is the address whose
    /// answer did not come; `isUnreachable` says that no host could be talked to, for `reason`.
    virtual void onProbeEnded(ProbeConnection &connection,
                              const std::optional<mail::Address> &unasked,
                              bool isUnreachable,
                              const smtp::Reply &reason) = 0;
};

/// A connection to a next hop that asks for recipients, one after the other.
class ProbeConnection final : public QObject, private smtp::ConnectionOwner
{
    Q_OBJECT
public:
    ProbeConnection(HostWalk walk,
                    const ReceiverLimits &limits,
                    ProbeOwner &owner,
                    QByteArray route,
                    QObject *parent);
    ~ProbeConnection() override;
    Q_DISABLE_COPY_MOVE(ProbeConnection)

    void open();
    void ask(const mail::Address &address);
    void quit();

    [[nodiscard]] const QByteArray &route() const { return m_route; }
    /// Not after many refusals: servers slow down or hang up on who guesses addresses.
    [[nodiscard]] bool isWorthKeeping() const;
    /// Free in a moment: the answer to RSET is under way.
    [[nodiscard]] bool isResetting() const { return !isNew && !m_address && !m_hasQuit; }
    [[nodiscard]] int probes() const { return m_probes; }  ///< Addresses asked for so far.

    // Managed by the owner.
    bool isNew = true;  ///< Has not been free yet.
    std::chrono::steady_clock::time_point idleSince{};

private:
    void onReady(smtp::ClientConnection &connection) override;
    void onResult(smtp::ClientConnection &connection, smtp::MailResult result) override;
    void onClosed(smtp::ClientConnection &connection, const Error &reason) override;

    void connectToHost();
    void tryNextHost(const smtp::Reply &reason);
    void end(bool isUnreachable, const smtp::Reply &reason);

    HostWalk m_walk;
    ReceiverLimits m_limits;
    ProbeOwner &m_owner;
    QByteArray m_route;
    QPointer<smtp::ClientConnection> m_connection;
    std::optional<mail::Address> m_address;
    bool m_isConnecting = true;
    bool m_hasQuit = false;
    int m_probes = 0;
    int m_refusals = 0;
};

}  // namespace portcullis::delivery
