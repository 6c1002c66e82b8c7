// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

namespace portcullis::authentication {

/// Results of RFC 7489 §11.2.
enum class DmarcResult { None, Pass, Fail, TempError, PermError };

/// What the domain's owner asks to be done with mail that fails (RFC 7489 §6.3, p= and sp=).
enum class DmarcPolicy { None, Quarantine, Reject };

const char *nameOf(DmarcResult result);
const char *nameOf(DmarcPolicy policy);

/// What DMARC says of a message.
struct DmarcFinding {
    DmarcResult result = DmarcResult::None;
    QByteArray fromDomain;  ///< Of the one author, A-labels, lower case; empty if there is no such.
    QByteArray policyDomain;  ///< Where the record was found: fromDomain or its organisation's.
    QByteArray record;        ///< Text of the record; empty: there is none.
    bool isSubdomainPolicy = false;          ///< sp= applied, not p=.
    DmarcPolicy policy = DmarcPolicy::None;  ///< As published, for this domain.
    /// What to do: `policy` if the result is Fail, one step less where pct= spared the message, None
    /// where a trusted ARC sealer excuses the failure, and None for every other result. For PermError
    /// it is None too: a message without one clear author is the caller's decision (isForgedFrom).
    DmarcPolicy disposition = DmarcPolicy::None;
    int percentage = 100;        ///< pct=
    bool isSampledOut = false;   ///< pct= spared this message (RFC 7489 §6.6.4).
    bool isSpfAligned = false;   ///< SPF passed for an aligned domain.
    bool isDkimAligned = false;  ///< A trustworthy signature of an aligned domain exists.
    QByteArray alignedBy;  ///< "spf=example.org", "dkim=mail.example.org"; empty: nothing did.
    QByteArray excusedBy;  ///< Domain of the trusted ARC sealer that saw DMARC pass.
    /// From is absent, doubled, names several domains, or is written so that readers disagree about
    /// it: nobody can be checked (RFC 7489 §6.6.1), and honest mail hardly ever looks like that.
    bool isForgedFrom = false;
    QByteArray reason;  ///< In words, printable ASCII; empty for a plain pass.

    friend bool operator==(const DmarcFinding &, const DmarcFinding &) = default;
};

}  // namespace portcullis::authentication
