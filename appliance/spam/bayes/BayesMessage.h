// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Tokenizer.h"
#include "appliance/spam/learning/LearnRequest.h"
#include "appliance/spam/text/MessageText.h"

namespace portcullis::spam {

/// SpamAssassin knows the domains of sender and author while it scans; sa-learn does not.
enum class TokenUse : quint8 { Scan, Learn };

/// The texts of a message that tokens are made of.
TokenSources tokenSourcesOf(MessageText &text,
                            const TokenSourceSettings &settings,
                            TokenUse use = TokenUse::Scan);

/// By which a message is known again: a digest of To, Date and body, and its Message-ID if it has one.
/// The same as SpamAssassin's, so that what it has learnt is known here.
std::vector<QByteArray> messageIdsOf(MessageText &text);

/// When a message was received: the time of its newest Received field, else its Date; `now` if neither
/// can be read or it lies in the future. Seconds since 1970.
qint64 receivedAt(MessageText &text, qint64 now);

/// Everything that learning a message needs.
LearnTokens learnTokensOf(MessageText &text,
                          Tokenizer &tokenizer,
                          const BayesSettings &settings,
                          LearnAs as,
                          qint64 now);

}  // namespace portcullis::spam
