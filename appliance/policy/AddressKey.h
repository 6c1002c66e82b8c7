// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <cstdint>

namespace portcullis::policy {

/// A client's address or network as 128 bits; IPv4 as ::ffff:a.b.c.d, so that it is the same client
/// however the socket shows it (RFC 4291 §2.5.5.2).
struct AddressKey {
    uint64_t high = 0;  ///< Most significant octet first.
    uint64_t low = 0;

    static AddressKey of(const QHostAddress &address);
    /// The network: the first `prefix4` of 32 or `prefix6` of 128 bits, the others zero.
    static AddressKey networkOf(const QHostAddress &address, int prefix4, int prefix6);

    /// Labels for a question about it in DNS, each with its dot: "1.2.0.192." for IPv4 (RFC 1035
    /// §3.5), nibbles for IPv6 (RFC 3596 §2.5).
    [[nodiscard]] QByteArray reverseLabels() const;
    /// Nibbles whatever the address.
    [[nodiscard]] QByteArray reverseNibbles() const;

    [[nodiscard]] bool isIpv4() const { return high == 0 && (low >> 32U) == 0xffffU; }

    friend bool operator==(const AddressKey &, const AddressKey &) = default;
};

struct AddressKeyHash {
    size_t operator()(const AddressKey &key) const
    {
        // Multiplication by odd constants spreads neighbouring addresses over all bits.
        const uint64_t mixed = (key.high * 0x9e3779b97f4a7c15U) ^ (key.low * 0xc2b2ae3d27d4eb4fU);
        return mixed ^ (mixed >> 29U);
    }
};

}  // namespace portcullis::policy
