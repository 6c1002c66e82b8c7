// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/ReputationSink.h"

#include "appliance/spam/reputation/ReputationKey.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace portcullis::spam {

namespace {

qint64 secondsNow(const Clock &clock)
{
    return std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
}

constexpr double mostScore = 1e6;  ///< Of one message: no rule set gives more.

}  // namespace

SnapshotSlot slotOfReputation(const QByteArray &key, const Reputation &reputation)
{
    using Limits = std::numeric_limits<qint32>;
    const double thousandths = std::clamp(std::round(reputation.score * 1000),
                                          double(Limits::min()), double(Limits::max()));
    return {reputationHash(key), quint32(std::clamp<qint64>(reputation.messages, 0, Limits::max())),
            static_cast<quint32>(static_cast<qint32>(thousandths))};
}

Reputation reputationOfSlot(const SnapshotSlot &slot)
{
    return {slot.first, double(static_cast<qint32>(slot.second)) / 1000, 0};
}

ReputationSink::ReputationSink(ReputationStore &store,
                               const Clock &clock,
                               QString snapshot,
                               ReputationSinkSettings settings)
    : m_store(store)
    , m_clock(clock)
    , m_file(std::move(snapshot))
    , m_settings(settings)
    , m_saves(settings.saveInterval)
    , m_looks(settings.lookInterval)
    , m_expiries(settings.expiryInterval)
{
}

Status ReputationSink::apply(std::span<const LearnRequest> requests)
{
    std::map<QByteArray, Reputation> sums;
    const qint64 now = secondsNow(m_clock);
    for (const LearnRequest &request : requests) {
        const auto *add = std::get_if<AddReputation>(&request);
        if (add != nullptr && std::abs(add->score) <= mostScore) {
            Reputation &sum = sums[add->key];
            ++sum.messages;
            sum.score += add->score;
            sum.seconds = std::clamp<qint64>(add->seconds, sum.seconds, std::max(now, sum.seconds));
        }
    }
    if (sums.empty()) {
        return ok();
    }
    std::vector<ReputationChange> changes;
    for (const auto &[key, by] : sums) {
        changes.push_back({key, by});
    }
    TRY(m_store.add(changes));
    for (const ReputationChange &change : changes) {
        SnapshotSlot &slot = m_table.at(reputationHash(change.key));
        Reputation known = reputationOfSlot(slot);
        known.messages += change.by.messages;
        known.score += change.by.score;
        slot = slotOfReputation(change.key, known);
    }
    m_generation += m_generation >= 0 ? 1 : 0;
    m_hasChanged = true;
    return ok();
}

Status ReputationSink::look()
{
    m_hasChanged = m_hasChanged || m_file.wasTouched();
    const qint64 generation = TRY(m_store.generation());
    if (generation == m_generation) {
        return ok();
    }
    SnapshotTable table(SnapshotKind::Reputation);
    TRY(m_store.each([&table](const QByteArray &key, const Reputation &reputation) {
        if (reputation.messages > 0) {
            table.at(reputationHash(key)) = slotOfReputation(key, reputation);
        }
        return ok();
    }));
    m_table = std::move(table);
    m_generation = generation;
    m_hasChanged = true;
    return ok();
}

Status ReputationSink::expire()
{
    TRY(m_store.removeUnusedSince(secondsNow(m_clock) - m_settings.lifetime.count()));
    return ok();
}

Status ReputationSink::save()
{
    TRY(m_file.save(m_table));
    m_hasChanged = false;
    return ok();
}

Status ReputationSink::refresh()
{
    const auto run = [this](SaveSchedule &schedule, Status (ReputationSink::*work)()) -> Status {
        const auto begin = m_clock.monotonic();
        Status done = (this->*work)();
        schedule.done(begin, m_clock.monotonic());
        return done;
    };
    const auto now = m_clock.monotonic();
    Status done = m_expiries.isDue(now) ? run(m_expiries, &ReputationSink::expire) : ok();
    if (done && m_looks.isDue(now)) {
        done = run(m_looks, &ReputationSink::look);
    }
    // Even while the database is away: what is known must not be missing from the file.
    if (m_hasChanged && m_saves.isDue(now)) {
        TRY(run(m_saves, &ReputationSink::save));
    }
    return done;
}

}  // namespace portcullis::spam
