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
    SessionContext(const mta::Services &services,
                   std::unique_ptr<policy::PolicyContext> policyContext)
        : m_services(services)
        , m_policyContext(std::move(policyContext))
    {
    }

    std::unique_ptr<smtp::SessionHandler> createHandler(
        smtp::SessionControl &control,
        const smtp::ListenerSettings &listener) override
    {
        const bool isBehindPostfix = mta::isBehindPostfix(listener);
        std::unique_ptr<policy::SessionPolicy> policy = std::make_unique<policy::OpenPolicy>();
        if (!isBehindPostfix) {
            policy = m_policyContext->createSession(listener.direction);
        }
        return std::make_unique<mta::Intake>(
            m_services, std::move(policy), control, listener.direction,
            isBehindPostfix ? mta::Peer::Postfix : mta::Peer::Client);
    }

private:
    const mta::Services &m_services;
    std::unique_ptr<policy::PolicyContext> m_policyContext;
};

}  // namespace

std::unique_ptr<smtp::HandlerContext> SessionFactory::createContext()
{
    return std::make_unique<SessionContext>(m_services,
                                            m_checks ? m_checks->createContext() : nullptr);
}

}  // namespace portcullis
