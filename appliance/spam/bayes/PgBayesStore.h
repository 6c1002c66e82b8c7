// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesStore.h"
#include "appliance/store/Database.h"

namespace portcullis::spam {

/// What was learnt, in PostgreSQL: tables bayes_token, bayes_seen and bayes_total. Takes the pool's
/// connection of the calling thread with each call, so that it heals by itself.
class PgBayesStore final : public BayesStore
{
public:
    /// `pool` must outlive the store.
    explicit PgBayesStore(store::DatabasePool &pool);

    Result<qint64> generation() override;
    Result<LearntMessages> messages() override;
    Result<BayesStatus> status() override;
    Result<std::map<QByteArray, LearnAs>> seen(const std::vector<QByteArray> &ids) override;
    Result<std::map<Token, TokenCounts>> counts(const std::vector<Token> &tokens) override;
    Status apply(const BayesChange &change) override;
    Status eachToken(const TokenVisitor &visit) override;
    Status eachSeen(const SeenVisitor &visit) override;
    Result<qint64> countUnusedSince(qint64 seconds) override;
    Result<qint64> removeUnusedSince(qint64 seconds) override;
    Status noteExpiry(const ExpiryNote &note) override;
    Status removeSeenBefore(qint64 seconds) override;
    Status clear() override;
    Status inOneGo(const std::function<Status()> &work) override;

private:
    /// Runs `work(database, cid)` and makes whatever fails `bayes.unavailable`.
    template<typename Work>
    auto with(Work work) -> decltype(work(std::declval<store::Database &>(), 0));

    store::DatabasePool &m_pool;
};

}  // namespace portcullis::spam
