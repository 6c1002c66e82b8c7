// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/LiveRules.h"

#include <algorithm>

namespace portcullis::spam {

std::shared_ptr<const CompiledRules> loadRules(const RuleOrigin &origin)
{
    auto rules = std::make_shared<const RuleSet>(readRules(origin.sources));
    ModuleList modules = origin.furtherModules ? origin.furtherModules(*rules) : ModuleList();
    for (auto &module : localModules()) {
        modules.push_back(std::move(module));
    }
    return CompiledRules::compile(std::move(rules), std::move(modules), origin.settings);
}

std::vector<Problem> problemsOf(const CompiledRules &rules)
{
    std::vector<Problem> all = rules.rules().problems;
    all.insert(all.end(), rules.problems().begin(), rules.problems().end());
    return all;
}

LiveRules::LiveRules(RuleOrigin origin)
    : m_origin(std::move(origin))
    , m_marks(markRuleFiles(m_origin.sources))
    , m_current(loadRules(m_origin))
{
}

Result<LiveRules::Refresh> LiveRules::refresh()
{
    auto marks = markRuleFiles(m_origin.sources);
    if (marks == m_marks) {
        return Refresh::Unchanged;
    }
    m_marks = std::move(marks);
    const auto fresh = loadRules(m_origin);
    const std::vector<Problem> problems = problemsOf(*fresh);
    const auto broken = std::find_if(problems.begin(), problems.end(), [](const Problem &problem) {
        return problem.severity == Problem::Severity::Error;
    });
    if (broken != problems.end()) {
        return Error::permanent(
            "spam.rules-broken",
            QStringLiteral("%1:%2: %3: %4")
                .arg(QString::fromUtf8(broken->origin.file))
                .arg(broken->origin.line)
                .arg(QString::fromUtf8(broken->subject), QString::fromUtf8(broken->reason)));
    }
    std::atomic_store(&m_current, fresh);
    return Refresh::Taken;
}

}  // namespace portcullis::spam
