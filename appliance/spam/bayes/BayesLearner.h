// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesSettings.h"
#include "appliance/spam/bayes/BayesStore.h"

#include <span>

namespace portcullis::spam {

enum class LearnOutcome : quint8 { Learnt, Relearnt, AlreadyLearnt, Forgotten, WasNotLearnt };

struct LearnedBatch {
    std::vector<LearnOutcome> outcomes;  ///< One a message.
    BayesChange change;                  ///< What was stored.
};

/// Learns messages, each once: one that was learnt as the opposite is forgotten first, unless the
/// learning is automatic. All messages of a batch are stored together.
///
/// A message that another node has learnt is forgotten by this node's negative counts.
Result<LearnedBatch> learnMessages(BayesStore &store,
                                   std::span<const LearnTokens> messages,
                                   std::span<const TouchTokens> touches = {});

/// Forgets tokens that were not of use for long when there are too many, as expire_old_tokens does: the
/// age is chosen so that about 75 % of `maxTokens` stay. Gives the number of tokens removed; nothing:
/// it was not due.
Result<std::optional<qint64>> expireTokens(BayesStore &store,
                                           const ExpirySettings &settings,
                                           qint64 now,
                                           bool isForced = false);

}  // namespace portcullis::spam
