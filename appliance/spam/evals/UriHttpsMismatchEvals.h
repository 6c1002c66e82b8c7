// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::HTTPSMismatch: the text of a link is an https URI of another domain than
/// the one it leads to.
class UriHttpsMismatchEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    static int mismatches(Scan &scan, const EvalCall &call);
};

}  // namespace portcullis::spam
