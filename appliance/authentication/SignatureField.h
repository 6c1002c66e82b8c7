// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/Canonicalization.h"
#include "appliance/authentication/KeyRecord.h"
#include "appliance/authentication/ReceivedMessage.h"
#include "appliance/authentication/TagList.h"

#include <optional>
#include <vector>

namespace portcullis::authentication {

/// What DKIM-Signature, ARC-Message-Signature and ARC-Seal have in common.
enum class SignatureKind { Dkim, ArcMessage, ArcSeal };

/// A signature field taken apart and checked as far as that goes without DNS.
struct SignatureField {
    enum class State {
        Usable,
        Broken,      ///< Against the grammar, or a tag that must be there is not.
        Unsupported  ///< A version, algorithm, canonicalization or query that nobody here knows.
    };
    State state = State::Broken;
    QByteArray reason;  ///< Why it is not usable; printable ASCII.

    const mail::HeaderField *field = nullptr;
    TagList tags;
    QByteArray domain;     ///< d=, lower case A-labels.
    QByteArray selector;   ///< s=, lower case.
    QByteArray algorithm;  ///< a=
    QByteArray identity;   ///< i= of DKIM, dkim-quoted-printable decoded; empty: not given.
    CanonicalizationPair canonicalization;
    std::vector<QByteArray> signedNames;  ///< h=, lower case.
    std::optional<qint64> bodyLength;     ///< l=
    QByteArray bodyHash;                  ///< bh=, decoded.
    QByteArray signature;                 ///< b=, decoded.
    std::optional<qint64> signedAt;       ///< t=
    std::optional<qint64> expires;        ///< x=

    [[nodiscard]] QByteArray nameOfKey() const { return keyName(selector, domain); }
};

SignatureField readSignature(const mail::HeaderField &field,
                             SignatureKind kind,
                             const AuthenticationLimits &limits);

/// The field's octets with the value of b= cut out, as they are hashed (RFC 6376 §3.7).
QByteArray withoutSignature(const ReceivedMessage &message, const SignatureField &signature);

/// SHA-256 over the fields that h= selects and the signature field itself.
QByteArray headerDigest(const ReceivedMessage &message, const SignatureField &signature);

enum class SignatureCheck { Good, BodyChanged, HeaderChanged, Unable };

/// Checks body hash and signature on OpenSSL; SHA-256 algorithms only (else Unable).
SignatureCheck checkSignature(ReceivedMessage &message,
                              const SignatureField &signature,
                              const KeyRecord &key);

}  // namespace portcullis::authentication
