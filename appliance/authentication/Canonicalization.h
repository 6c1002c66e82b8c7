// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::authentication {

enum class Canonicalization : quint8 { Simple, Relaxed };

/// c= of a signature (RFC 6376 §3.4).
struct CanonicalizationPair {
    Canonicalization header = Canonicalization::Simple;
    Canonicalization body = Canonicalization::Simple;
};

/// "relaxed/simple", "relaxed"; nothing if it is neither.
std::optional<CanonicalizationPair> parseCanonicalization(const QByteArray &text);

/// A field as it is hashed (RFC 6376 §3.4.1, §3.4.2), without its final CRLF. `field` is name, colon
/// and value as they stand, without their final CRLF.
QByteArray canonicalField(QByteArrayView field, Canonicalization method);

struct BodyHash {
    QByteArray digest;  ///< SHA-256
    qint64 length = 0;  ///< Octets of the canonical body; l= counts these.
};

/// SHA-256 of the canonical body (RFC 6376 §3.4.3, §3.4.4), of its first `limit` octets if given.
BodyHash hashBody(QByteArrayView body, Canonicalization method, std::optional<qint64> limit = {});

}  // namespace portcullis::authentication
