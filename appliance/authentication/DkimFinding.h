// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

namespace portcullis::authentication {

/// Results of RFC 8601 §2.7.1. "none" is said of a message without signatures: no finding at all.
enum class DkimResult { Pass, Fail, Policy, Neutral, TempError, PermError };

const char *nameOf(DkimResult result);  ///< "pass", "fail" … as RFC 8601 writes them.

/// What became of one DKIM-Signature field.
struct DkimFinding {
    DkimResult result = DkimResult::Neutral;
    QByteArray domain;           ///< d=, lower case A-labels; empty if unreadable.
    QByteArray selector;         ///< s=
    QByteArray algorithm;        ///< a=
    QByteArray identity;         ///< i=; empty: not given, that is "@domain".
    QByteArray signaturePrefix;  ///< First 8 characters of b= (RFC 6008), to tell signatures apart.
    int keyBits = 0;             ///< 0: key not seen.
    bool isTesting = false;      ///< The key says t=y: the domain is trying DKIM out.
    /// l= left octets of the body unsigned, so that anybody could have written them. The signature
    /// passes (RFC 6376 §8.2), but it is no ground for DMARC: see isTrustworthy().
    bool isBodyOpen = false;
    QByteArray reason;  ///< Why it did not pass, or what is weak about it. Printable ASCII.

    /// Good enough to carry a DMARC pass: it passed and covers all of the body.
    [[nodiscard]] bool isTrustworthy() const { return result == DkimResult::Pass && !isBodyOpen; }
    friend bool operator==(const DkimFinding &, const DkimFinding &) = default;
};

}  // namespace portcullis::authentication
