// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

/// Content-Transfer-Encodings (RFC 2045 §6) as mail programs read them, not only as they are written.
namespace portcullis::mail {

enum class TransferEncoding : quint8 { Identity, Base64, QuotedPrintable, Uuencode, YEnc, Unknown };

/// The encoding a CTE value names; comments and what follows the first token do not count.
TransferEncoding transferEncoding(QByteArrayView value);

/// One decoding and whether the octets were as they should be.
struct Decoded {
    QByteArray bytes;
    bool isClean = true;  ///< No octet was skipped or guessed.
};

/// What an octet outside the alphabet and a `=` in the middle do to base64 (RFC 2045 §6.8 leaves the
/// first to the reader, and says nothing useful of the second).
enum class Base64Mode : quint8 {
    Restart,       ///< `=` ends a stream, what follows is the next one; other octets are skipped.
    StopAtPad,     ///< The first `=` ends everything.
    IgnorePad,     ///< `=` is skipped like any other foreign octet.
    StopAtForeign  ///< The first foreign octet other than white space ends everything.
};
Decoded decodeBase64(QByteArrayView encoded, Base64Mode mode);

/// An invalid escape is kept literally.
Decoded decodeQuotedPrintable(QByteArrayView encoded);
/// The lines between `begin` and `end`, or all lines if there are none.
Decoded decodeUuencode(QByteArrayView encoded);
Decoded decodeYEnc(QByteArrayView encoded);

Decoded decodeAs(TransferEncoding encoding, QByteArrayView encoded);

/// A file inside a text.
struct EmbeddedFile {
    qsizetype begin = 0;  ///< First octet of the `begin` or `=ybegin` line.
    qsizetype end = 0;    ///< Behind the last line.
    TransferEncoding encoding = TransferEncoding::Uuencode;
    QByteArray name;
};
/// Files that stand uuencoded or yEnc encoded in a text; at most `limit`, then the bool is true.
std::pair<std::vector<EmbeddedFile>, bool> findEmbedded(QByteArrayView text, size_t limit);

/// Encoders for what we write: lines end with CRLF, none is longer than 76 octets.
QByteArray encodeBase64(QByteArrayView bytes);
QByteArray encodeQuotedPrintable(QByteArrayView bytes);

}  // namespace portcullis::mail
