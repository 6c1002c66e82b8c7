// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/BlockingResolver.h"

namespace portcullis::spam {

/// Who answers the lookups of the network tests. One a worker; one thread.
class LookupSource
{
public:
    using Question = BlockingResolver::Question;
    using Ticket = BlockingResolver::Ticket;
    using Arrival = BlockingResolver::Arrival;

    virtual ~LookupSource() = default;

    /// Asks and returns; see BlockingResolver::start().
    virtual Ticket start(const std::vector<Question> &questions,
                         std::chrono::milliseconds deadline) = 0;
    virtual std::vector<Arrival> collect(std::chrono::steady_clock::time_point until) = 0;
    virtual void forget(const std::vector<Ticket> &tickets) = 0;
};

/// The ResolverService of this machine.
class ServiceLookups final : public LookupSource
{
public:
    /// `socketPath`: Paths::resolverSocket().
    explicit ServiceLookups(QString socketPath);

    Ticket start(const std::vector<Question> &questions,
                 std::chrono::milliseconds deadline) override;
    std::vector<Arrival> collect(std::chrono::steady_clock::time_point until) override;
    void forget(const std::vector<Ticket> &tickets) override;

private:
    BlockingResolver m_resolver;
};

}  // namespace portcullis::spam
