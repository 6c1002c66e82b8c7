// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/GatewayModules.h"

#include "appliance/spam/bayes/BayesModule.h"
#include "appliance/spam/bayes/SnapshotTokens.h"
#include "appliance/spam/learning/LearnPaths.h"
#include "appliance/spam/network/FingerprintTests.h"
#include "appliance/spam/network/NetworkModules.h"
#include "appliance/spam/reputation/ReputationModule.h"

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
            modules.push_back(std::make_shared<BayesModule>(workerLinks(links.learningFolder)));
        }
        if (links.usesReputation) {
            modules.push_back(
                std::make_shared<ReputationModule>(workerReputationLinks(links.learningFolder)));
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
