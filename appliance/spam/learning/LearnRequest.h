// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <variant>
#include <vector>

/// What a worker, or a person through a command, wants to be learnt.
namespace portcullis::spam {

/// What a message is said to be; Forget takes back what was said.
enum class LearnAs : quint8 { Ham = 'h', Spam = 's', Forget = 'f' };

/// A message as its tokens.
struct LearnTokens {
    LearnAs as = LearnAs::Ham;
    bool isAutomatic = false;     ///< Autolearning: never changes what was learnt before.
    std::vector<QByteArray> ids;  ///< By which a message is known again; the first is kept.
    qint64 seconds = 0;           ///< When it was received, since 1970.
    std::vector<quint64> tokens;  ///< Each once.
    friend bool operator==(const LearnTokens &, const LearnTokens &) = default;
};

/// A message as its bytes; whoever serves the journal finds the tokens.
struct LearnMessage {
    LearnAs as = LearnAs::Ham;
    QByteArray message;
    friend bool operator==(const LearnMessage &, const LearnMessage &) = default;
};

/// Tokens that were of use; they are not to be forgotten soon.
struct TouchTokens {
    qint64 seconds = 0;
    std::vector<quint64> tokens;
    friend bool operator==(const TouchTokens &, const TouchTokens &) = default;
};

/// A message of a sender had this score.
struct AddReputation {
    QByteArray key;
    double score = 0;
    qint64 seconds = 0;
    friend bool operator==(const AddReputation &, const AddReputation &) = default;
};

using LearnRequest = std::variant<LearnTokens, LearnMessage, TouchTokens, AddReputation>;

/// What bounds one request.
struct LearnRequestLimits {
    qsizetype tokens = 150'000;  ///< Of one message; the tokenizer gives fewer.
    qsizetype ids = 4;
    qsizetype idBytes = 1'000;  ///< Longer ids are cut.
    qsizetype messageBytes = 4'194'304;
};

QByteArray encodeLearnRequest(const LearnRequest &request);
/// Error `learn.request` (permanent).
Result<LearnRequest> decodeLearnRequest(QByteArrayView bytes,
                                        const LearnRequestLimits &limits = {});

}  // namespace portcullis::spam
