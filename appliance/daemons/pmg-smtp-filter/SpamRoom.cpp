// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-smtp-filter/SpamRoom.h"

#include "appliance/base/Log.h"
#include "appliance/filter/SpamRuleText.h"
#include "appliance/spam/assembly/GatewayModules.h"
#include "appliance/spam/assembly/RuleEngine.h"
#include "appliance/spam/learning/LearnPaths.h"

#include <QtCore/QElapsedTimer>

#include <algorithm>

namespace portcullis {

namespace {

using spam::Problem;

constexpr size_t loggedProblems = 20;  ///< The rest is for `pmg-spam lint`.

void reportProblems(const std::vector<Problem> &problems)
{
    size_t left = loggedProblems;
    for (const Problem &problem : problems) {
        if (problem.severity != Problem::Severity::Error) {
            continue;
        }
        if (left-- == 0) {
            log::write(log::Severity::Warning, "spam.more-problems", {},
                       {{"see", "pmg-spam lint"}});
            return;
        }
        log::write(log::Severity::Warning, "spam.rule-unusable", {},
                   {{"file", problem.origin.file},
                    {"line", QByteArray::number(problem.origin.line)},
                    {"subject", problem.subject},
                    {"reason", problem.reason}});
    }
}

QByteArray stampOf(const spam::RuleOrigin &origin)
{
    const spam::RuleSources &sources = origin.sources;
    return sources.stock.toUtf8() + '\n' + sources.site.toUtf8() + '\n' + sources.pluginText
           + sources.settingsText;
}

}  // namespace

void SpamRoom::prepare(const config::Config &config, const Paths &paths)
{
    spam::RuleOrigin origin;
    origin.sources = filter::spamRuleSources(config, paths);
    origin.settings = filter::spamEngineSettings(config);
    origin.furtherModules = spam::gatewayModules(
        {spam::learningFolder(paths.lib()), paths.resolverSocket(), paths.fingerprintSocket(),
         config.spam.rblChecks, config.spam.useBayes, config.spam.useAwl || config.spam.useTxRep});
    origin.learnt = spam::learntMessages(spam::learningFolder(paths.lib()));
    const QByteArray stamp = stampOf(origin);
    if (m_rules != nullptr && stamp == m_stamp) {
        refresh();
        return;
    }
    m_stamp = stamp;
    load(std::move(origin));
}

void SpamRoom::load(spam::RuleOrigin origin)
{
    QElapsedTimer timer;
    timer.start();
    m_rules = std::make_shared<spam::LiveRules>(std::move(origin));
    const auto current = m_rules->current();
    reportProblems(spam::problemsOf(*current));
    log::write(log::Severity::Info, "spam.loaded", {},
               {{"tests", QByteArray::number(current->rules().tests.size())},
                {"score-set", QByteArray::number(current->settings().scoreSet())},
                {"ms", QByteArray::number(timer.elapsed())}});
}

void SpamRoom::refresh()
{
    const auto refreshed = m_rules->refresh();
    if (!refreshed) {
        log::write(log::Severity::Error, "spam.rules-not-updated", {},
                   {{"reason", refreshed.error().detail.toUtf8()},
                    {"consequence", "the rules before stay in force"}});
    } else if (*refreshed == spam::LiveRules::Refresh::Taken) {
        log::write(log::Severity::Info, "spam.updated", {},
                   {{"tests", QByteArray::number(m_rules->current()->rules().tests.size())},
                    {"score-set", QByteArray::number(m_rules->current()->settings().scoreSet())}});
    }
}

bool SpamRoom::needsReload()
{
    return m_rules != nullptr && m_rules->hasChanged();
}

std::unique_ptr<spam::SpamEngine> SpamRoom::makeEngine() const
{
    return std::make_unique<spam::RuleEngine>(m_rules);
}

}  // namespace portcullis
