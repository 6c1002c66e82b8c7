// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/MimeLocales.h"

namespace portcullis::spam {

struct MimeFacts;

/// Mail::SpamAssassin::Plugin::MIMEEval: structure, encodings and charsets of a message.
class MimeEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    struct Memory;
    const MimeFacts &facts(Scan &scan) const;
    int hasHtml(Scan &scan) const;
    int hasOnlyHtml(Scan &scan) const;
    int hasFarawayText(Scan &scan) const;
    int upperCase(Scan &scan, const EvalCall &call) const;
    int base64Length(Scan &scan, const EvalCall &call) const;
    double upperCaseShare(Scan &scan) const;

    CharsetLocales m_locales;
};

}  // namespace portcullis::spam
