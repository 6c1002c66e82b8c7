// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::spam {

/// One entry of a field of addresses.
struct NamedAddress {
    QByteArray phrase;   ///< Display name, or the comment behind the address; null: none.
    QByteArray address;  ///< Null: none that looks like one.
};

/// The entries of a field of addresses (RFC 5322 §3.4), read as forgivingly as SpamAssassin does. What
/// cannot be read ends the list.
std::vector<NamedAddress> addressesOf(const QByteArray &value);

}  // namespace portcullis::spam
