// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/WelcomeListSubjectEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/GlobList.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

std::vector<QByteArray> subjectGlobs(const RuleSet &rules, const char *directive)
{
    std::vector<QByteArray> globs;
    for (const Directive &line : rules.directive(directive)) {
        if (!line.value.isEmpty()) {
            globs.push_back('*' + line.value.toLower() + '*');
        }
    }
    return globs;
}

int subjectIsIn(Scan &scan, const std::vector<QByteArray> &globs)
{
    const QByteArray subject = scan.text().headerText("Subject").toLower();
    return !subject.isEmpty()
           && std::any_of(globs.begin(), globs.end(), [&subject](const QByteArray &glob) {
                  return matchesGlob(glob, subject);
              });
}

}  // namespace

QByteArray WelcomeListSubjectEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::WelcomeListSubject";
}

void WelcomeListSubjectEvals::configure(const RuleSet &rules, ProblemSink &)
{
    m_welcome = subjectGlobs(rules, "welcomelist_subject");
    m_blocked = subjectGlobs(rules, "blocklist_subject");
}

std::vector<EvalModule::Entry> WelcomeListSubjectEvals::functions() const
{
    const EvalFunction welcome = [this](Scan &scan, const EvalCall &) {
        return subjectIsIn(scan, m_welcome);
    };
    const EvalFunction blocked = [this](Scan &scan, const EvalCall &) {
        return subjectIsIn(scan, m_blocked);
    };
    return {{"check_subject_in_welcomelist", welcome},
            {"check_subject_in_whitelist", welcome},
            {"check_subject_in_blocklist", blocked},
            {"check_subject_in_blacklist", blocked}};
}

}  // namespace portcullis::spam
