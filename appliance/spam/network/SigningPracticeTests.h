// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/network/LookupHub.h"

namespace portcullis::spam {

/// ADSP (RFC 5617, historic) for author domains without a valid signature of their own: the part of
/// check_dkim_adsp that asks DNS. The other part, adsp_override, and the choice of domains are the DKIM
/// module's, which names them in the tag `openPracticesTag` when it begins.
class SigningPracticeTests final : public NetworkModule
{
public:
    using NetworkModule::NetworkModule;

    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;

private:
    /// One test with check_dkim_adsp.
    struct Wanted {
        const Test *test = nullptr;
        QByteArray practices;             ///< "N", "D", "A", "U", or several.
        std::vector<QByteArray> domains;  ///< Only authors there; empty: all.
    };
    void found(Scan &scan, const QByteArray &domain, char practice) const;

    std::vector<Wanted> m_tests;
};

/// 'A' (all), 'D' (discardable) or 'U' (unknown, or not a record) of an ADSP record (RFC 5617 §4.2).
char practiceOf(QByteArrayView record);

}  // namespace portcullis::spam
