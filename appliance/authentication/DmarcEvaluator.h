// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/ArcFinding.h"
#include "appliance/authentication/AuthorDomain.h"
#include "appliance/authentication/DkimFinding.h"
#include "appliance/authentication/DmarcFinding.h"
#include "appliance/authentication/PublicSuffixes.h"
#include "appliance/authentication/TxtLookup.h"
#include "appliance/verdict/SessionEvidence.h"

#include <optional>
#include <vector>

namespace portcullis::authentication {

/// What DMARC judges by.
struct DmarcEvidence {
    AuthorDomain author;
    std::optional<verdict::SpfFinding> spf;
    std::vector<DkimFinding> dkim;
    ArcFinding arc;
};

/// Evaluates DMARC (RFC 7489 §6.6.2) with libopendmarc choosing the policy.
///
/// Deviation: which domains are aligned is decided here, and libopendmarc is told so. Its own reading of
/// the public suffix list gets 40 of the 77 cases of publicsuffix.org wrong, wildcards and exceptions among
/// them, so that a stranger's domain would count as the author's.
class DmarcEvaluator
{
public:
    explicit DmarcEvaluator(const PublicSuffixes &suffixes)
        : m_suffixes(suffixes)
    {
    }

    /// Names whose records evaluate() may ask for.
    [[nodiscard]] std::vector<QByteArray> recordNames(const AuthorDomain &author) const;

    /// `drawn`: 0 … 99, compared with pct=. `trustedSealers`: lower case.
    [[nodiscard]] DmarcFinding evaluate(const DmarcEvidence &evidence,
                                        TxtLookup &dns,
                                        int drawn,
                                        const std::vector<QByteArray> &trustedSealers) const;

    /// Relaxed alignment (RFC 7489 §3.1.1): both names are of one organisation.
    [[nodiscard]] bool isSameOrganisation(const QByteArray &one, const QByteArray &other) const;

private:
    struct Aligned;

    Aligned align(const DmarcEvidence &evidence, bool isDkimStrict, bool isSpfStrict) const;

    const PublicSuffixes &m_suffixes;
};

/// The sealer whose word excuses a DMARC failure: the chain passes, and going back from the last
/// sealer, all of them trusted, one says that DMARC passed for `fromDomain`. Empty: there is none.
QByteArray excusingSealer(const ArcFinding &arc,
                          const QByteArray &fromDomain,
                          const std::vector<QByteArray> &trustedSealers);

}  // namespace portcullis::authentication
