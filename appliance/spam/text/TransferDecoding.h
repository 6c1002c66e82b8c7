// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Content-Transfer-Encodings as SpamAssassin 4.0.1 undoes them. appliance/mail/Decoding.h reads them as
/// mail programs do, which differs for malformed text: there rules must see what they were written for.
namespace portcullis::spam {

/// Octets outside the alphabet are skipped. Padding at the end ends the text; padding elsewhere counts
/// as a digit: 0 in well-formed text (a multiple of four, nothing skipped but space), else 63.
QByteArray decodeBase64AsPeer(QByteArrayView encoded);

/// Space at line ends is dropped (RFC 2045 §6.7 rule 3), hexadecimal digits may be lower case, and an
/// invalid escape stays.
QByteArray decodeQuotedPrintableAsPeer(QByteArrayView encoded);

}  // namespace portcullis::spam
