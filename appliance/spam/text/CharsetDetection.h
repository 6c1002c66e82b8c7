// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// The charset that a text without a usable label seems to be in, as Mozilla's universal detector guesses
/// (libuchardet, as Encode::Detect does for the peer); empty: no guess. Only charsets that the peer's
/// version of the detector knows: newer models would make other texts of what it leaves alone.
QByteArray detectCharset(QByteArrayView text);

}  // namespace portcullis::spam
