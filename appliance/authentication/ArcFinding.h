// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::authentication {

/// Results of RFC 8617 §4.4 and RFC 8601 §2.7 (arc=). TempError is ours: a key could not be fetched.
enum class ArcResult { None, Pass, Fail, TempError };

const char *nameOf(ArcResult result);

/// One hop that sealed the message (RFC 8617 §4.2).
struct ArcSet {
    QByteArray sealer;   ///< d= of the ARC-Seal, lower case.
    QByteArray signer;   ///< d= of the ARC-Message-Signature.
    QByteArray results;  ///< Value of the ARC-Authentication-Results, unfolded, without "i=n;".

    friend bool operator==(const ArcSet &, const ArcSet &) = default;
};

/// What the ARC chain of a message says.
struct ArcFinding {
    ArcResult result = ArcResult::None;
    std::vector<ArcSet>
        sets;  ///< sets[i] is instance i + 1; filled for pass and fail where readable.
    /// Lowest instance whose ARC-Message-Signature still verifies; 0: all do (RFC 8617 §5.2 point 5).
    int oldestPass = 0;
    QByteArray reason;  ///< For a fail: what and which instance. Printable ASCII.

    friend bool operator==(const ArcFinding &, const ArcFinding &) = default;
};

}  // namespace portcullis::authentication
