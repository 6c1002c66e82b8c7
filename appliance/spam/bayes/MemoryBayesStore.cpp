// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/MemoryBayesStore.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

bool isLearnt(const TokenCounts &counts)
{
    return counts.spam > 0 || counts.ham > 0;
}

TokenCounts visibleCounts(const TokenCounts &counts)
{
    return {std::max<qint64>(0, counts.spam), std::max<qint64>(0, counts.ham), counts.seconds};
}

}  // namespace

Result<BayesStatus> MemoryBayesStore::status()
{
    BayesStatus status;
    status.messages = m_messages;
    for (const auto &[token, counts] : m_tokens) {
        if (isLearnt(counts)) {
            status.oldest = status.tokens == 0 ? counts.seconds
                                               : std::min(status.oldest, counts.seconds);
            status.newest = std::max(status.newest, counts.seconds);
            ++status.tokens;
        }
    }
    status.lastExpiry = m_expiry.at;
    status.lastExpiryAge = m_expiry.age;
    status.lastExpiryRemoved = m_expiry.removed;
    return status;
}

Result<std::map<QByteArray, LearnAs>> MemoryBayesStore::seen(const std::vector<QByteArray> &ids)
{
    std::map<QByteArray, LearnAs> found;
    for (const QByteArray &id : ids) {
        if (const auto entry = m_seen.find(id); entry != m_seen.end()) {
            found.insert(*entry);
        }
    }
    return found;
}

Result<std::map<Token, TokenCounts>> MemoryBayesStore::counts(const std::vector<Token> &tokens)
{
    std::map<Token, TokenCounts> found;
    for (const Token token : tokens) {
        const auto entry = m_tokens.find(token);
        if (entry != m_tokens.end() && isLearnt(entry->second)) {
            found.emplace(token, visibleCounts(entry->second));
        }
    }
    return found;
}

Status MemoryBayesStore::apply(const BayesChange &change)
{
    bool isMoreThanUse = change.messages != LearntMessages() || !change.seen.empty();
    for (const BayesChange::Counts &counts : change.tokens) {
        TokenCounts &entry = m_tokens[counts.token];
        entry.spam += counts.spam;
        entry.ham += counts.ham;
        entry.seconds = std::max(entry.seconds, counts.seconds);
        isMoreThanUse = isMoreThanUse || counts.spam != 0 || counts.ham != 0;
    }
    m_messages.spam += change.messages.spam;
    m_messages.ham += change.messages.ham;
    for (const BayesChange::Seen &seen : change.seen) {
        if (seen.as == LearnAs::Forget) {
            m_seen.erase(seen.id);
        } else {
            m_seen[seen.id] = seen.as;
        }
    }
    m_generation += isMoreThanUse ? 1 : 0;
    return ok();
}

Status MemoryBayesStore::eachToken(const TokenVisitor &visit)
{
    for (const auto &[token, counts] : m_tokens) {
        if (isLearnt(counts)) {
            TRY(visit(token, visibleCounts(counts)));
        }
    }
    return ok();
}

Status MemoryBayesStore::eachSeen(const SeenVisitor &visit)
{
    for (const auto &[id, as] : m_seen) {
        TRY(visit(id, as));
    }
    return ok();
}

Result<qint64> MemoryBayesStore::countUnusedSince(qint64 seconds)
{
    return qint64(std::count_if(m_tokens.begin(), m_tokens.end(), [seconds](const auto &entry) {
        return isLearnt(entry.second) && entry.second.seconds < seconds;
    }));
}

Result<qint64> MemoryBayesStore::removeUnusedSince(qint64 seconds)
{
    ++m_generation;
    return qint64(std::erase_if(
        m_tokens, [seconds](const auto &entry) { return entry.second.seconds < seconds; }));
}

Status MemoryBayesStore::noteExpiry(const ExpiryNote &note)
{
    m_expiry = note;
    return ok();
}

Status MemoryBayesStore::removeSeenBefore(qint64)
{
    return ok();
}

Status MemoryBayesStore::clear()
{
    const qint64 generation = m_generation + 1;
    *this = MemoryBayesStore();
    m_generation = generation;
    return ok();
}

Status MemoryBayesStore::inOneGo(const std::function<Status()> &work)
{
    const MemoryBayesStore before = *this;
    Status done = work();
    if (!done) {
        *this = before;
    }
    return done;
}

}  // namespace portcullis::spam
