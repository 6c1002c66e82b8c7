// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "appliance/mail/Envelope.h"
#include "appliance/smtp/Reply.h"

#include <optional>

namespace portcullis::mta {

/// Whether we take responsibility for a recipient: the rule that keeps us from being an open relay.
///
/// Incoming port: relay domains only; our own addresses may send anywhere. Outgoing port: trusted
/// networks may send anywhere, others to relay domains only. Routing characters in a local part
/// (`user%other@ours`) are refused from everybody who may not relay (R1). nullopt: yes.
std::optional<smtp::Reply> relayRefusal(const config::Config &config,
                                        mail::Direction direction,
                                        const mail::Client &client,
                                        const mail::Address &recipient);

/// `<postmaster>` without a domain must be accepted (RFC 5321 §4.5.1): it goes to the administrator.
mail::Address withDomain(const config::Config &config, const mail::Address &recipient);

/// Why a reverse-path is refused, whatever the recipients: not a domain that can be answered, or a
/// sender domain that must come over TLS and did not. nullopt: fine.
std::optional<smtp::Reply> senderRefusal(const config::Config &config,
                                         mail::Direction direction,
                                         const mail::Client &client,
                                         const mail::Address &sender);

}  // namespace portcullis::mta
