// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/BodyPatterns.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

Result<Pattern> compileArgument(const QByteArray &source)
{
    Regex regex;
    regex.source = source;
    return Pattern::compile(regex);
}

}  // namespace

void CallPatterns::read(const RuleSet &rules,
                        std::initializer_list<const char *> functions,
                        size_t argument,
                        ProblemSink &problems)
{
    m_patterns.clear();
    for (const Test &rule : rules.tests) {
        const auto *call = std::get_if<EvalCall>(&rule.body);
        if (!call || call->arguments.size() <= argument
            || std::find(functions.begin(), functions.end(), call->function) == functions.end()) {
            continue;
        }
        Result<Pattern> pattern = compileArgument(call->arguments[argument]);
        if (pattern) {
            m_patterns.insert_or_assign(call->arguments[argument], std::move(*pattern));
        } else {
            problems.report({Problem::Severity::Error, rule.origin, rule.name,
                             pattern.error().detail.toUtf8()});
        }
    }
}

std::optional<Pattern> CallPatterns::find(const QByteArray &source) const
{
    const auto known = m_patterns.find(source);
    if (known != m_patterns.end()) {
        return known->second;
    }
    Result<Pattern> compiled = compileArgument(
        source);  // a call that is in no rule: tests make them
    return compiled ? std::optional(std::move(*compiled)) : std::nullopt;
}

}  // namespace portcullis::spam
