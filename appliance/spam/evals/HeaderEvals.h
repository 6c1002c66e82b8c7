// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/HeaderDates.h"
#include "appliance/spam/evals/MimeLocales.h"

#include <functional>

namespace portcullis::spam {

/// Mail::SpamAssassin::Plugin::HeaderEval: what no regular expression can say of a header.
class HeaderEvals final : public EvalModule
{
public:
    /// Seconds since 1970; only received_within_months() asks.
    using Now = std::function<qint64()>;
    explicit HeaderEvals(Now now = {});

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

private:
    const HeaderDates &dates(Scan &scan) const;
    int hasFarawayCharset(Scan &scan) const;
    int hasShiftedDate(Scan &scan, const EvalCall &call) const;
    int isReceivedWithinMonths(Scan &scan, const EvalCall &call) const;
    int hasSortedRecipients(Scan &scan) const;
    int hasSimilarRecipients(Scan &scan, const EvalCall &call) const;

    struct Memory;
    Memory &memory(Scan &scan) const;

    Now m_now;
    CharsetLocales m_locales;
};

}  // namespace portcullis::spam
