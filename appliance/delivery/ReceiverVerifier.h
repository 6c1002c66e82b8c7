// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/policy/ReceiverCheck.h"
#include "shared/base/Clock.h"

#include <QtCore/QtGlobal>

#include <functional>
#include <memory>

namespace portcullis::delivery {

struct ReceiverStatistics {
    qint64 questions = 0;    ///< Calls of verify().
    qint64 cacheHits = 0;    ///< Of these: answered from the cache.
    qint64 probes = 0;       ///< RCPT sent to next hops.
    qint64 connections = 0;  ///< Opened for probes.
    qint64 pending = 0;      ///< Addresses being asked for now.
    qint64 cached = 0;       ///< Answers kept.
};

/// Asks next hops whether they know a recipient: EHLO, MAIL FROM:<>, RCPT TO, RSET, never DATA. Goes
/// the way that mail for the recipient would go: the same route, hosts, TLS policy and protocol.
///
/// Works in a thread of its own; all functions are thread-safe. What is known is answered from a
/// cache in the caller's thread. Whoever asks for an address that is being asked for waits for the
/// same probe; a next hop sees at most ReceiverLimits::connections connections (R5). An answer that
/// takes longer than ReceiverLimits::answer is Undecided for those who wait and is cached when it
/// comes.
///
/// Only the answer to RCPT counts. Refusals for good that do not concern the recipient — of MAIL, of
/// our address (5.7.x), a full mailbox (5.2.2) or system (5.3.x) — are Undecided. Answers are kept
/// with the route they came by and forgotten when a reload changes it.
class ReceiverVerifier final : public policy::ReceiverCheck
{
public:
    /// Makes the resolver in the verifier's thread, where it is used.
    using MakeResolver = std::function<std::unique_ptr<Resolver>()>;

    /// `clock` must outlive the verifier.
    ReceiverVerifier(MakeResolver makeResolver,
                     std::shared_ptr<const DeliverySettings> settings,
                     const Clock &clock);
    ~ReceiverVerifier() override;  ///< stop().
    Q_DISABLE_COPY_MOVE(ReceiverVerifier)

    /// Reads the cache of DeliverySettings::receiverFile and starts the thread.
    void start();
    /// Answers Undecided to whoever waits, cuts the connections, writes the cache. Blocks shortly.
    /// Harmless when repeated; verify() answers Undecided afterwards.
    void stop();

    void setSettings(std::shared_ptr<const DeliverySettings> settings);

    void verify(const mail::Address &recipient, QObject *context, Callback done) override;

    /// Forgets all answers.
    void flush();

    [[nodiscard]] ReceiverStatistics statistics() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::delivery
