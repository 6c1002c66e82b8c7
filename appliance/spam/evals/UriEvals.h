// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::URIEval: redirectors, links to addresses under a text with https, links
/// that had to be cut.
class UriEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    static int leadsElsewhere(Scan &scan);
    static int hidesAddress(Scan &scan);
};

}  // namespace portcullis::spam
