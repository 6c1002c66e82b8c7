// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/ArcFinding.h"
#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "appliance/authentication/SignatureField.h"
#include "appliance/authentication/TxtLookup.h"

#include <vector>

namespace portcullis::authentication {

/// Validates the ARC chain of one message (RFC 8617 §5.2). Made for one message, used once.
class ArcVerifier
{
public:
    ArcVerifier(ReceivedMessage &message, const AuthenticationLimits &limits);

    /// Keys that verify() will need, the important ones first; no name twice. Empty if the chain is
    /// already known to be none or failed.
    [[nodiscard]] std::vector<QByteArray> keyNames() const;

    ArcFinding verify(TxtLookup &dns);

private:
    struct Set {
        const mail::HeaderField *results = nullptr;
        SignatureField messageSignature;
        SignatureField seal;
    };

    void collect();
    bool collectFields(QByteArrayView name, int which);
    void checkStructure();
    bool checkSeals(TxtLookup &dns);
    bool checkMessageSignatures(TxtLookup &dns);
    bool fail(const QByteArray &reason, size_t instance = 0);
    bool failForKey(const KeyRecord &key, const char *what, size_t instance);

    ReceivedMessage &m_message;
    const AuthenticationLimits &m_limits;
    std::vector<Set> m_sets;
    ArcFinding m_finding;
};

}  // namespace portcullis::authentication
