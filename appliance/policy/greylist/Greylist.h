// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Address.h"
#include "appliance/policy/greylist/GreylistSettings.h"
#include "appliance/policy/greylist/GreylistStore.h"
#include "shared/base/Clock.h"

#include <QtNetwork/QHostAddress>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace portcullis::policy::greylist {

/// One RCPT of an untrusted client.
struct Attempt {
    const QHostAddress &client;
    const mail::Address &sender;  ///< May be null: DSNs are deferred like any other mail.
    const mail::Address &recipient;
};

/// What greylisting says to an attempt.
struct Decision {
    enum class Reason {
        KnownTriplet,   ///< Passed before.
        DelayOver,      ///< A retry after the delay: its first pass.
        KnownSender,    ///< Network and sender domain have passed often enough.
        Reply,          ///< Our recipient wrote to this sender before.
        NotGreylisted,  ///< IPv6, while that is off.
        Unavailable,    ///< Unknown, but our database is away: see GreylistSettings.
        FirstAttempt,   ///< Deferred; now the delay runs.
        TooEarly        ///< Deferred again: the delay still runs.
    };
    Reason reason = Reason::Unavailable;
    std::chrono::seconds left{0};  ///< Until a retry passes; for tracking, not for the reply.

    [[nodiscard]] bool isPass() const
    {
        return reason != Reason::FirstAttempt && reason != Reason::TooEarly;
    }
    friend bool operator==(const Decision &, const Decision &) = default;
};

/// "known", "delay-over", "known-sender", "reply", "not-greylisted", "unavailable", "first-attempt",
/// "too-early": for tracking.
const char *nameOf(Decision::Reason reason);

/// What a deferred client is told: 450 with this enhanced code and text (facts of the guides; an
/// administrator greps for it). It says no time: whoever is patient finds out, others need not know.
inline constexpr char deferEnhancedCode[] = "4.7.1";
inline constexpr char deferText[] = "Service is unavailable (try later)";

/// Greylisting: whoever does not retry is not a mail server (RFC 6647).
///
/// One per process. decide() answers from memory, in microseconds, on any thread; a thread of its own
/// loads what is known at the start, writes changes behind and removes what has expired. Until the
/// first load is done, and while the database has been failing for longer than `outageTolerance`,
/// unknown triplets pass; that ends by itself. The log says when either begins and ends.
///
/// An SPF pass, the SMTP allow list and trusted networks are the caller's matter: he does not ask.
class Greylist
{
public:
    using StoreFactory = std::function<std::unique_ptr<GreylistStore>()>;

    /// `makeStore` is called once, on the writer's thread (see postgresStore()).
    Greylist(StoreFactory makeStore,
             GreylistSettings settings,
             const Clock &clock = SystemClock::instance(),
             GreylistLimits limits = {});
    ~Greylist();  ///< As stop().
    Greylist(const Greylist &) = delete;
    Greylist &operator=(const Greylist &) = delete;

    void start();  ///< Begins to load, in the background.
    /// Writes what waits (at most one try for each batch) and ends the thread.
    void stop();

    /// A reload. With another mask nothing known fits any more: everybody is delayed once again.
    void setSettings(const GreylistSettings &settings);

    Decision decide(const Attempt &attempt, Clock::WallTime now);

    /// Our `sender` wrote to `recipients`: their replies are not delayed. Does nothing for the null
    /// path.
    void learnOutgoing(const mail::Address &sender,
                       const std::vector<mail::Address> &recipients,
                       Clock::WallTime now);

    /// Counts a refusal by SPF in the statistics.
    void countSpfReject(Clock::WallTime now);

    struct Figures {
        size_t triplets = 0;    ///< In memory.
        size_t waiting = 0;     ///< Of them, never passed.
        size_t unwritten = 0;   ///< Rows that wait for the database.
        quint64 evicted = 0;    ///< Thrown out because the table or a network's share was full.
        quint64 octets = 0;     ///< Memory of the table.
        bool isLoaded = false;  ///< What the database knew is in memory.
        bool isAway = false;    ///< Unknown triplets pass.
    };
    [[nodiscard]] Figures figures() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::policy::greylist
