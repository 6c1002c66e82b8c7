// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesMessage.h"
#include "appliance/spam/bayes/Classifier.h"
#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/engine/Scan.h"

#include <functional>
#include <memory>

namespace portcullis::spam {

/// Where a classifier gets what was learnt from, and where it puts what is to be learnt.
struct BayesLinks {
    /// Called once a message; null: nothing was learnt.
    std::function<const TokenSource *()> source;
    /// Takes requests to learn; empty: nothing is learnt. Errors are its own business.
    std::function<void(const LearnRequest &request)> learn;
};

/// Bayes as eval function `check_bayes`, and autolearning (plugins Bayes and AutoLearnThreshold). Sets
/// the tags BAYES, BAYESTC, BAYESTCLEARNED, BAYESTCSPAMMY, BAYESTCHAMMY, TOKENSUMMARY, SPAMMYTOKENS and
/// HAMMYTOKENS. One thread.
class BayesModule final : public EvalModule
{
public:
    explicit BayesModule(BayesLinks links);
    ~BayesModule() override;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void conclude(Scan &scan) const override;

    [[nodiscard]] const BayesSettings &settings() const { return m_settings; }

private:
    struct Finding;
    Finding &finding(Scan &scan) const;
    void classifyMessage(Scan &scan, Finding &finding) const;
    int checkBayes(Scan &scan, const EvalCall &call) const;
    [[nodiscard]] bool isIgnored(Scan &scan) const;

    BayesLinks m_links;
    BayesSettings m_settings;
    std::vector<QByteArray> m_ignoredFrom;  ///< Globs, in lower case.
    std::vector<QByteArray> m_ignoredTo;
    std::unique_ptr<Tokenizer> m_tokenizer;
};

/// The usual links of a worker: snapshot and journal in the learning folder.
BayesLinks workerLinks(const QString &folder);

}  // namespace portcullis::spam
