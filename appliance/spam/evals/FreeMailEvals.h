// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/match/Pattern.h"

#include <map>

namespace portcullis::spam {

class MessageText;

/// What bounds the work on bodies full of addresses.
struct FreeMailLimits {
    size_t linkAddresses = 20;  ///< Taken from mailto: links (fixed in the peer).
    size_t bodyAddresses = 40;  ///< Links and text together (fixed in the peer).
    int stars = 4;              ///< "*" in one freemail_domains pattern.
    qsizetype host = 255;       ///< Longer hosts are nobody's (RFC 1035 §2.3.4).
};

/// Mail::SpamAssassin::Plugin::FreeMail: addresses anybody can get, and answers that go to another one
/// than the sender's.
class FreeMailEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;

    /// An address at a provider that anybody gets one from; role addresses and freemail_welcomelist are not.
    [[nodiscard]] bool isFreeMail(const QByteArray &address) const;

private:
    struct Memory;

    void readDomains(const RuleSet &rules, ProblemSink &problems);
    void readWelcomeList(const RuleSet &rules, ProblemSink &problems);
    void compileArguments(const RuleSet &rules, ProblemSink &problems);

    int checkAddresses(Scan &scan,
                       const std::vector<QByteArray> &addresses,
                       const QByteArray *regex) const;
    int checkFrom(Scan &scan, const EvalCall &call) const;
    int checkHeader(Scan &scan, const EvalCall &call) const;
    int checkBody(Scan &scan, const EvalCall &call) const;
    int checkReplyTo(Scan &scan, const EvalCall &call) const;
    [[nodiscard]] bool anyFreeMail(const std::vector<QByteArray> &addresses) const;
    int compareWithBody(Scan &scan, const std::vector<QByteArray> &answers) const;
    const std::vector<QByteArray> *bodyFreeMails(Scan &scan) const;
    std::vector<QByteArray> bodyAddresses(Scan &scan) const;
    void note(Scan &scan, QByteArray words) const;

    FreeMailLimits m_limits;
    QSet<QByteArray> m_domains;
    std::vector<QByteArray> m_globs;
    QSet<QByteArray> m_welcome;  ///< Addresses and domains.
    GlobList m_authenticated;    ///< welcomelist_auth, where imported.
    std::map<QByteArray, Pattern> m_patterns;
    int m_maxAddresses = 5;
    int m_maxFreeMails = 3;
    bool m_skipsOverMax = true;
    bool m_skipsBulk = true;
    bool m_describes = true;
};

}  // namespace portcullis::spam
