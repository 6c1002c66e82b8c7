// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleReader.h"

#include "appliance/spam/conf/RuleParser.h"

#include <QtCore/QFile>

namespace portcullis::spam {

namespace {

/// What the .pre files of Debian's package load.
constexpr const char *defaultPlugins[] = {
    "URIDNSBL",   "SPF",       "Pyzor",    "Razor2",      "SpamCop",  "AutoLearnThreshold",
    "MIMEHeader", "DKIM",      "Check",    "ReplaceTags", "Bayes",    "WelcomeListSubject",
    "BodyEval",   "DNSEval",   "HTMLEval", "HeaderEval",  "MIMEEval", "HTTPSMismatch",
    "RelayEval",  "URIDetail", "URIEval",  "WLBLEval",    "VBounce",  "ImageInfo",
    "FreeMail",   "AskDNS",    "HashBL",   "DMARC"};

void loadDefaultPlugins(RuleParser &parser)
{
    for (const char *plugin : defaultPlugins) {
        parser.loadPlugin(QByteArrayLiteral("Mail::SpamAssassin::Plugin::") + plugin);
    }
}

}  // namespace

RuleSet readRules(const RuleSources &sources, const RuleLimits &limits)
{
    RuleParser parser(sources, limits);
    const RuleFiles files = findRuleFiles(sources);
    for (const QString &directory : files.missing) {
        parser.report(Problem::Severity::Error, QFile::encodeName(directory),
                      "the directory cannot be read");
    }
    const auto readFiles = [&parser](const QStringList &paths) {
        for (const QString &path : paths) {
            parser.readFile(path);
        }
    };
    const auto readOwnText = [&parser](const QByteArray &text, const char *name) {
        if (!text.isEmpty()) {
            parser.readText(text, name);
        }
    };
    if (files.settings.isEmpty()) {
        loadDefaultPlugins(parser);  // A site without .pre files of its own.
    }
    readFiles(files.settings);
    readOwnText(sources.pluginText, "(plugins of pmg.conf)");
    readFiles(files.stock);
    readOwnText(sources.settingsText, "(settings of pmg.conf)");
    readFiles(files.site);
    readFiles(sources.candidates);
    readOwnText(sources.extraText, "(settings)");
    return parser.finish();
}

RuleSet readRuleText(const QByteArray &text, const RuleLimits &limits)
{
    const RuleSources sources;
    RuleParser parser(sources, limits);
    loadDefaultPlugins(parser);
    parser.readText(text, "(text)");
    return parser.finish();
}

}  // namespace portcullis::spam
