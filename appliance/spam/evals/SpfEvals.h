// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/SenderEvidence.h"

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::SPF, out of the evidence of the SMTP session.
///
/// Where a session left none (a file given to `pmg-spam check`), fields that our own internal hosts put
/// on top of the message count, as with the peer: Received-SPF, and spf= of Authentication-Results.
/// ignore_received_spf_header turns that off. Without either, nothing hits: not checked is not "none".
class SpfEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    struct Memory;
    enum class Identity { MailFrom, Helo };

    const Memory &memory(Scan &scan) const;
    void readFields(Scan &scan, Memory &memory) const;
    int answers(Scan &scan, Identity identity, SpfAnswer answer) const;
    int isWelcome(Scan &scan, const GlobList &bySpf, const GlobList &byAny) const;

    GlobList m_welcome;
    GlobList m_welcomeAuthenticated;
    GlobList m_default;
    GlobList m_defaultAuthenticated;
    bool m_ignoresFields = false;
    bool m_prefersNewest = false;
    bool m_trustsEnvelopeSender = false;
};

/// What a field said of SPF.
struct SpfFieldResult {
    SpfAnswer answer = SpfAnswer::None;
    bool isHelo = false;
};

/// Reads "Received-SPF: pass (…) identity=helo; …" and "Authentication-Results: …; spf=pass
/// smtp.mailfrom=…" (ARC-Authentication-Results too). Nothing: it is neither, or says nothing of use.
std::optional<SpfFieldResult> readSpfField(QByteArrayView field);

}  // namespace portcullis::spam
