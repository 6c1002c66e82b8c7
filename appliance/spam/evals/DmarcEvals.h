// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::DMARC, out of the evidence of the SMTP session; nothing hits without.
class DmarcEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
};

}  // namespace portcullis::spam
