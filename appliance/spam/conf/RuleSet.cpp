// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"

#include <algorithm>

namespace portcullis::spam {

bool Test::hasFlag(const char *flag) const
{
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

bool RuleSet::hasPlugin(const char *shortName) const
{
    const QByteArray name = QByteArrayLiteral("Mail::SpamAssassin::Plugin::") + shortName;
    return std::find(plugins.begin(), plugins.end(), name) != plugins.end();
}

bool RuleSet::hasErrors() const
{
    return std::any_of(problems.begin(), problems.end(), [](const Problem &problem) {
        return problem.severity == Problem::Severity::Error;
    });
}

const Test *RuleSet::find(const QByteArray &name) const
{
    const int index = indexOf(name);
    return index < 0 ? nullptr : &tests[static_cast<size_t>(index)];
}

int RuleSet::indexOf(const QByteArray &name) const
{
    return m_index.value(name, -1);
}

const std::vector<Directive> &RuleSet::directive(const QByteArray &name) const
{
    static const std::vector<Directive> none;
    const auto found = directives.find(name);
    return found == directives.end() ? none : found->second;
}

QByteArray RuleSet::value(const QByteArray &name, const QByteArray &fallback) const
{
    const std::vector<Directive> &lines = directive(name);
    return lines.empty() ? fallback : lines.back().value;
}

double RuleSet::number(const QByteArray &name, double fallback) const
{
    bool isNumber = false;
    const double number = value(name).toDouble(&isNumber);
    return isNumber ? number : fallback;
}

bool RuleSet::isOn(const QByteArray &name, bool fallback) const
{
    const QByteArray word = value(name).toLower();
    if (word == "1" || word == "yes") {
        return true;
    }
    return word == "0" || word == "no" ? false : fallback;
}

void RuleSet::buildIndex()
{
    m_index.clear();
    m_index.reserve(static_cast<qsizetype>(tests.size()));
    for (size_t i = 0; i < tests.size(); ++i) {
        m_index.insert(tests[i].name, static_cast<int>(i));
    }
}

}  // namespace portcullis::spam
