// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/greylist/Greylist.h"

#include "appliance/policy/greylist/Keeper.h"
#include "appliance/policy/greylist/TripletTable.h"

#include <mutex>
#include <thread>

namespace portcullis::policy::greylist {

namespace {

using Reason = Decision::Reason;
using Answer = TripletTable::Answer;

QHostAddress baseOf(const QByteArray &network)
{
    return QHostAddress(QString::fromLatin1(network.left(network.indexOf('/'))));
}

Decision decisionOf(const TripletTable::Found &found)
{
    switch (found.answer) {
    case Answer::First:
        return {Reason::FirstAttempt, found.left};
    case Answer::Early:
        return {Reason::TooEarly, found.left};
    case Answer::Over:
        return {Reason::DelayOver, {}};
    case Answer::Passed:
        return {Reason::KnownTriplet, {}};
    case Answer::Unknown:
        break;
    }
    return {Reason::Unavailable, {}};
}

}  // namespace

struct Greylist::Private {
    Private(StoreFactory makeStore,
            const GreylistSettings &initial,
            const Clock &time,
            const GreylistLimits &bounds)
        : limits(bounds)
        , settings(initial)
        , clock(time)
        , table(bounds)
        , keeper(
              table,
              std::move(makeStore),
              [this](const StoredTriplet &row, TripletTable::Age age) { return take(row, age); },
              time,
              bounds)
    {
        keeper.setTolerance(initial.outageTolerance);
    }

    GreylistSettings currentSettings()
    {
        const std::scoped_lock lock(mutex);
        return settings;
    }

    void learn(const Triplet &triplet,
               const GreylistSettings &current,
               std::chrono::seconds lifetime,
               Clock::WallTime time)
    {
        const auto known = knownSenderOf(triplet);
        if (known && current.knownAfter > 0 && lifetime > std::chrono::seconds(0)) {
            table.countTowards(*known, current.knownAfter, lifetime, time);
        }
    }

    bool take(const StoredTriplet &row, TripletTable::Age age)
    {
        const QByteArray bounded = row.isPassed ? QByteArray()
                                                : boundedNetworkOf(baseOf(row.triplet.network));
        const auto merged = table.merge(row, bounded, age);
        if (merged == TripletTable::Merged::NowPassed) {
            const auto time = clock.wall();
            learn(row.triplet, currentSettings(),
                  std::chrono::floor<std::chrono::seconds>(row.expires - time), time);
        }
        return merged != TripletTable::Merged::Full;
    }

    const GreylistLimits limits;
    std::mutex mutex;  ///< For the settings.
    GreylistSettings settings;
    const Clock &clock;
    TripletTable table;
    Keeper keeper;
    std::thread thread;
};

const char *nameOf(Decision::Reason reason)
{
    switch (reason) {
    case Reason::KnownTriplet:
        return "known";
    case Reason::DelayOver:
        return "delay-over";
    case Reason::KnownSender:
        return "known-sender";
    case Reason::Reply:
        return "reply";
    case Reason::NotGreylisted:
        return "not-greylisted";
    case Reason::Unavailable:
        return "unavailable";
    case Reason::FirstAttempt:
        return "first-attempt";
    case Reason::TooEarly:
        return "too-early";
    }
    return "";
}

Greylist::Greylist(StoreFactory makeStore,
                   GreylistSettings settings,
                   const Clock &clock,
                   GreylistLimits limits)
    : d(std::make_unique<Private>(std::move(makeStore), settings, clock, limits))
{
}

Greylist::~Greylist()
{
    stop();
}

void Greylist::start()
{
    d->thread = std::thread([this] { d->keeper.run(); });
}

void Greylist::stop()
{
    if (d->thread.joinable()) {
        d->keeper.stop();
        d->thread.join();
    }
}

void Greylist::setSettings(const GreylistSettings &settings)
{
    const std::scoped_lock lock(d->mutex);
    d->settings = settings;
    d->keeper.setTolerance(settings.outageTolerance);
}

Decision Greylist::decide(const Attempt &attempt, Clock::WallTime now)
{
    const GreylistSettings settings = d->currentSettings();
    if (isIpv6(attempt.client) && !settings.isIpv6Greylisted) {
        return {Reason::NotGreylisted, {}};
    }
    const Triplet triplet{networkOf(attempt.client, settings),
                          normalisedSender(attempt.sender, d->limits),
                          normalisedRecipient(attempt.recipient, d->limits)};
    const QByteArray bounded = boundedNetworkOf(attempt.client);
    const bool isNull = attempt.sender.isNull();
    const std::chrono::seconds lifetime = isNull ? std::chrono::seconds(0) : settings.passLifetime;
    const TripletTable::Periods periods{settings.delay, settings.retryWindow, lifetime};
    auto found = d->table.attempt(triplet, bounded, periods, TripletTable::Unknown::Leave, now);
    if (found.answer == Answer::Unknown || found.answer == Answer::Early) {
        if (!isNull
            && d->table.renew(replyOf(triplet.sender, triplet.recipient), settings.replyLifetime,
                              now)) {
            d->table.allow(triplet, lifetime, now);
            return {Reason::Reply, {}};
        }
        const auto known = knownSenderOf(triplet);
        if (known && settings.knownAfter > 0 && d->table.renew(*known, lifetime, now)) {
            return {Reason::KnownSender, {}};
        }
    }
    if (found.answer == Answer::Unknown && !d->keeper.isAway(settings.outageTolerance)) {
        found = d->table.attempt(triplet, bounded, periods, TripletTable::Unknown::Remember, now);
    }
    if (found.answer == Answer::Over) {
        d->learn(triplet, settings, lifetime, now);
    }
    return decisionOf(found);
}

void Greylist::learnOutgoing(const mail::Address &sender,
                             const std::vector<mail::Address> &recipients,
                             Clock::WallTime now)
{
    if (sender.isNull()) {
        return;
    }
    const GreylistSettings settings = d->currentSettings();
    const QByteArray us = normalisedRecipient(sender, d->limits);
    for (const mail::Address &recipient : recipients) {
        d->table.allow(replyOf(normalisedSender(recipient, d->limits), us), settings.replyLifetime,
                       now);
    }
}

void Greylist::countSpfReject(Clock::WallTime now)
{
    d->keeper.countSpfReject(now);
}

Greylist::Figures Greylist::figures() const
{
    const TripletTable::Sizes sizes = d->table.sizes();
    return {sizes.triplets,
            sizes.waiting,
            sizes.unwritten,
            sizes.evicted,
            sizes.octets,
            d->keeper.isLoaded(),
            d->keeper.isAway(d->currentSettings().outageTolerance)};
}

}  // namespace portcullis::policy::greylist
