// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/DkimFinding.h"
#include "appliance/authentication/OpendkimSession.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "appliance/authentication/SignatureField.h"
#include "appliance/authentication/TxtLookup.h"

#include <functional>
#include <vector>

namespace portcullis::authentication {

/// Verifies the DKIM signatures of one message (RFC 6376 §6). Made for one message, used once.
class DkimVerifier
{
public:
    /// `isPreferred`: signatures of these domains are verified before the limit strikes others.
    DkimVerifier(ReceivedMessage &message,
                 const AuthenticationLimits &limits,
                 const std::function<bool(const QByteArray &domain)> &isPreferred);

    /// Keys that verify() will need; no name twice.
    [[nodiscard]] std::vector<QByteArray> keyNames() const;

    /// In the order of the fields.
    std::vector<DkimFinding> verify(TxtLookup &dns, const OpendkimLibrary &library, qint64 now);

    [[nodiscard]] int uncheckedCount() const { return m_unchecked; }

private:
    struct Candidate {
        SignatureField signature;
        KeyRecord key;
        DkimFinding finding;
        bool isOpen = true;  ///< Nothing has decided about it yet.
    };

    void decide(Candidate &candidate, DkimResult result, const QByteArray &reason);
    void checkField(Candidate &candidate, qint64 now);
    void checkKey(Candidate &candidate, TxtLookup &dns);
    void checkOctets(const OpendkimLibrary &library);
    void conclude(Candidate &candidate, SignatureCheck check);
    void distrust(Candidate &candidate);

    ReceivedMessage &m_message;
    const AuthenticationLimits &m_limits;
    std::vector<Candidate> m_candidates;
    int m_unchecked = 0;
};

}  // namespace portcullis::authentication
