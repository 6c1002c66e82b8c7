// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/HostFinder.h"
#include "appliance/delivery/TlsContexts.h"
#include "appliance/smtp/client/ClientConnection.h"

#include <memory>
#include <optional>

namespace portcullis::delivery {

/// A connection's way through the hosts of a next hop: which host comes next, how it is to be
/// connected to, and what its failure means. Deliveries and probes go the same way.
class HostWalk
{
public:
    /// `hosts` has at least one host; `tls` outlives the walk.
    HostWalk(Route route,
             std::shared_ptr<const HostList> hosts,
             std::shared_ptr<const DeliverySettings> settings,
             TlsContexts &tls);

    [[nodiscard]] const Host &host() const { return m_hosts->hosts[m_index]; }
    [[nodiscard]] bool hasNext() const { return m_index + 1 < m_hosts->hosts.size(); }
    void next();

    /// Why the host must not be talked to at all; nothing if it may.
    [[nodiscard]] std::optional<smtp::Reply> objection() const;
    [[nodiscard]] smtp::ConnectionTarget target() const;

    /// A connection to the host has failed before it was ready. True: try the host again, since the
    /// policy lets mail go without the TLS that did not come about.
    [[nodiscard]] bool mayRepeatWithoutTls(const Error &reason);
    /// Notes for report() why the host could not be used.
    void noteFailure(const Error &reason);

    /// A lost or failed connection in SMTP's terms.
    [[nodiscard]] static smtp::Reply replyFor(const smtp::ClientConnection &connection,
                                              const Error &reason);
    /// `connection` may be null: none was made.
    [[nodiscard]] TlsReport report(const smtp::ClientConnection *connection) const;

private:
    Route m_route;
    std::shared_ptr<const HostList> m_hosts;
    std::shared_ptr<const DeliverySettings> m_settings;
    TlsContexts &m_tls;
    size_t m_index = 0;
    bool m_isWithoutTls = false;  ///< The handshake failed and the policy lets us go without.
    std::optional<Error> m_failure;
};

}  // namespace portcullis::delivery
