// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/Classifier.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace portcullis::spam {

namespace {

/// A product of many probabilities: the exponent is kept apart where a double would become 0.
class LongProduct
{
public:
    explicit LongProduct(double start)
        : m_mantissa(start)
    {
    }
    void multiply(double factor)
    {
        m_mantissa *= factor;
        if (m_mantissa < 1e-200) {
            int exponent = 0;
            m_mantissa = std::frexp(m_mantissa, &exponent);
            m_exponent += exponent;
        }
    }
    [[nodiscard]] double logarithm() const
    {
        return std::log(m_mantissa) + double(m_exponent) * std::numbers::ln2;
    }

private:
    double m_mantissa;
    qint64 m_exponent = 0;
};

/// Probability that chi-square with 2 * `half` degrees of freedom exceeds `square`.
double inverseChiSquare(double square, qsizetype half)
{
    const double middle = square / 2;
    double term = std::exp(-middle);
    double sum = term;
    for (qsizetype i = 1; i < half; ++i) {
        term *= middle / double(i);
        sum += term;
    }
    return std::min(sum, 1.0);
}

}  // namespace

std::optional<double> tokenProbability(const TokenCounts &counts,
                                       const LearntMessages &messages,
                                       const ClassifierSettings &settings)
{
    const qint64 seen = counts.spam + counts.ham;
    if (seen < (settings.usesHapaxes ? 1 : 2) || messages.spam <= 0 || messages.ham <= 0) {
        return std::nullopt;
    }
    const double spam = double(counts.spam) * double(messages.ham);
    const double ham = double(counts.ham) * double(messages.spam);
    const double ratio = spam / (ham + spam);
    return (settings.robinsonX * settings.robinsonS + double(seen) * ratio)
           / (settings.robinsonS + double(seen));
}

double combineProbabilities(std::span<const double> probabilities, const LearntMessages &messages)
{
    const double all = double(messages.spam + messages.ham);
    LongProduct spam(double(messages.spam) / all);
    LongProduct ham(double(messages.ham) / all);
    for (const double probability : probabilities) {
        spam.multiply(1 - probability);
        ham.multiply(probability);
    }
    const auto count = qsizetype(probabilities.size());
    const double spamness = 1 - inverseChiSquare(-2 * spam.logarithm(), count);
    const double hamness = 1 - inverseChiSquare(-2 * ham.logarithm(), count);
    return (spamness - hamness + 1) / 2;
}

std::optional<Classification> classify(std::span<const Token> tokens,
                                       const TokenSource &source,
                                       const ClassifierSettings &settings)
{
    const LearntMessages messages = source.messages();
    if (messages.spam < settings.minSpam || messages.ham < settings.minHam) {
        return std::nullopt;
    }
    Classification result;
    for (size_t i = 0; i < tokens.size(); ++i) {
        const auto counts = source.counts(tokens[i]);
        const auto probability = counts ? tokenProbability(*counts, messages, settings)
                                        : std::nullopt;
        if (!probability) {
            continue;
        }
        ++result.known;
        if (std::abs(*probability - 0.5) >= settings.minStrength) {
            result.clues.push_back({qsizetype(i), tokens[i], *probability, *counts});
        }
    }
    if (result.clues.empty()) {
        return std::nullopt;
    }
    const auto isStronger = [](const Clue &one, const Clue &other) {
        const double left = std::abs(one.probability - 0.5);
        const double right = std::abs(other.probability - 0.5);
        return left != right ? left > right : one.token < other.token;
    };
    std::sort(result.clues.begin(), result.clues.end(), isStronger);
    if (qsizetype(result.clues.size()) > settings.maxClues) {
        result.clues.resize(size_t(settings.maxClues));
    }
    std::vector<double> probabilities;
    for (const Clue &clue : result.clues) {
        probabilities.push_back(clue.probability);
    }
    result.probability = combineProbabilities(probabilities, messages);
    return result;
}

}  // namespace portcullis::spam
