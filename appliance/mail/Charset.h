// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <optional>

/// Octets to characters and back, for every charset that iconv knows. Thread-safe.
namespace portcullis::mail {

/// Decodes; what does not fit becomes U+FFFD. An unknown or absent charset means UTF-8 if the octets
/// are UTF-8, else Windows-1252: what senders of unlabelled text mean.
QString decodeCharset(QByteArrayView bytes, const QByteArray &charset);

/// Encodes; nothing if a character has no place in the charset or the charset is unknown.
std::optional<QByteArray> encodeCharset(const QString &text, const QByteArray &charset);

/// RFC 2047 encoded-words of an unfolded value resolved, raw octets read as by decodeCharset(). The
/// result has no control characters but tabs.
QString decodeWords(const QByteArray &value);

/// An octet above 127 is in the text.
bool hasEightBit(QByteArrayView text);

}  // namespace portcullis::mail
