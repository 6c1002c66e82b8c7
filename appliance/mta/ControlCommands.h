// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/DeliveryManager.h"
#include "appliance/mta/Services.h"
#include "appliance/smtp/server/Server.h"
#include "appliance/spool/ControlServer.h"

#include <functional>

namespace portcullis::mta {

/// The commands of pmg-smtpd's control socket beyond the queue's own:
///  - `submit` {envelope: {sender, recipients}, direction?: "in"|"out", queue_id?} + the message as
///    bytes: queued for delivery without being filtered (release from quarantine, reports). Answers
///    {queue_id} once the message is on stable storage.
///  - `reload` {}: reads the configuration again; answers {} or the configuration's fault.
///  - `status` {}: sessions, queue and delivery in numbers.
struct ControlContext {
    const Services &services;
    const smtp::Server &server;
    const delivery::DeliveryManager &delivery;
    std::function<Status()> reload;
};

/// `context`'s references must outlive `server`.
void registerControlCommands(spool::ControlServer &server, const ControlContext &context);

}  // namespace portcullis::mta
