// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/KeyRecord.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "appliance/authentication/SignatureField.h"

#include <QtCore/QByteArray>

#include <memory>
#include <vector>

struct dkim_lib;

namespace portcullis::authentication {

/// A signature with the key that was found for it.
struct KeyedSignature {
    const SignatureField *signature = nullptr;
    const KeyRecord *key = nullptr;
};

/// libopendkim's library handle. One per verifier or signer; not thread-safe.
class OpendkimLibrary
{
public:
    explicit OpendkimLibrary(const AuthenticationLimits &limits);
    ~OpendkimLibrary();
    OpendkimLibrary(const OpendkimLibrary &) = delete;
    OpendkimLibrary &operator=(const OpendkimLibrary &) = delete;

    [[nodiscard]] dkim_lib *handle() const { return m_library; }  ///< Null: out of memory.

    /// Whether libopendkim can judge this signature as the RFC asks. It keeps a key record in 1024
    /// octets (RSA keys beyond about 5,000 bits), a list of signed fields in 4096, and fields as C
    /// strings; a CR alone means nothing to it, and it misses the CRLF that relaxed canonicalization
    /// adds at the end (RFC 6376 §3.4.4). checkSignature() judges what does not fit.
    static bool fits(const ReceivedMessage &message, const KeyedSignature &candidate);

    /// Judges the signatures, which must fit. The library sees these signature fields and the fields
    /// that they cover, never the others, and asks no DNS.
    std::vector<SignatureCheck> verify(const ReceivedMessage &message,
                                       const std::vector<KeyedSignature> &candidates) const;

private:
    dkim_lib *m_library = nullptr;
};

}  // namespace portcullis::authentication
