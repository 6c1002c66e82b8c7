// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesStore.h"

namespace portcullis::spam {

/// What was learnt, in memory: for tests and for commands that only try something.
class MemoryBayesStore final : public BayesStore
{
public:
    Result<qint64> generation() override { return m_generation; }
    Result<LearntMessages> messages() override { return m_messages; }
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
    qint64 m_generation = 0;
    LearntMessages m_messages;
    std::map<Token, TokenCounts> m_tokens;
    std::map<QByteArray, LearnAs> m_seen;
    ExpiryNote m_expiry;
};

}  // namespace portcullis::spam
