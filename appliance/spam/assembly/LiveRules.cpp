// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/LiveRules.h"

#include "appliance/spam/bayes/BayesSettings.h"

#include <QtCore/QStringList>

#include <set>
#include <tuple>

namespace portcullis::spam {

namespace {

constexpr qsizetype toldErrors = 5;  ///< In the text of an Error; the rest is for the lint.

bool usesBayes(const RuleOrigin &origin, const RuleSet &rules)
{
    return origin.settings.usesBayes && (!origin.learnt || hasBayesASay(rules, origin.learnt()));
}

std::shared_ptr<const CompiledRules> compileRules(const RuleOrigin &origin,
                                                  std::shared_ptr<const RuleSet> rules)
{
    // Local ones first: what they set when they begin (DKIM's tags) is there for those that ask others.
    ModuleList modules = localModules();
    if (origin.furtherModules) {
        for (auto &module : origin.furtherModules(*rules)) {
            modules.push_back(std::move(module));
        }
    }
    EngineSettings settings = origin.settings;
    settings.usesBayes = usesBayes(origin, *rules);
    return CompiledRules::compile(std::move(rules), std::move(modules), settings);
}

std::shared_ptr<const RuleSet> readOnce(const RuleOrigin &origin)
{
    return std::make_shared<const RuleSet>(readRules(origin.sources));
}

QString textOf(const Problem &problem)
{
    return QStringLiteral("%1:%2: %3: %4")
        .arg(QString::fromUtf8(problem.origin.file))
        .arg(problem.origin.line)
        .arg(QString::fromUtf8(problem.subject), QString::fromUtf8(problem.reason));
}

QString textOf(const std::vector<Problem> &problems)
{
    QStringList texts;
    for (const Problem &problem : problems) {
        if (texts.size() == toldErrors) {
            texts.append(QStringLiteral("%1 more").arg(qint64(problems.size()) - toldErrors));
            break;
        }
        texts.append(textOf(problem));
    }
    return texts.join(QStringLiteral("; "));
}

}  // namespace

std::shared_ptr<const CompiledRules> loadRules(const RuleOrigin &origin)
{
    return compileRules(origin, readOnce(origin));
}

std::vector<Problem> problemsOf(const CompiledRules &rules)
{
    std::vector<Problem> all = rules.rules().problems;
    all.insert(all.end(), rules.problems().begin(), rules.problems().end());
    return all;
}

std::vector<Problem> addedErrors(const std::vector<Problem> &before,
                                 const std::vector<Problem> &fresh)
{
    const auto isError = [](const Problem &problem) {
        return problem.severity == Problem::Severity::Error;
    };
    const auto keyOf = [](const Problem &problem) {
        return std::tuple(problem.origin.file, problem.subject, problem.reason);
    };
    std::multiset<std::tuple<QByteArray, QByteArray, QByteArray>> known;
    for (const Problem &problem : before) {
        if (isError(problem)) {
            known.insert(keyOf(problem));
        }
    }
    std::vector<Problem> added;
    for (const Problem &problem : fresh) {
        if (!isError(problem)) {
            continue;
        }
        if (const auto same = known.find(keyOf(problem)); same != known.end()) {
            known.erase(same);
        } else {
            added.push_back(problem);
        }
    }
    return added;
}

LiveRules::LiveRules(RuleOrigin origin, std::chrono::milliseconds settleTime)
    : m_origin(std::move(origin))
    , m_marks(markRuleFiles(m_origin.sources))
    , m_seen(m_marks)
    , m_settleTime(settleTime)
    , m_rules(readOnce(m_origin))
    , m_current(compileRules(m_origin, m_rules))
{
}

bool LiveRules::hasBayesTurned() const
{
    return current()->settings().usesBayes != usesBayes(m_origin, *m_rules);
}

bool LiveRules::hasChanged()
{
    const auto now = std::chrono::steady_clock::now();
    auto marks = markRuleFiles(m_origin.sources);
    const bool isSettled = marks == m_seen && now - m_seenSince >= m_settleTime;
    if (marks != m_seen) {
        m_seen = std::move(marks);
        m_seenSince = now;
    }
    return hasBayesTurned() || (isSettled && m_seen != m_marks);
}

Result<LiveRules::Refresh> LiveRules::refresh()
{
    if (!hasChanged()) {
        return Refresh::Unchanged;
    }
    if (hasBayesTurned()) {
        // About files the next look will tell; what they say may be broken.
        std::atomic_store(&m_current, compileRules(m_origin, m_rules));
        return Refresh::Taken;
    }
    m_marks = m_seen;
    const auto rules = readOnce(m_origin);
    const auto fresh = compileRules(m_origin, rules);
    const std::vector<Problem> added = addedErrors(problemsOf(*current()), problemsOf(*fresh));
    if (!added.empty()) {
        return Error::permanent("spam.rules-broken", textOf(added));
    }
    m_rules = rules;
    std::atomic_store(&m_current, fresh);
    return Refresh::Taken;
}

}  // namespace portcullis::spam
