// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

/// Numbers in URIs that stand for something else: characters, and addresses in disguise.
namespace portcullis::spam::uri {

/// Whether it is not empty, and all octets are such.
bool areAll(QByteArrayView text, bool (*holds)(char));
/// "0x7f000001"
bool isHexNumber(QByteArrayView text);

/// With numeric character references ("&#…;") as the characters that they stand for, where those are
/// printable ASCII or a full stop of another script. One after the other: what the first kind resolves
/// may be a reference of the next.
QByteArray withReferencesResolved(const QByteArray &uri);

/// 32 bits as four octets in text. More bits than that: the foremost count.
QByteArray addressOfNumber(quint64 number);
/// Four octets, decimal, hexadecimal or octal, in decimal; empty if `host` is not that.
QByteArray decimalAddress(const QByteArray &host);

}  // namespace portcullis::spam::uri
