// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::spam {

class MessageText;

/// "1.2.0.192", or the nibbles of an IPv6 address (RFC 5782 §2.1, §2.4); empty: no address.
QByteArray reversedAddress(QByteArrayView address);

/// What a listing is asked by: an address reversed, a name as it is.
QByteArray listedName(const QByteArray &addressOrName);

/// Who claims to have written or sent the message, each once (all_from_addrs): the first Resent-From
/// alone if there is one, else From, the envelope and what stands for it.
std::vector<QByteArray> senderMailboxes(MessageText &text);

}  // namespace portcullis::spam
