// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>
#include <vector>

namespace portcullis::spam {

/// One entry of an address list.
struct ListedAddress {
    std::optional<QByteArray> address;  ///< Without <>; nothing: none that could be one.
    std::optional<QByteArray> phrase;   ///< Display name or comment, not decoded.
};

/// The addresses in a raw field value as SpamAssassin 4.0.1's own parser finds them (Debian has no
/// Email::Address::XS). It is far from RFC 5322 §3.4: a comma without space after "<a@b>" hides both
/// neighbours, for one. At most 1,000 entries.
std::vector<ListedAddress> readAddressList(QByteArrayView value);

}  // namespace portcullis::spam
