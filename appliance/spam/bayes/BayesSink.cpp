// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesSink.h"

#include "appliance/base/Log.h"
#include "appliance/spam/bayes/SnapshotTokens.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

qint64 secondsOf(const Clock &clock)
{
    return std::chrono::floor<std::chrono::seconds>(clock.wall()).time_since_epoch().count();
}

}  // namespace

BayesSink::BayesSink(BayesStore &store,
                     const Clock &clock,
                     QString snapshot,
                     BayesSinkSettings settings)
    : m_store(store)
    , m_clock(clock)
    , m_file(std::move(snapshot))
    , m_settings(settings)
    , m_saves(settings.saveInterval)
    , m_looks(settings.lookInterval)
    , m_useSaves(settings.useInterval)
    , m_expiries(settings.expiryInterval)
{
}

Status BayesSink::apply(std::span<const LearnRequest> requests)
{
    std::vector<LearnTokens> messages;
    std::vector<TouchTokens> touches;
    const qint64 now = secondsOf(m_clock);
    for (const LearnRequest &request : requests) {
        if (const auto *message = std::get_if<LearnTokens>(&request)) {
            messages.push_back(*message);
            // A message from tomorrow would keep its tokens for ever.
            messages.back().seconds = std::clamp<qint64>(message->seconds, 0, now);
        } else if (const auto *touch = std::get_if<TouchTokens>(&request)) {
            touches.push_back(*touch);
            touches.back().seconds = std::clamp<qint64>(touch->seconds, 0, now);
        }
    }
    if (messages.empty() && touches.empty()) {
        return ok();
    }
    mirror(TRY(learnMessages(m_store, messages, touches)).change);
    return ok();
}

void BayesSink::mirror(const BayesChange &change)
{
    const auto add = [](quint32 count, qint64 by) {
        return std::max<qint64>(0, qint64(count) + by);
    };
    bool isMoreThanUse = change.messages != LearntMessages() || !change.seen.empty();
    for (const BayesChange::Counts &counts : change.tokens) {
        SnapshotSlot &slot = m_table.at(slotKeyOfToken(counts.token));
        const TokenCounts before = countsOfSlot(slot);
        slot = slotOfToken(counts.token,
                           {add(slot.first, counts.spam), add(slot.second, counts.ham),
                            std::max(before.seconds, counts.seconds)});
        isMoreThanUse = isMoreThanUse || counts.spam != 0 || counts.ham != 0;
    }
    m_table.totals[0] = std::max<qint64>(0, m_table.totals[0] + change.messages.spam);
    m_table.totals[1] = std::max<qint64>(0, m_table.totals[1] + change.messages.ham);
    if (isMoreThanUse) {
        m_hasNewCounts = true;
        // Our own change: no reason to read everything again.
        m_generation += m_generation >= 0 ? 1 : 0;
    } else {
        m_hasNewUses = m_hasNewUses || !change.tokens.empty();
    }
}

Status BayesSink::reload()
{
    // Read before the tokens: what is learnt meanwhile is then read once more rather than missed.
    const qint64 generation = TRY(m_store.generation());
    const LearntMessages messages = TRY(m_store.messages());
    SnapshotTable table(SnapshotKind::Bayes);
    TRY(m_store.eachToken([&table](Token token, const TokenCounts &counts) {
        table.at(slotKeyOfToken(token)) = slotOfToken(token, counts);
        return ok();
    }));
    table.totals = {messages.spam, messages.ham, 0, 0};
    m_table = std::move(table);
    m_generation = generation;
    m_hasNewCounts = true;
    return ok();
}

Status BayesSink::save()
{
    TRY(m_file.save(m_table));
    m_hasNewCounts = false;
    m_hasNewUses = false;
    return ok();
}

Status BayesSink::look()
{
    m_hasNewCounts = m_hasNewCounts || m_file.wasTouched();
    const qint64 generation = TRY(m_store.generation());
    return generation == m_generation ? ok() : reload();
}

Status BayesSink::expire()
{
    const qint64 now = secondsOf(m_clock);
    TRY(m_store.removeSeenBefore(now - m_settings.seenLifetime.count()));
    if (const auto removed = TRY(expireTokens(m_store, m_settings.expiry, now))) {
        log::write(log::Severity::Info, "bayes.expired", {},
                   {{"tokens", QByteArray::number(*removed)}});
    }
    return ok();
}

Status BayesSink::refresh()
{
    const auto run = [this](SaveSchedule &schedule, Status (BayesSink::*work)()) -> Status {
        const auto begin = m_clock.monotonic();
        Status done = (this->*work)();
        schedule.done(begin, m_clock.monotonic());
        return done;
    };
    const auto now = m_clock.monotonic();
    Status done = m_looks.isDue(now) ? run(m_looks, &BayesSink::look) : ok();
    if (done && m_expiries.isDue(now)) {
        done = run(m_expiries, &BayesSink::expire);
    }
    // Even while the database is away: what is known must not be missing from the file.
    if ((m_hasNewCounts && m_saves.isDue(now)) || (m_hasNewUses && m_useSaves.isDue(now))) {
        TRY(run(m_saves, &BayesSink::save));
        m_useSaves.done(now, now);
    }
    return done;
}

}  // namespace portcullis::spam
