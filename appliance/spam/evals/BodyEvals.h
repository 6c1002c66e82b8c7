// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::BodyEval: how the alternatives of a message differ, how much of it is
/// empty, spaced out, short, or talk of shares.
class BodyEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    struct Facts;
    Facts &facts(Scan &scan) const;
    int difference(Scan &scan, const EvalCall &call) const;
    int differenceCount(Scan &scan, const EvalCall &call) const;
    int blankLines(Scan &scan, const EvalCall &call) const;
    int verticalWords(Scan &scan, const EvalCall &call) const;
    int stockInfo(Scan &scan, const EvalCall &call) const;
    int signatureTest(Scan &scan, const EvalCall &call) const;
};

}  // namespace portcullis::spam
