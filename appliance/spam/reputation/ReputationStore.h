// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>

#include <functional>
#include <optional>
#include <vector>

namespace portcullis::spam {

/// How the mail of a sender was scored so far.
struct Reputation {
    qint64 messages = 0;
    double score = 0;    ///< Sum over the messages.
    qint64 seconds = 0;  ///< Last message, since 1970.

    [[nodiscard]] double mean() const { return score / double(messages); }
    friend bool operator==(const Reputation &, const Reputation &) = default;
};

/// A difference to be added.
struct ReputationChange {
    QByteArray key;
    Reputation by;
};

/// Reputations of all nodes together. Changes go to this node's rows. Used on one thread. Errors:
/// `reputation.unavailable`, transient.
class ReputationStore
{
public:
    virtual ~ReputationStore() = default;

    virtual Result<qint64> generation() = 0;  ///< Changes with every change, here or elsewhere.
    virtual Result<std::optional<Reputation>> find(const QByteArray &key) = 0;
    /// All of it or nothing. Each key once.
    virtual Status add(const std::vector<ReputationChange> &changes) = 0;

    using Visitor = std::function<Status(const QByteArray &key, const Reputation &reputation)>;
    virtual Status each(const Visitor &visit) = 0;
    /// Forgets this node's entries that begin so ("anna@example.com|"); how many.
    virtual Result<qint64> remove(const QByteArray &prefix) = 0;
    virtual Result<qint64> removeUnusedSince(qint64 seconds) = 0;
};

}  // namespace portcullis::spam
