// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Token.h"

#include <optional>
#include <span>
#include <vector>

namespace portcullis::spam {

/// What was learnt of one token: how many messages had it, and when it was last of use.
struct TokenCounts {
    qint64 spam = 0;
    qint64 ham = 0;
    qint64 seconds = 0;
    friend bool operator==(const TokenCounts &, const TokenCounts &) = default;
};

/// How many messages were learnt.
struct LearntMessages {
    qint64 spam = 0;
    qint64 ham = 0;
    friend bool operator==(const LearntMessages &, const LearntMessages &) = default;
};

/// Where counts come from: a snapshot, or a store.
class TokenSource
{
public:
    virtual ~TokenSource() = default;
    [[nodiscard]] virtual LearntMessages messages() const = 0;
    [[nodiscard]] virtual std::optional<TokenCounts> counts(Token token) const = 0;
};

/// One token that spoke for or against.
struct Clue {
    qsizetype index = 0;  ///< Into the tokens asked about.
    Token token = 0;
    double probability = 0;  ///< That a message with it is spam.
    TokenCounts counts;
};

struct Classification {
    double probability = 0.5;  ///< 0 ham … 1 spam.
    std::vector<Clue> clues;   ///< The strongest first.
    qsizetype known = 0;       ///< Tokens that had been learnt.
};

/// Gary Robinson's combination with the inverse chi-square function, with SpamAssassin's constants
/// (Mail::SpamAssassin::Bayes::CombineChi).
struct ClassifierSettings {
    qint64 minSpam = 200;
    qint64 minHam = 200;
    bool usesHapaxes = true;
    qsizetype maxClues = 150;
    double minStrength = 0.346;  ///< Distance of a clue from 0.5.
    double robinsonX = 0.538;    ///< What is believed of a token never seen,
    double robinsonS = 0.030;    ///< and how strongly.
};

/// Nothing: too little was learnt, or no token says anything.
std::optional<Classification> classify(std::span<const Token> tokens,
                                       const TokenSource &source,
                                       const ClassifierSettings &settings = {});

/// Probability that a message with the token is spam; nothing: it was not seen often enough.
std::optional<double> tokenProbability(const TokenCounts &counts,
                                       const LearntMessages &messages,
                                       const ClassifierSettings &settings = {});

/// All clues in one number.
double combineProbabilities(std::span<const double> probabilities, const LearntMessages &messages);

}  // namespace portcullis::spam
