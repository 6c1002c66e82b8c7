// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/LearnTokenizer.h"

#include "appliance/spam/language/LanguageEvals.h"

namespace portcullis::spam {

namespace {

/// Rules are checked where they are loaded.
class IgnoredProblems final : public ProblemSink
{
public:
    void report(Problem /*problem*/) override {}
};

}  // namespace

std::unique_ptr<MessageTokenizer> makeLearnTokenizer(const RuleSet &rules)
{
    const auto languages = std::make_shared<LanguageEvals>();
    IgnoredProblems problems;
    languages->configure(rules, problems);
    return std::make_unique<MessageTokenizer>(
        rules, [languages](MessageText &text) { languages->annotate(text); });
}

}  // namespace portcullis::spam
