// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Charsets made UTF-8 as SpamAssassin 4.0.1 does with normalize_charset: text is UTF-8 if it can be, what
/// its label says if that fits, and Windows-1252 otherwise.
namespace portcullis::spam {

struct Characters {
    QByteArray utf8;
    /// Octets were decoded. Not for plain ASCII under most labels; then Perl's rules for octets hold
    /// (see HtmlSource::isWide).
    bool isWide = false;
};

/// What a label is worth.
enum class LabelTrust : quint8 {
    Guess,  ///< UTF-8 first; the label must fit the whole text. For bodies and raw header text.
    Insist  ///< What does not fit becomes U+FFFD. For RFC 2047 encoded-words.
};

/// Octets under a charset label. Linear. The octets themselves if nothing is to be decoded.
Characters toCharacters(const QByteArray &octets, QByteArrayView label, LabelTrust trust);

/// As toCharacters(), for header text: UTF-16 is recognised but stays as it is.
QByteArray headerCharacters(const QByteArray &octets, QByteArrayView label, LabelTrust trust);

/// Well-formed UTF-8 (RFC 3629 §4) without noncharacters.
bool isStrictUtf8(QByteArrayView text);

}  // namespace portcullis::spam
