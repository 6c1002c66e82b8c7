// SPDX-License-Identifier: GPL-2.0-or-later
// Lines of the administrator's about tests that nobody defines. Stock rules are full of such lines, for
// tests of plugins that are not loaded.
#include "appliance/spam/conf/RuleParser.h"
#include "appliance/spam/conf/Spelling.h"

#include <QtCore/QFile>

#include <algorithm>

namespace portcullis::spam {

bool RuleParser::isOfSite(const Origin &origin) const
{
    const QString file = QFile::decodeName(origin.file);
    return m_sources.candidates.contains(file)
           || (!m_sources.site.isEmpty() && file.startsWith(m_sources.site));
}

void RuleParser::mention(const QByteArray &keyword, const QByteArray &name)
{
    if (isOfSite(m_place.origin) && !m_mentions.contains(name)) {
        m_mentions.insert(name, {keyword, m_place.origin});
    }
}

bool RuleParser::mayHint()
{
    // Comparing with hundreds or thousands of names takes a while: for the first slips only.
    constexpr int mostHints = 20;
    return ++m_hints <= mostHints;
}

QByteArray RuleParser::hintForTest(const QByteArray &name)
{
    return mayHint() ? spellingHint(name, m_index.keys()) : QByteArray();
}

void RuleParser::reportMissingTests()
{
    std::vector<std::pair<QByteArray, Mention>> missing;
    for (auto it = m_mentions.cbegin(); it != m_mentions.cend(); ++it) {
        if (!m_index.contains(it.key())) {
            missing.emplace_back(it.key(), it.value());
        }
    }
    std::sort(missing.begin(), missing.end(), [](const auto &left, const auto &right) {
        return std::pair(left.second.origin.file, left.second.origin.line)
               < std::pair(right.second.origin.file, right.second.origin.line);
    });
    for (const auto &[name, mentioned] : missing) {
        m_place.origin = mentioned.origin;
        report(Problem::Severity::Warning, name,
               "'" + mentioned.keyword
                   + "' without effect: there is no such test, or its plugin is "
                     "not loaded"
                   + hintForTest(name));
    }
}

void RuleParser::reportMissingParts(const Test &meta)
{
    if (!isOfSite(meta.origin)) {
        return;
    }
    for (const MetaTest::Step &step : std::get<MetaTest>(meta.body).steps) {
        if (step.operation == MetaTest::Operation::Test && step.name != "local_tests_only"
            && !m_index.contains(step.name)) {
            m_place.origin = meta.origin;
            report(Problem::Severity::Warning, meta.name,
                   "needs '" + step.name + "', which is no test, and counts as 0"
                       + hintForTest(step.name));
        }
    }
}

}  // namespace portcullis::spam
