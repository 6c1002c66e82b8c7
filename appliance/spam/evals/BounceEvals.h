// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/GlobList.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::VBounce: bounces of mail that our own relays really sent.
///
/// welcomelist_bounce_relays (`wl_bounce_relays` of pmg.conf) names those relays; a bounce that quotes a
/// Received field with one of them is not taken for backscatter.
class BounceEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    int comesFromOurRelays(Scan &scan) const;
    [[nodiscard]] bool quotesRelay(QByteArrayView text) const;
    [[nodiscard]] bool quotesRelayInLines(QByteArrayView body) const;

    GlobList m_relays;
};

}  // namespace portcullis::spam
