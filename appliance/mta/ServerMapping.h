// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/policy/ClientLimits.h"
#include "appliance/smtp/server/Server.h"

#include <memory>

namespace portcullis::mta {

constexpr char externalListener[] = "external";
constexpr char internalListener[] = "internal";

/// What section `mail` means for the SMTP server: two ports, untrusted and trusted.
std::shared_ptr<const smtp::ServerSettings> serverSettings(
    const config::Config &config,
    std::shared_ptr<const smtp::TlsIdentity> identity);

/// conn_count_limit, conn_rate_limit and message_rate_limit; trusted networks are exempt.
policy::ClientLimitSettings clientLimitSettings(const config::Config &config);

}  // namespace portcullis::mta
