// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/evals/MimeLocales.h"
#include "appliance/spam/text/MessageText.h"

#include <optional>

namespace portcullis::spam {

/// What MIME structure and encodings of a message tell, under the names that rules know
/// (Mail::SpamAssassin::Plugin::MIMEEval(3)).
struct MimeFacts {
    int htmlParts = 0;               ///< mime_body_html_count
    int textParts = 0;               ///< mime_body_text_count: other text.
    int base64Parts = 0;             ///< mime_base64_count
    int attachments = 0;             ///< mime_attachment
    bool hasBase64Text = false;      ///< mime_base64_encoded_text: ASCII text that needs no base64.
    bool hasBadIsoCharset = false;   ///< mime_bad_iso_charset: "iso-…" that does not exist.
    bool hasFarawayCharset = false;  ///< mime_faraway_charset
    bool hasAlternative = false;     ///< mime_multipart_alternative
    double alternativeRatio = 1;     ///< mime_multipart_ratio: octets of text per octet of HTML.
    /// mime_qp_count: quoted-printable parts if none has a body, else octets encoded without need.
    double quotedCount = 0;
    double quotedBytes = 0;            ///< mime_qp_bytes
    double quotedRatio = 0;            ///< mime_qp_ratio: octets encoded without need, per octet.
    bool hasLongQuotedLine = false;    ///< mime_qp_long_line
    int illegalAsciiLines = 0;         ///< mime_ascii_text_illegal
    double unicodeRatio = 0;           ///< mime_text_unicode_ratio: "&#x2019;" in plain text.
    std::vector<QByteArray> charsets;  ///< mime_html_charsets: of all parts, in lower case.

    static MimeFacts read(MessageText &text, const CharsetLocales &locales);
    /// A fact by its name, as a number; nothing: rules know no such fact.
    [[nodiscard]] std::optional<double> value(QByteArrayView name) const;
};

}  // namespace portcullis::spam
