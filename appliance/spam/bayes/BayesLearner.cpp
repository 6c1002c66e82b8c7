// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/BayesLearner.h"

#include <algorithm>
#include <unordered_map>

namespace portcullis::spam {

namespace {

/// Adds up what a batch of messages changes.
class ChangeBuilder
{
public:
    explicit ChangeBuilder(std::map<QByteArray, LearnAs> seen)
        : m_seen(std::move(seen))
    {
    }

    LearnOutcome add(const LearnTokens &message)
    {
        const QByteArray *known = knownId(message);
        if (message.as == LearnAs::Forget) {
            if (known == nullptr) {
                return LearnOutcome::WasNotLearnt;
            }
            takeBack(message, *known);
            return LearnOutcome::Forgotten;
        }
        const bool isKnown = known != nullptr;
        if (isKnown && (m_seen.at(*known) == message.as || message.isAutomatic)) {
            return LearnOutcome::AlreadyLearnt;
        }
        if (isKnown) {
            takeBack(message, *known);
        }
        count(message, message.as, 1);
        if (!message.ids.empty()) {
            see(message.ids.front(), message.as);
        }
        return isKnown ? LearnOutcome::Relearnt : LearnOutcome::Learnt;
    }

    void touch(const TouchTokens &request)
    {
        for (const Token token : request.tokens) {
            Counts &counts = m_counts[token];
            counts.seconds = std::max(counts.seconds, request.seconds);
        }
    }

    BayesChange take()
    {
        BayesChange change;
        change.messages = m_messages;
        for (const auto &[token, counts] : m_counts) {
            change.tokens.push_back({token, counts.spam, counts.ham, counts.seconds});
        }
        // In one order, so that writers of several processes never wait for each other in a ring.
        std::sort(change.tokens.begin(), change.tokens.end(),
                  [](const auto &one, const auto &other) { return one.token < other.token; });
        for (const auto &[id, as] : m_changedSeen) {
            change.seen.push_back({id, as});
        }
        return change;
    }

private:
    struct Counts {
        qint64 spam = 0;
        qint64 ham = 0;
        qint64 seconds = 0;
    };

    const QByteArray *knownId(const LearnTokens &message) const
    {
        for (const QByteArray &id : message.ids) {
            const auto entry = m_seen.find(id);
            if (entry != m_seen.end() && entry->second != LearnAs::Forget) {
                return &id;
            }
        }
        return nullptr;
    }
    void takeBack(const LearnTokens &message, const QByteArray &id)
    {
        count(message, m_seen.at(id), -1);
        see(id, LearnAs::Forget);
    }
    void count(const LearnTokens &message, LearnAs as, qint64 by)
    {
        const bool isSpam = as == LearnAs::Spam;
        (isSpam ? m_messages.spam : m_messages.ham) += by;
        for (const Token token : message.tokens) {
            Counts &counts = m_counts[token];
            (isSpam ? counts.spam : counts.ham) += by;
            if (by > 0) {
                counts.seconds = std::max(counts.seconds, message.seconds);
            }
        }
    }
    void see(const QByteArray &id, LearnAs as)
    {
        m_seen[id] = as;
        m_changedSeen[id] = as;
    }

    std::map<QByteArray, LearnAs> m_seen;
    std::map<QByteArray, LearnAs> m_changedSeen;
    std::unordered_map<Token, Counts> m_counts;
    LearntMessages m_messages;
};

/// The age beyond which tokens go; nothing: no age fits.
Result<std::optional<qint64>> expiryAge(BayesStore &store,
                                        const ExpirySettings &settings,
                                        const BayesStatus &status,
                                        qint64 newest,
                                        qint64 excess)
{
    // What the last expiry did says what the next will do, if it was like it.
    if (status.lastExpiryRemoved >= 1'000 && status.lastExpiryAge >= settings.period) {
        const double ratio = double(std::max(excess, status.lastExpiryRemoved))
                             / double(std::min(excess, status.lastExpiryRemoved));
        const qint64 age = status.lastExpiryAge * status.lastExpiryRemoved / excess;
        const bool isFresh = newest - status.lastExpiry <= 30 * 86'400;
        if (ratio <= 1.5 && age >= settings.period && isFresh) {
            return std::optional(age);
        }
    }
    // From the longest age down to the first that removes enough; the one before it removes less.
    std::optional<qint64> chosen;
    for (int exponent = settings.maxExponent; exponent >= 0; --exponent) {
        const qint64 age = settings.period << exponent;
        const qint64 count = TRY(store.countUnusedSince(newest - age));
        if (count > excess) {
            break;
        }
        chosen = count >= 1'000 ? std::optional(age) : std::nullopt;
    }
    return chosen;
}

}  // namespace

Result<LearnedBatch> learnMessages(BayesStore &store,
                                   std::span<const LearnTokens> messages,
                                   std::span<const TouchTokens> touches)
{
    std::vector<QByteArray> ids;
    for (const LearnTokens &message : messages) {
        ids.insert(ids.end(), message.ids.begin(), message.ids.end());
    }
    ChangeBuilder builder(ids.empty() ? std::map<QByteArray, LearnAs>() : TRY(store.seen(ids)));
    LearnedBatch batch;
    for (const LearnTokens &message : messages) {
        batch.outcomes.push_back(builder.add(message));
    }
    for (const TouchTokens &touch : touches) {
        builder.touch(touch);
    }
    batch.change = builder.take();
    if (!batch.change.isEmpty()) {
        TRY(store.apply(batch.change));
    }
    return batch;
}

Result<std::optional<qint64>> expireTokens(BayesStore &store,
                                           const ExpirySettings &settings,
                                           qint64 now,
                                           bool isForced)
{
    const BayesStatus status = TRY(store.status());
    const qint64 newest = std::min(status.newest, now);
    const bool isDue = settings.isAutomatic && now - status.lastExpiry >= settings.period
                       && status.tokens > settings.leastTokens
                       && status.tokens >= settings.maxTokens
                       && newest - status.oldest >= settings.period;
    if (!isDue && !isForced) {
        return std::optional<qint64>();
    }
    const qint64 kept = std::max(settings.leastTokens,
                                 qint64(double(settings.maxTokens) * settings.keepShare));
    const qint64 excess = status.tokens - kept;
    if (excess < 1'000) {
        TRY(store.noteExpiry({now, 0, 0}));
        return std::optional<qint64>(0);
    }
    const auto age = TRY(expiryAge(store, settings, status, newest, excess));
    const qint64 cut = newest - age.value_or(0);
    // Tokens read from one old mailbox all have one age: rather keep too many than lose all.
    const bool isSafe = age
                        && status.tokens - TRY(store.countUnusedSince(cut)) >= settings.leastTokens;
    const qint64 removed = isSafe ? TRY(store.removeUnusedSince(cut)) : 0;
    TRY(store.noteExpiry({now, isSafe ? *age : 0, removed}));
    return std::optional(removed);
}

}  // namespace portcullis::spam
