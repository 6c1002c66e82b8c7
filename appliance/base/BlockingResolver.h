// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/base/ResolverWire.h"

#include <QtCore/QString>

#include <chrono>
#include <map>
#include <vector>

namespace portcullis {

/// How a client bears the service's absence.
struct BlockingResolverLimits {
    /// A service that is being started again is waited for, but never past a lookup's own deadline.
    std::chrono::milliseconds patience = std::chrono::milliseconds(2500);  ///< Range 0 … 10 s.
    /// After a wait in vain lookups fail at once for this long.
    std::chrono::milliseconds rest = std::chrono::seconds(10);  ///< Range 0 … 10 min.
};

/// DNS for a process without threads, event loop and network: asks the ResolverService, many names at
/// once, and waits.
///
/// Connects at the first lookup and again whenever the service is a new one. Used by one thread; a
/// forked process makes its own.
class BlockingResolver
{
public:
    using Question = resolverwire::Question;

    explicit BlockingResolver(QString socketPath, BlockingResolverLimits limits = {});
    ~BlockingResolver();
    Q_DISABLE_COPY_MOVE(BlockingResolver)

    /// One result a question, in their order. Returns when all are there, at the latest at the
    /// deadline, with what is there until then.
    ///
    /// Errors as those of Resolver::lookup(), all transient; a service that is away or talks nonsense
    /// is `dns.servfail`.
    std::vector<Result<DnsAnswer>> lookup(const std::vector<Question> &questions,
                                          std::chrono::milliseconds deadline);
    Result<DnsAnswer> lookup(const QByteArray &name,
                             DnsType type,
                             std::chrono::milliseconds deadline);

    using SteadyTime = std::chrono::steady_clock::time_point;
    using Ticket = quint32;
    /// The answers to what start() asked, in the order of the questions.
    struct Arrival {
        Ticket ticket = 0;
        std::vector<Result<DnsAnswer>> answers;
    };
    /// Asks and returns at once, so that other work can be done while the service looks up. Not more
    /// questions than resolverwire::Limits allow. Works beside lookup().
    ///
    /// Does not wait for a service that is away: the errors arrive instead. Each ticket arrives once,
    /// unless it is forgotten.
    Ticket start(const std::vector<Question> &questions, std::chrono::milliseconds deadline);
    /// What has arrived; waits for something until `until`, as long as anything is to come.
    std::vector<Arrival> collect(SteadyTime until);
    /// Nobody waits for these answers any more.
    void forget(const std::vector<Ticket> &tickets);

private:
    enum class Exchange { Done, Late, Broken };

    void ask(const Question *questions,
             size_t count,
             SteadyTime deadline,
             std::vector<Result<DnsAnswer>> &results);
    bool connectUntil(SteadyTime deadline);
    bool connectNow();
    void disconnect();
    Exchange exchange(const resolverwire::Request &request,
                      SteadyTime deadline,
                      std::vector<Result<DnsAnswer>> &answers);
    Exchange receiveResponse(SteadyTime deadline, resolverwire::Response &response);
    void keep(resolverwire::Response response);
    void failStarted();
    Exchange send(const QByteArray &frame, SteadyTime deadline);
    Exchange receive(qsizetype size, SteadyTime deadline);

    QString m_path;
    BlockingResolverLimits m_limits;
    int m_socket = -1;
    quint32 m_lastId = 0;
    QByteArray m_received;  ///< Bytes of a frame that is not whole yet.
    SteadyTime m_restsUntil{};
    std::map<Ticket, size_t> m_started;  ///< Questions of what has not arrived.
    std::vector<Arrival> m_arrived;
};

}  // namespace portcullis
