// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/authentication/DkimKey.h"

#include <QtCore/QByteArray>

namespace portcullis::authentication {

/// A DKIM-Signature field with exactly these tags, truly signed: `tags` is the list up to and without
/// bh= and b=, which are made here. For signatures that DkimSigner would never write.
QByteArray forgeSignature(const QByteArray &message, const QByteArray &tags, const DkimKey &key);

/// A key record whose RSA key has this many bits, and no private half.
QByteArray recordOfBits(int bits);

/// One RSA key of 2048 bits for all tests of a program: making them takes long.
const DkimKey &testKey();

}  // namespace portcullis::authentication
