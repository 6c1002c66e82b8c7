// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/bayes/StopWords.h"
#include "appliance/spam/engine/EvalModule.h"

#include <QtCore/QSet>

#include <memory>

namespace portcullis::spam {

/// What tokens are made of (`bayes_token_sources`).
struct TokenSourceSettings {
    bool header = true;
    bool visible = true;
    bool invisible = true;
    bool uri = true;
    bool mimePart = false;
};

/// When tokens are forgotten (Conf(3): bayes_expiry_max_db_size, bayes_auto_expire).
struct ExpirySettings {
    qint64 maxTokens = 150'000;
    double keepShare = 0.75;       ///< Of maxTokens, what an expiry leaves.
    qint64 leastTokens = 100'000;  ///< Never fewer.
    qint64 period = 43'200;        ///< Seconds between expiries, and the least age.
    int maxExponent = 9;           ///< Ages tried: period times 1, 2, 4 … 2^9.
    bool isAutomatic = true;
};

/// The bayes_* directives of a rule set, with SpamAssassin's defaults.
struct BayesSettings {
    bool isOn = true;        ///< use_bayes
    bool areRulesOn = true;  ///< use_bayes_rules
    qint64 minSpam = 200;    ///< Messages to be learnt before the classifier says anything.
    qint64 minHam = 200;
    bool usesHapaxes = true;
    qsizetype maxTokenLength = 15;
    TokenSourceSettings sources;
    QSet<QByteArray> ignoredHeaders;  ///< In lower case.
    StopWords stopWords;
    ExpirySettings expiry;
    bool autoLearns = true;
    double autoLearnHam = 0.1;
    double autoLearnSpam = 12.0;
    bool autoLearnsOnErrorOnly = false;
    double requiredScore = 5.0;

    static BayesSettings of(const RuleSet &rules, ProblemSink &problems);
};

/// Whether Bayes has a say: it is on, and enough was learnt. Until then scores of the sets without Bayes
/// count, as in SpamAssassin.
bool hasBayesASay(const RuleSet &rules, const LearntMessages &learnt);

}  // namespace portcullis::spam
