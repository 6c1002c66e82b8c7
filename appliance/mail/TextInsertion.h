// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Decoding.h"
#include "appliance/mail/MessageEditor.h"

#include <QtCore/QByteArray>

#include <optional>

namespace portcullis::mail {

/// Where a disclaimer goes in a decoded text, and what is put there.
struct Insertion {
    qsizetype position = 0;
    QByteArray bytes;
};

/// The disclaimer in the part's charset at its place in `decoded`: inside the body element of HTML, at
/// the start or the end of plain text. Nothing if the charset cannot carry it.
std::optional<Insertion> placeDisclaimer(const Disclaimer &disclaimer,
                                         const Part &part,
                                         QByteArrayView decoded);

/// A text that goes back into a part.
struct EncodedText {
    QByteArray body;
    QByteArray transferEncoding;  ///< New value of that field; empty: stays as it is.
};

/// Encodes a part's new content as the part was encoded; an unencoded part that now has octets above
/// 127 without saying so, or lines over the limit, becomes quoted-printable.
EncodedText encodeAsBefore(const Part &part, const QByteArray &decoded);

}  // namespace portcullis::mail
