// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/RuleFolders.h"

#include "appliance/config/ConfigLoader.h"
#include "appliance/filter/SpamRuleText.h"

namespace portcullis::cli::spamrules {

spam::RuleOrigin ruleOrigin(const QCommandLineParser &parser)
{
    spam::RuleOrigin origin;
    spam::RuleSources &sources = origin.sources;
    if (parser.isSet(QStringLiteral("rules"))) {
        sources.stock = parser.value(QStringLiteral("rules"));
        sources.updates.clear();
    }
    if (parser.isSet(QStringLiteral("site"))) {
        sources.site = parser.value(QStringLiteral("site"));
    }
    sources.isLocalOnly = true;
    const Paths paths = Paths::fromOption(parser.value(QStringLiteral("root")));
    if (const auto config = config::ConfigLoader(paths).load()) {
        sources.pluginText = filter::spamPluginText(**config);
        sources.settingsText = filter::spamRuleText(**config);
    }
    return origin;
}

}  // namespace portcullis::cli::spamrules
