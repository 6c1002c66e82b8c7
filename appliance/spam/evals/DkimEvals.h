// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/evals/GlobList.h"
#include "appliance/spam/SenderEvidence.h"

#include <QtCore/QHash>

namespace portcullis::spam {

class MessageText;

/// Mail::SpamAssassin::Plugin::DKIM with ARC and ADSP, out of the evidence of the SMTP session; nothing
/// hits without. Of ADSP (RFC 5617, historic) it knows adsp_override; the rest is for network/.
///
/// Sets the tags DKIMDOMAIN, DKIMIDENTITY and DKIMSELECTOR of valid signatures before any test runs.
class DkimEvals final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override;
    void configure(const RuleSet &rules, ProblemSink &problems) override;
    [[nodiscard]] std::vector<Entry> functions() const override;
    void begin(Scan &scan) const override;

private:
    /// An author who is welcome, and by whom his mail must be signed.
    struct SignedWelcome {
        QByteArray glob;
        QByteArray signer;  ///< Empty: the author's own domain; "*.example.org": one below it.
    };
    struct WelcomeLists {
        std::vector<SignedWelcome> bySigner;
        GlobList byAuthor;

        [[nodiscard]] bool isWelcome(const QByteArray &author, const QByteArray &signer) const;
    };

    void readWelcomeLists(const RuleSet &rules,
                          const QByteArray &prefix,
                          WelcomeLists &lists,
                          ProblemSink &problems);
    void readPractices(const RuleSet &rules, ProblemSink &problems);
    [[nodiscard]] bool isStrong(const SignatureEvidence &signature) const;
    [[nodiscard]] bool hasValidFrom(Scan &scan, const QByteArray &domain) const;
    int isValidBy(Scan &scan, const std::vector<QByteArray> &domains) const;
    int isValidByAuthor(Scan &scan, const std::vector<QByteArray> &domains) const;
    int isValidByEnvelope(Scan &scan) const;
    int isWelcome(Scan &scan, const WelcomeLists &lists) const;
    int matchesPractices(Scan &scan,
                         QByteArrayView practices,
                         const std::vector<QByteArray> &domains) const;
    void setOpenDomains(Scan &scan) const;
    /// '\0': not to be asked about; '?': not known here.
    [[nodiscard]] char practicesOf(Scan &scan, const QByteArray &domain) const;

    WelcomeLists m_welcome;
    WelcomeLists m_default;
    QHash<QByteArray, char> m_practices;  ///< adsp_override: N, U, A, D, 1, 2, 3.
    int m_minimumKeyBits = 1024;
};

}  // namespace portcullis::spam
