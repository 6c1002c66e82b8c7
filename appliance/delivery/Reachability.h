// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtNetwork/QHostAddress>

namespace portcullis::delivery {

/// Addresses that a stranger's DNS has no business to send us to.
inline bool isUnreachableFromOutside(const QHostAddress &address)
{
    return address.isLoopback() || address.isMulticast() || address.isBroadcast()
           || address == QHostAddress(QHostAddress::AnyIPv4)
           || address == QHostAddress(QHostAddress::AnyIPv6)
           || address.isInSubnet(QHostAddress(QStringLiteral("0.0.0.0")), 8);
}

/// The IPv4 address that an IPv6 one stands for, if it does.
inline QHostAddress asInet4(const QHostAddress &address)
{
    bool isMapped = false;
    const quint32 inet4 = address.toIPv4Address(&isMapped);
    return isMapped ? QHostAddress(inet4) : address;
}

}  // namespace portcullis::delivery
