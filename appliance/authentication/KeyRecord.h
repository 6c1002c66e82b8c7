// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/AuthenticationLimits.h"
#include "appliance/authentication/TxtLookup.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

using EVP_PKEY = struct evp_pkey_st;

namespace portcullis::authentication {

/// A public key as a domain publishes it (RFC 6376 §3.6.1, RFC 8463).
struct KeyRecord {
    enum class State {
        Usable,
        Missing,      ///< There is no record.
        Unavailable,  ///< The DNS failed; try later.
        Revoked,      ///< p= is empty.
        Broken,       ///< The record or the key cannot be read, or is not for this use.
        Unaccepted    ///< Too short or too long (RFC 8301 §3.2).
    };
    enum class Kind { Rsa, Ed25519 };

    State state = State::Missing;
    Kind kind = Kind::Rsa;
    int bits = 0;
    bool isTesting = false;       ///< t=y
    bool isStrictDomain = false;  ///< t=s: no subdomains in i=.
    bool allowsSha1 = true;       ///< h=
    bool allowsSha256 = true;     ///< h=
    QByteArray base64;            ///< p= without white space.
    QByteArray reason;            ///< Why it is not usable; printable ASCII.
    std::shared_ptr<EVP_PKEY> key;

    /// Whether `signature` is of this key, which allows SHA-256, over such a `digest` (RSASSA-PKCS1-v1_5, or PureEdDSA
    /// of the digest as RFC 8463 §3 has it).
    [[nodiscard]] bool verifies(QByteArrayView digest, QByteArrayView signature) const;
};

/// "selector._domainkey.domain", lower case.
QByteArray keyName(const QByteArray &selector, const QByteArray &domain);

/// Reads the answer for a key's name. Of several records the first that looks like a key is taken
/// (RFC 6376 §3.6.2.2 leaves it open).
KeyRecord readKey(const TxtAnswer &answer, const AuthenticationLimits &limits);

}  // namespace portcullis::authentication
