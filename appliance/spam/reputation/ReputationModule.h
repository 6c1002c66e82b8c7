// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/learning/LearnRequest.h"
#include "appliance/spam/reputation/ReputationKey.h"
#include "appliance/spam/reputation/ReputationStore.h"

#include <functional>

namespace portcullis::spam {

/// Where reputations come from, and where scores go.
struct ReputationLinks {
    std::function<std::optional<Reputation>(const QByteArray &key)> find;
    std::function<void(const LearnRequest &request)> learn;  ///< Empty: nothing is learnt.
};

struct ReputationSettings {
    bool isOn = true;     ///< use_auto_welcomelist
    double factor = 0.5;  ///< auto_welcomelist_factor: how far a score moves to the mean; 0 … 1.
    ReputationMasks masks;
    bool distinguishesSigned = false;  ///< auto_welcomelist_distinguish_signed
};

/// The auto-welcomelist (plugin AWL): the score of a message moves towards the mean of what its sender
/// has sent before. Eval function `check_from_in_auto_welcomelist`; hits AWL with a score of the moment;
/// tags AWL, AWLMEAN, AWLCOUNT, AWLPRESCORE. One thread.
class ReputationModule final : public EvalModule
{
public:
    explicit ReputationModule(ReputationLinks links);

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    int check(Scan &scan) const;

    ReputationLinks m_links;
    ReputationSettings m_settings;
};

/// The usual links of a worker: snapshot and journal in the learning folder.
ReputationLinks workerReputationLinks(const QString &folder);

}  // namespace portcullis::spam
