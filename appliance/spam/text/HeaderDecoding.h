// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Values of header fields as SpamAssassin 4.0.1 shows them to rules.
namespace portcullis::spam {

/// Folds collapsed, surrounding space gone, RFC 2047 encoded-words resolved, charsets made UTF-8.
/// `name` decides whether encoded-words may occur at all: not in Received, Message-ID and the like.
QByteArray decodeFieldValue(QByteArrayView raw, QByteArrayView name);

/// A phrase of an address: as a value, but its space stays.
QByteArray decodePhrase(QByteArrayView phrase);

}  // namespace portcullis::spam
