// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/GatewayModules.h"

#include "appliance/spam/bayes/AutoLearn.h"
#include "appliance/spam/bayes/BayesModule.h"
#include "appliance/spam/bayes/SnapshotTokens.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/network/FingerprintTests.h"
#include "appliance/spam/network/NetworkModules.h"
#include "appliance/spam/reputation/TxRepModule.h"

namespace portcullis::spam {

ModuleMaker gatewayModules(const GatewayLinks &links)
{
    const auto source = std::make_shared<ServiceLookups>(links.resolverSocket);
    return [links, source](const RuleSet &rules) {
        ModuleList modules;
        if (links.usesNetwork) {
            modules = makeNetworkModules(*source, rules);
            for (auto &module : makeFingerprintModules(links.fingerprintSocket)) {
                modules.push_back(std::move(module));
            }
        }
        if (links.usesBayes) {
            BayesLinks bayes = workerLinks(links.learningFolder);
            if (!links.learns) {
                bayes.learn = nullptr;
            }
            modules.push_back(std::make_shared<BayesModule>(std::move(bayes)));
        }
        if (links.usesReputation) {
            ReputationLinks reputation = workerReputationLinks(links.learningFolder);
            if (!links.learns) {
                reputation.learn = nullptr;
            }
            modules.push_back(std::make_shared<ReputationModule>(reputation));
            modules.push_back(
                std::make_shared<TxRepModule>(std::move(reputation), [](const Scan &scan) {
                    return autoLearnPoints(scan.hits(), scan.rules(), scan.scoreSet()).all;
                }));
        }
        return modules;
    };
}

std::function<LearntMessages()> learntMessages(const QString &learningFolder)
{
    const auto tokens = std::make_shared<SnapshotTokens>(bayesSnapshotFile(learningFolder));
    return [tokens] { return tokens->refresh() ? tokens->messages() : LearntMessages(); };
}

}  // namespace portcullis::spam
