// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/filter/MailInspection.h"
#include "appliance/rules/RulesCache.h"

namespace portcullis::filter {

/// mail → findings → rules → outcome (design §5, step 5). One a worker; used by one thread.
class Pipeline
{
public:
    Pipeline(FilterSettings settings, Engines engines, const QString &rulesCacheFile);

    /// Compiles the rules before the first message asks for them: a new worker must not be slow. Rules
    /// that are not there yet are no failure here; the first message looks again.
    void warmUp();

    /// Errors, transient: no rules were ever known, a scanner or helper gave no answer. The caller
    /// defers the message then; nothing is ever let through unjudged.
    Result<verdict::FilterResponse> judge(const verdict::FilterRequest &request);

private:
    Result<std::shared_ptr<const rules::RuleSet>> currentRules();
    void report(const QByteArray &queueId, const verdict::FilterResponse &response) const;

    FilterSettings m_settings;
    Engines m_engines;
    rules::CachedRules m_rules;
    QByteArray m_reportedProblem;  ///< So that a broken rules file is logged once, not per mail.
};

}  // namespace portcullis::filter
