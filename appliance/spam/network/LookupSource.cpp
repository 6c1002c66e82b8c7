// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/LookupSource.h"

namespace portcullis::spam {

ServiceLookups::ServiceLookups(QString socketPath)
    : m_resolver(std::move(socketPath))
{
}

LookupSource::Ticket ServiceLookups::start(const std::vector<Question> &questions,
                                           std::chrono::milliseconds deadline)
{
    return m_resolver.start(questions, deadline);
}

std::vector<LookupSource::Arrival> ServiceLookups::collect(
    std::chrono::steady_clock::time_point until)
{
    return m_resolver.collect(until);
}

void ServiceLookups::forget(const std::vector<Ticket> &tickets)
{
    m_resolver.forget(tickets);
}

}  // namespace portcullis::spam
