// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/mail/Address.h"

namespace portcullis::delivery {

/// Where mail for a recipient goes next, and how.
struct Route {
    config::NextHop nextHop;
    config::TlsPolicy tls;
    /// Written by an administrator (transport, relay, smart host): a name that does not exist is
    /// then a mistake to wait out, not a reason to bounce.
    bool isConfigured = false;

    /// What makes two recipients share a transaction, a queue and a connection.
    [[nodiscard]] QByteArray key() const;
};

/// Transport of the address, its domain or a parent domain; else for a relay domain the relay; else
/// the smart host; else MX of the domain (RFC 5321 §5.1). An address literal is its own next hop.
/// Behind Postfix everything goes back to it, and it decides all this.
Route routeFor(const config::Config &config, const mail::Address &recipient);

}  // namespace portcullis::delivery
