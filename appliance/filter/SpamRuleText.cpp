// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/SpamRuleText.h"

namespace portcullis::filter {

namespace {

QByteArray flagLine(const char *name, bool isOn)
{
    return name + QByteArray(isOn ? " 1\n" : " 0\n");
}

bool guessesLanguages(const config::SpamSettings &spam)
{
    return !spam.languages.isEmpty() && spam.languages != "all";
}

/// Bounces to forged senders are known by not having passed our relays.
QByteArray bounceText(const config::Config &config)
{
    QByteArray text = "welcomelist_bounce_relays " + config.fqdn;
    if (!config.spam.welcomeBounceRelays.isEmpty()) {
        text += ' ' + config.spam.welcomeBounceRelays;
    }
    return text + "\nscore ANY_BOUNCE_MESSAGE " + QByteArray::number(config.spam.bounceScore)
           + '\n';
}

}  // namespace

QByteArray spamPluginText(const config::Config &config)
{
    QByteArray text;
    if (config.spam.useTxRep) {
        text += "loadplugin Mail::SpamAssassin::Plugin::TxRep\n";
    } else if (config.spam.useAwl) {
        text += "loadplugin Mail::SpamAssassin::Plugin::AWL\n";
    }
    if (guessesLanguages(config.spam)) {
        text += "loadplugin Mail::SpamAssassin::Plugin::TextCat\n";
    }
    return text;
}

QByteArray spamRuleText(const config::Config &config)
{
    const config::SpamSettings &spam = config.spam;
    QByteArray text = flagLine("use_bayes", spam.useBayes);
    text += flagLine("use_razor2", spam.useRazor && spam.rblChecks);
    text += flagLine("use_pyzor", false);  // The site's files may say otherwise.
    text += flagLine("skip_rbl_checks", !spam.rblChecks);
    text += flagLine("skip_uribl_checks", !spam.rblChecks);
    if (spam.useTxRep) {
        text += flagLine("use_txrep", true);
    } else if (spam.useAwl) {
        text += flagLine("use_auto_welcomelist", true);
    }
    if (guessesLanguages(spam)) {
        text += "ok_languages " + spam.languages + '\n';
    }
    for (const config::Network &network : config.trustedNetworks) {
        text += "trusted_networks " + network.toText() + "\ninternal_networks " + network.toText()
                + '\n';
    }
    if (spam.bounceScore > 0) {
        text += bounceText(config);
    }
    return text;
}

spam::RuleSources spamRuleSources(const config::Config &config, const Paths &paths)
{
    spam::RuleSources sources;
    sources.stock = config.spam.rulesFolder;
    sources.updates = paths.root() + sources.updates;
    sources.site = paths.root() + sources.site;
    sources.pluginText = spamPluginText(config);
    sources.settingsText = spamRuleText(config);
    sources.isLocalOnly = !config.spam.rblChecks;
    return sources;
}

spam::EngineSettings spamEngineSettings(const config::Config &config)
{
    spam::EngineSettings settings;
    settings.usesNetwork = config.spam.rblChecks;
    settings.usesBayes = config.spam.useBayes;
    return settings;
}

}  // namespace portcullis::filter
