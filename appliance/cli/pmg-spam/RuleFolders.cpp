// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/RuleFolders.h"

#include "appliance/config/ConfigLoader.h"
#include "appliance/filter/SpamRuleText.h"
#include "appliance/spam/assembly/GatewayModules.h"
#include "appliance/spam/learning/LearnPaths.h"

#include <QtNetwork/QLocalSocket>

namespace portcullis::cli::spamrules {

namespace {

constexpr int connectMilliseconds = 500;

/// Whether somebody listens there who lets us in.
QString whyUnreachable(const QString &socketPath)
{
    QLocalSocket socket;
    socket.connectToServer(socketPath);
    return socket.waitForConnected(connectMilliseconds)
               ? QString()
               : QStringLiteral("the filter's resolver does not answer: %1")
                     .arg(socket.errorString());
}

}  // namespace

spam::RuleOrigin ruleOrigin(const QCommandLineParser &parser)
{
    spam::RuleOrigin origin;
    spam::RuleSources &sources = origin.sources;
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    if (const auto config = config::ConfigLoader(paths).load()) {
        sources = filter::spamRuleSources(**config, paths);
    }
    if (parser.isSet(QStringLiteral("rules"))) {
        sources.stock = parser.value(QStringLiteral("rules"));
        sources.updates.clear();
    }
    if (parser.isSet(QStringLiteral("site"))) {
        sources.site = parser.value(QStringLiteral("site"));
        sources.needsSite = true;
    }
    sources.isLocalOnly = true;
    return origin;
}

TrialRules trialRules(const QCommandLineParser &parser)
{
    TrialRules rules;
    rules.origin = ruleOrigin(parser);
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    const auto config = config::ConfigLoader(paths).load();
    if (!config) {
        rules.reason = QStringLiteral("pmg.conf cannot be read");
        return rules;
    }
    rules.config = *config;
    rules.maxBytes = rules.config->spam.maxSpamSize;
    rules.resolverSocket = paths.resolverSocket();
    if (parser.isSet(QStringLiteral("local"))) {
        return rules;
    }
    const config::SpamSettings &spam = rules.config->spam;
    rules.reason = spam.rblChecks ? whyUnreachable(rules.resolverSocket) : QString();
    const bool usesNetwork = spam.rblChecks && rules.reason.isEmpty();
    rules.origin.sources.isLocalOnly = !usesNetwork;
    rules.origin.settings.usesNetwork = usesNetwork;
    rules.origin.settings.usesBayes = spam.useBayes;
    const QString learning = spam::learningFolder(paths.lib());
    spam::GatewayLinks links;
    links.learningFolder = learning;
    links.resolverSocket = rules.resolverSocket;
    links.fingerprintSocket = paths.fingerprintSocket();
    links.usesNetwork = usesNetwork;
    links.usesBayes = spam.useBayes;
    links.usesReputation = spam.useAwl || spam.useTxRep;
    links.learns = false;
    rules.origin.furtherModules = spam::gatewayModules(links);
    rules.origin.learnt = spam::learntMessages(learning);
    return rules;
}

}  // namespace portcullis::cli::spamrules
