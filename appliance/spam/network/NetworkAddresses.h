// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// "1.2.0.192", or the nibbles of an IPv6 address (RFC 5782 §2.1, §2.4); empty: no address.
QByteArray reversedAddress(QByteArrayView address);

/// What a listing is asked by: an address reversed, a name as it is.
QByteArray listedName(const QByteArray &addressOrName);

}  // namespace portcullis::spam
