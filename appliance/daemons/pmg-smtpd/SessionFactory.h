// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mta/Services.h"
#include "appliance/smtp/server/Server.h"

namespace portcullis {

/// Makes the gateway's session handlers, and on each server thread the policy they ask.
class SessionFactory final : public smtp::HandlerFactory
{
public:
    explicit SessionFactory(const mta::Services &services)
        : m_services(services)
    {
    }

    std::unique_ptr<smtp::HandlerContext> createContext() override;

private:
    const mta::Services &m_services;
};

}  // namespace portcullis
