// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/AddressKey.h"

#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::policy {

namespace {

constexpr uint64_t mappedPrefix = 0xffff'0000'0000U;  ///< ::ffff:0:0/96, its lower half.

/// The first `prefix` of 64 bits set.
constexpr uint64_t leadingBits(int prefix)
{
    return prefix <= 0 ? 0 : ~uint64_t(0) << (64 - std::min(prefix, 64));
}

}  // namespace

AddressKey AddressKey::of(const QHostAddress &address)
{
    bool isIpv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIpv4);
    if (isIpv4) {
        return {0, mappedPrefix | ipv4};
    }
    const Q_IPV6ADDR octets = address.toIPv6Address();
    return {qFromBigEndian<quint64>(octets.c), qFromBigEndian<quint64>(octets.c + 8)};
}

AddressKey AddressKey::networkOf(const QHostAddress &address, int prefix4, int prefix6)
{
    const AddressKey key = of(address);
    const int prefix = key.isIpv4() ? 96 + prefix4 : prefix6;
    return {key.high & leadingBits(prefix), key.low & leadingBits(prefix - 64)};
}

QByteArray AddressKey::reverseLabels() const
{
    if (!isIpv4()) {
        return reverseNibbles();
    }
    QByteArray labels;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        labels += QByteArray::number(static_cast<uint>((low >> shift) & 0xffU)) + '.';
    }
    return labels;
}

QByteArray AddressKey::reverseNibbles() const
{
    QByteArray labels;
    labels.reserve(64);
    for (const uint64_t half : {low, high}) {
        for (unsigned shift = 0; shift < 64; shift += 4) {
            labels += "0123456789abcdef"[(half >> shift) & 0xfU];
            labels += '.';
        }
    }
    return labels;
}

}  // namespace portcullis::policy
