// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/Pipeline.h"

#include "appliance/base/Log.h"
#include "appliance/filter/OutcomePlanner.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QJsonArray>

namespace portcullis::filter {

Pipeline::Pipeline(FilterSettings settings, Engines engines, const QString &rulesCacheFile)
    : m_settings(std::move(settings))
    , m_engines(std::move(engines))
    , m_rules(rulesCacheFile)
{
}

Result<std::shared_ptr<const rules::RuleSet>> Pipeline::currentRules()
{
    const rules::LoadedRules loaded = TRY(m_rules.current());
    const auto &problem = m_rules.problem();
    const QByteArray text = problem ? problem->toString().toUtf8() : QByteArray();
    if (text != m_reportedProblem) {
        m_reportedProblem = text;
        if (problem) {
            log::write(log::Severity::Error, "filter.rules-not-updated", {},
                       {{"reason", text}, {"in-force", QByteArray::number(loaded.key.generation)}});
        }
    }
    return loaded.rules;
}

void Pipeline::warmUp()
{
    static_cast<void>(currentRules());
}

Result<verdict::FilterResponse> Pipeline::judge(const verdict::FilterRequest &request)
{
    QElapsedTimer timer;
    timer.start();
    const auto ruleSet = TRY(currentRules());
    MailInspection inspection(request, m_settings, m_engines);
    TRY(inspection.examine());
    const rules::Evaluation evaluation = TRY(
        ruleSet->evaluate(inspection, {request.isDryRun, nullptr}));
    verdict::FilterResponse response =
        OutcomePlanner(request, m_settings, inspection, *ruleSet, evaluation).plan();
    if (m_engines.signer != nullptr) {
        m_engines.signer->sign(request, response);
    }
    response.explanation = evaluation.explanation;
    response.evidence.insert(QLatin1String("filter_ms"), timer.elapsed());
    if (!request.isDryRun) {
        report(request.queueId, response);
    }
    return response;
}

void Pipeline::report(const QByteArray &queueId, const verdict::FilterResponse &response) const
{
    const QJsonArray problems = response.evidence.value(QLatin1String("problems")).toArray();
    for (const QJsonValue &problem : problems) {
        log::write(log::Severity::Warning, "filter.problem", queueId,
                   {{"what", problem.toString().toUtf8()}});
    }
}

}  // namespace portcullis::filter
