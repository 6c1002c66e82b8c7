// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/Findings.h"
#include "appliance/authentication/PublicSuffixes.h"
#include "appliance/authentication/TxtLookup.h"
#include "appliance/verdict/SessionEvidence.h"

#include <QtCore/QByteArrayView>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::authentication {

struct AuthenticatorSettings {
    AuthenticationLimits limits;
    std::vector<QByteArray> trustedSealers;  ///< Setting arc_trusted_sealers; lower case.
    /// 0 … 99, for pct= of DMARC (RFC 7489 §6.6.4); empty: a random number.
    std::function<int()> drawPercent;
    /// Now, for t= and x=; empty: the system's clock.
    std::function<qint64()> unixTime;
};

/// Verifies DKIM, ARC and DMARC of received messages.
///
/// Made once in the filter's master, before it forks; authenticate() is then called by each worker.
/// Not thread-safe. Signatures are checked by libopendkim, ARC by ourselves, the policy by libopendmarc.
class Authenticator
{
public:
    /// Without public suffixes (an empty list) an organisation's domain is the domain itself, so
    /// relaxed alignment works as strict does: less passes, nothing passes wrongly.
    Authenticator(AuthenticatorSettings settings, std::shared_ptr<const PublicSuffixes> suffixes);
    ~Authenticator();

    /// `message`: the octets as received, CRLF, our own trace fields in front or not. `spf`: what the
    /// session found out; nothing counts as not checked. Never fails: what cannot be verified says so.
    [[nodiscard]] Findings authenticate(QByteArrayView message,
                                        const std::optional<verdict::SpfFinding> &spf,
                                        TxtLookup &dns) const;

private:
    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::authentication
