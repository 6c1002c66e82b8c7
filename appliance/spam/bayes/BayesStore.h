// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/learning/LearnRequest.h"

#include <functional>
#include <map>

namespace portcullis::spam {

/// What is to be added to what was learnt. Differences; they may be negative.
struct BayesChange {
    struct Counts {
        Token token = 0;
        qint64 spam = 0;
        qint64 ham = 0;
        qint64 seconds = 0;  ///< Last use; never moves backwards.
    };
    struct Seen {
        QByteArray id;
        LearnAs as = LearnAs::Forget;  ///< Forget: not learnt any more.
    };
    std::vector<Counts> tokens;  ///< Each once.
    LearntMessages messages;
    std::vector<Seen> seen;

    [[nodiscard]] bool isEmpty() const
    {
        return tokens.empty() && seen.empty() && messages == LearntMessages();
    }
};

/// Numbers about the whole.
struct BayesStatus {
    LearntMessages messages;
    qint64 tokens = 0;
    qint64 oldest = 0;  ///< Last use, seconds since 1970.
    qint64 newest = 0;
    qint64 lastExpiry = 0;
    qint64 lastExpiryAge = 0;      ///< Seconds that tokens were allowed to be unused.
    qint64 lastExpiryRemoved = 0;  ///< Tokens.
};

struct ExpiryNote {
    qint64 at = 0;
    qint64 age = 0;
    qint64 removed = 0;
};

/// What was learnt, of all nodes together. Changes go to this node's rows.
///
/// Used on one thread. Errors: `bayes.unavailable`, transient.
class BayesStore
{
public:
    virtual ~BayesStore() = default;

    /// Changes whenever something but last uses did, here or on another node.
    virtual Result<qint64> generation() = 0;
    virtual Result<LearntMessages> messages() = 0;
    virtual Result<BayesStatus> status() = 0;
    /// What the messages with these ids were learnt as; the unknown are missing.
    virtual Result<std::map<QByteArray, LearnAs>> seen(const std::vector<QByteArray> &ids) = 0;
    virtual Result<std::map<Token, TokenCounts>> counts(const std::vector<Token> &tokens) = 0;

    /// All of it or nothing.
    virtual Status apply(const BayesChange &change) = 0;

    using TokenVisitor = std::function<Status(Token token, const TokenCounts &counts)>;
    using SeenVisitor = std::function<Status(const QByteArray &id, LearnAs as)>;
    virtual Status eachToken(const TokenVisitor &visit) = 0;
    virtual Status eachSeen(const SeenVisitor &visit) = 0;

    /// Tokens not used since; how many (would) go. Only this node's rows are removed.
    virtual Result<qint64> countUnusedSince(qint64 seconds) = 0;
    virtual Result<qint64> removeUnusedSince(qint64 seconds) = 0;
    virtual Status noteExpiry(const ExpiryNote &note) = 0;
    /// Ids of messages learnt before; a message may be learnt again after that.
    virtual Status removeSeenBefore(qint64 seconds) = 0;

    /// Forgets everything that this node has learnt.
    virtual Status clear() = 0;
    /// All that `work` does is done or nothing.
    virtual Status inOneGo(const std::function<Status()> &work) = 0;
};

}  // namespace portcullis::spam
