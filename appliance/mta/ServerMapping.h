// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/policy/ClientLimits.h"
#include "appliance/smtp/server/Server.h"

#include <memory>

namespace portcullis::mta {

constexpr char externalListener[] = "external";
constexpr char internalListener[] = "internal";
constexpr char filterInListener[] = "filter-in";  ///< Instead of the two, behind Postfix.
constexpr char filterOutListener[] = "filter-out";

/// What section `mail` means for the SMTP server: two ports, untrusted and trusted. Behind Postfix
/// both are on loopback, and what Postfix has taken is not refused for its form or size.
std::shared_ptr<const smtp::ServerSettings> serverSettings(
    const config::Config &config,
    std::shared_ptr<const smtp::TlsIdentity> identity);

/// Whether a listener serves a Postfix in front, which has made the checks before DATA.
bool isBehindPostfix(const smtp::ListenerSettings &listener);

/// conn_count_limit, conn_rate_limit and message_rate_limit; trusted networks are exempt.
policy::ClientLimitSettings clientLimitSettings(const config::Config &config);

}  // namespace portcullis::mta
