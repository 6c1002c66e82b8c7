// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/Scan.h"

#include <QtCore/QByteArray>

#include <vector>

/// Who a message says it is from and to, for lists of addresses.
namespace portcullis::spam {

/// What bounds the work on headers full of addresses.
struct AddressLimits {
    size_t addresses =
        2'000;  ///< Different ones of one kind, range 100 … 100,000; others are overlooked.
};

/// Every address that claims to have sent the message: Resent-From alone if there is one, else From and
/// the fields and pseudo headers that carry the reverse-path (all_from_addrs). In order, once each.
std::vector<QByteArray> sendersOf(MessageText &text);

/// Every address the message is to: Resent-To and Resent-Cc alone if there are any, else the "for" of the
/// three newest Received fields, To, Cc and the fields in which MTAs note the recipient (all_to_addrs).
std::vector<QByteArray> recipientsOf(MessageText &text);

/// The addresses in From, in lower case, and their domains; once each.
std::vector<QByteArray> authorsOf(MessageText &text);
std::vector<QByteArray> authorDomainsOf(MessageText &text);

/// The mailbox of a "for <a@b>;" in a Received field; empty: there is none with a host name.
QByteArray recipientInReceived(QByteArrayView received);

/// What follows the last "@", in lower case; empty: no "@".
QByteArray mailDomainOf(QByteArrayView address);

}  // namespace portcullis::spam
