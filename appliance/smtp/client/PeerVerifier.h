// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Config.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QSsl>
#include <QtNetwork/QSslCertificate>
#include <QtNetwork/QSslError>

#include <optional>
#include <vector>

namespace portcullis::smtp {

/// A TLSA record (RFC 6698 §2.1).
struct TlsaRecord {
    quint8 usage = 0;
    quint8 selector = 0;
    quint8 matching = 0;
    QByteArray data;

    /// RFC 7672 §3.1: SMTP uses DANE-TA(2) and DANE-EE(3) only; others are unusable.
    [[nodiscard]] bool isUsable() const;

    /// Reads RDATA; nothing if it is too short or a digest has the wrong length.
    static std::optional<TlsaRecord> fromRdata(QByteArrayView rdata);
    friend bool operator==(const TlsaRecord &, const TlsaRecord &) = default;
};

/// What a peer must prove. Made for each connection from the destination's policy.
struct PeerPolicy {
    config::TlsLevel level = config::TlsLevel::None;
    /// Fingerprint: SHA-256 (or SHA-1) of certificate or public key, hex with or without colons.
    /// Verify, Secure: names; `.example.org` means subdomains.
    std::vector<QByteArray> match;
    /// MTA-STS looks at subjectAltName alone (RFC 8461 §4.2); else a common name may stand in.
    bool ignoresCommonName = false;
    std::vector<TlsaRecord> tlsa;       ///< Usable records, from a secure answer.
    std::vector<QByteArray> daneNames;  ///< Names that DANE-TA accepts (RFC 7672 §3.2.3).
    QSsl::SslProtocol minimumProtocol = QSsl::TlsV1_2OrLater;
    /// What the peer fails to prove is noted, and mail goes all the same (RFC 8461 §5, "testing").
    bool isAdvisory = false;

    [[nodiscard]] bool needsTls() const;      ///< No plain text, ever.
    [[nodiscard]] bool asksForProof() const;  ///< More than encryption.
};

/// What a TLS handshake showed.
struct PeerCertificates {
    std::vector<QSslCertificate> chain;  ///< As sent, the peer's own first.
    std::vector<QSslError> errors;       ///< Against our CA certificates, names left out.
};

/// Whether the peer is who the policy asks for. The levels mean what Postfix' levels mean:
/// May and Encrypt ask nothing; Fingerprint compares digests; Verify and Secure want a chain to a
/// known CA and a name of `match`; Dane and DaneOnly want a match with a TLSA record.
/// Errors, all transient: `tls.peer-missing` (no certificate), `tls.peer-fingerprint`,
/// `tls.peer-tlsa`, `tls.peer-name`, `tls.peer-expired`, `tls.peer-untrusted`.
Status verifyPeer(const PeerPolicy &policy, const PeerCertificates &peer);

/// Whether one of the certificate's names (subjectAltName, else common name) is `name`, or below it
/// if `name` starts with a dot. A wildcard counts as the whole left-most label only (RFC 6125 §6.4.3).
bool certificateMatchesName(const QSslCertificate &certificate, const QByteArray &name);

}  // namespace portcullis::smtp
