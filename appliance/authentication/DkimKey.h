// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <memory>
#include <vector>

namespace portcullis::authentication {

/// A private key for signing (RFC 6376, RFC 8463). Immutable, cheap to copy.
class DkimKey
{
public:
    enum class Kind { Rsa, Ed25519 };

    /// Reads a PEM private key (PKCS #1 or #8). Errors, permanent: `dkim.key` with what is wrong: not
    /// a key, encrypted, neither RSA nor Ed25519, or RSA shorter than 1024 bits (RFC 8301 §3.2).
    static Result<DkimKey> fromPem(const QByteArray &pem);

    /// Makes an RSA key. `bits`: 1024 to 8192 in steps of 8; 2048 is recommended, some verifiers take
    /// no more than 4096. Errors: `dkim.key` (permanent) for other sizes. Takes seconds beyond 2048.
    static Result<DkimKey> generate(int bits);
    static Result<DkimKey> generateEd25519();

    [[nodiscard]] Kind kind() const;
    [[nodiscard]] int bits() const;
    [[nodiscard]] QByteArray toPem()
        const;  ///< Private; PKCS #1 for RSA as PMG writes, else PKCS #8.
    /// Ed25519 signature of some octets; empty for an RSA key, with which libopendkim signs.
    [[nodiscard]] QByteArray signEd25519(QByteArrayView octets) const;
    [[nodiscard]] QByteArray publicBase64() const;  ///< p= of the record.
    /// "v=DKIM1; h=sha256; k=rsa; p=…"
    [[nodiscard]] QByteArray recordText() const;
    /// The record as a zone file has it, split in character-strings of at most 255 octets:
    /// `SELECTOR._domainkey<TAB>IN<TAB>TXT<TAB>( "v=DKIM1; …" "…" )`, `domain` appended to the name
    /// with a final dot unless it is empty.
    [[nodiscard]] QByteArray zoneLine(const QByteArray &selector,
                                      const QByteArray &domain = {}) const;

private:
    struct Private;
    std::shared_ptr<const Private> d;
};

/// Tells whether a selector can be used: labels of letters, digits, "-" and "_" (RFC 6376 §3.1).
bool isSelector(const QByteArray &text);

}  // namespace portcullis::authentication
