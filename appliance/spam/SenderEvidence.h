// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <optional>
#include <vector>

/// What SPF, DKIM, ARC and DMARC said of a message before its points were counted. Plain values: the
/// spam engine neither asks DNS for them nor trusts what the message says of itself.
namespace portcullis::spam {

/// RFC 7208 §2.6
enum class SpfAnswer : quint8 { None, Neutral, Pass, Fail, SoftFail, TempError, PermError };

/// SPF for one identity.
struct SpfEvidence {
    SpfAnswer answer = SpfAnswer::None;
    QByteArray identity;     ///< "user@example.org", or the HELO name.
    QByteArray explanation;  ///< For a fail: the domain's words or ours; may be empty.
};

/// One DKIM-Signature field.
struct SignatureEvidence {
    bool isValid = false;
    bool isTempError = false;  ///< The key could not be fetched in time.
    bool isTesting = false;    ///< The key says t=y.
    QByteArray domain;         ///< d=, lower case; empty: unreadable.
    QByteArray selector;       ///< s=
    QByteArray identity;       ///< i=; empty: "@domain".
    int keyBits = 0;           ///< 0: not known.

    /// The domain that the signature speaks for: that of i=, as SpamAssassin takes it.
    [[nodiscard]] QByteArray speaksFor() const;
};

/// RFC 7489 §11.2
enum class DmarcAnswer : quint8 { None, Pass, Fail, Error };
enum class DmarcWish : quint8 { None, Quarantine, Reject };  ///< p= or sp=, after pct=.

struct DmarcEvidence {
    DmarcAnswer answer = DmarcAnswer::None;  ///< None: the author's domain publishes nothing.
    DmarcWish wish = DmarcWish::None;
};

struct ArcEvidence {
    int sets = 0;  ///< 0: not sealed.
    bool isValid = false;
};

/// Tag of a scan with the author domains whose signing practices (ADSP, RFC 5617) are to be looked up: those
/// without a valid signature and without adsp_override. Not one of SpamAssassin's.
inline constexpr auto openPracticesTag = "ADSP_OPEN_DOMAINS";

/// All of them. What is missing was not checked, which is something else than "none".
struct SenderEvidence {
    std::optional<SpfEvidence> mailFrom;
    std::optional<SpfEvidence> helo;
    std::optional<std::vector<SignatureEvidence>> signatures;  ///< In the order of the fields.
    std::optional<DmarcEvidence> dmarc;
    std::optional<ArcEvidence> arc;
};

}  // namespace portcullis::spam
