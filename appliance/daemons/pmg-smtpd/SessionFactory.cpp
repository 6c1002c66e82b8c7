// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtpd/SessionFactory.h"

#include "appliance/mta/Intake.h"
#include "appliance/mta/ServerMapping.h"
#include "appliance/policy/OpenPolicy.h"

namespace portcullis {

namespace {

class SessionContext final : public smtp::HandlerContext
{
public:
    explicit SessionContext(const mta::Services &services)
        : m_services(services)
    {
    }

    std::unique_ptr<smtp::SessionHandler> createHandler(
        smtp::SessionControl &control,
        const smtp::ListenerSettings &listener) override
    {
        return std::make_unique<mta::Intake>(
            m_services, std::make_unique<policy::OpenPolicy>(), control, listener.direction,
            mta::isBehindPostfix(listener) ? mta::Peer::Postfix : mta::Peer::Client);
    }

private:
    const mta::Services &m_services;
};

}  // namespace

std::unique_ptr<smtp::HandlerContext> SessionFactory::createContext()
{
    return std::make_unique<SessionContext>(m_services);
}

}  // namespace portcullis
