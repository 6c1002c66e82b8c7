// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/BodyPatterns.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::HTMLEval: what the markup of HTML parts tells. A test hits if one of the
/// parts meets it.
class HtmlEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    int matchTexts(Scan &scan, const EvalCall &call, bool wanted) const;

    CallPatterns m_patterns;  ///< Of html_text_match.
};

}  // namespace portcullis::spam
