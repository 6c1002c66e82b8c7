// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::RelayEval: what the chain of relays gives away.
class RelayEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
};

}  // namespace portcullis::spam
