// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/daemons/pmg-smtpd/SessionChecks.h"
#include "appliance/mta/Services.h"
#include "appliance/smtp/server/Server.h"

namespace portcullis {

/// Makes the gateway's session handlers, and on each server thread the policy they ask.
class SessionFactory final : public smtp::HandlerFactory
{
public:
    /// No `checks`: a Postfix in front makes them.
    SessionFactory(const mta::Services &services, SessionChecks *checks)
        : m_services(services)
        , m_checks(checks)
    {
    }

    std::unique_ptr<smtp::HandlerContext> createContext() override;

private:
    const mta::Services &m_services;
    SessionChecks *m_checks;
};

}  // namespace portcullis
