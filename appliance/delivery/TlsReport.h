// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Error.h"

#include <QtCore/QByteArray>
#include <QtCore/QJsonObject>

namespace portcullis::delivery {

/// Which TLS policy applied to a delivery and what came of it, in the terms of RFC 8460 §4.
struct TlsReport {
    /// "tlsa", "sts", "no-policy-found" (§4.2), or "table" for a line of tls_policy.
    QByteArray type;
    /// Of the table: its level; of MTA-STS: its mode; otherwise the level that was used.
    QByteArray mode;
    QByteArray domain;  ///< Of the policy: the next hop's.
    QByteArray mx;      ///< The host talked to last; empty if none was reached.
    /// "success", a failure of §4.3 ("certificate-host-mismatch" …), or empty where TLS was neither
    /// used nor asked for, or the connection failed before.
    QByteArray result;
    QByteArray detail;  ///< In words, if there is more to say.

    [[nodiscard]] bool isEmpty() const { return type.isEmpty(); }
    [[nodiscard]] QJsonObject toJson() const;  ///< For tracking; only what is set.
    friend bool operator==(const TlsReport &, const TlsReport &) = default;
};

/// The result type of RFC 8460 §4.3 for what ended a connection or a lookup; empty if it was not TLS.
QByteArray tlsResultOf(const Error &error);

}  // namespace portcullis::delivery
