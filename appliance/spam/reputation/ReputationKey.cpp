// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/reputation/ReputationKey.h"

#include <QtCore/QCryptographicHash>
#include <QtNetwork/QHostAddress>

#include <algorithm>

namespace portcullis::spam {

namespace {

/// Octets of the network, the rest zero.
QByteArray maskedOctets(const QByteArray &octets, int bits)
{
    QByteArray masked(octets.size(), '\0');
    for (qsizetype i = 0; i < octets.size(); ++i) {
        const int kept = std::clamp(bits - int(i) * 8, 0, 8);
        masked[i] = char(static_cast<unsigned char>(octets[i]) & (0xff00U >> kept));
    }
    return masked;
}

QByteArray ipv4Network(quint32 address, int bits)
{
    const quint32 masked = bits == 0 ? 0 : address & (~quint32(0) << (32 - bits));
    QByteArrayList parts;
    for (int shift = 24; shift >= 0; shift -= 8) {
        parts.append(QByteArray::number((masked >> shift) & 0xff));
    }
    while (bits < 32 && parts.size() > 1 && parts.last() == "0") {
        parts.removeLast();
    }
    // Two numbers at 16 bits, zeros or not.
    while (bits == 16 && parts.size() < 2) {
        parts.append("0");
    }
    return parts.join('.');
}

QByteArray ipv6Network(const Q_IPV6ADDR &address, int bits)
{
    const QByteArray octets(reinterpret_cast<const char *>(&address), 16);
    const QByteArray hex = maskedOctets(octets, bits).toHex();
    QByteArrayList parts;
    for (int i = 0; i < 32; i += 4) {
        parts.append(hex.mid(i, 4));
    }
    qsizetype kept = parts.size();
    while (kept > 1 && parts[kept - 1] == "0000") {
        --kept;
    }
    const bool isCut = kept < parts.size();
    return parts.first(kept).join(':') + (isCut ? "::" : "");
}

constexpr qsizetype networkBytes = 39;

}  // namespace

QByteArray reputationNetwork(const QByteArray &ip, const ReputationMasks &masks)
{
    const QHostAddress address(QString::fromLatin1(ip));
    if (address.protocol() == QAbstractSocket::IPv4Protocol) {
        return ipv4Network(address.toIPv4Address(), std::clamp(masks.ipv4Bits, 0, 32));
    }
    if (address.protocol() == QAbstractSocket::IPv6Protocol) {
        return ipv6Network(address.toIPv6Address(), std::clamp(masks.ipv6Bits, 0, 128))
            .left(networkBytes);
    }
    return "none";
}

QByteArray reputationKey(const QByteArray &address,
                         const QByteArray &network,
                         const QByteArray &signedBy)
{
    QByteArray name = address.toLower();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return QByteArrayView("\0;'\"!|", 6).contains(c); },
        '_');
    QByteArray key = name + "|ip=" + (network.isEmpty() ? QByteArray("none") : network);
    return signedBy.isEmpty() ? key : key + "|signedby=" + signedBy.toLower();
}

quint64 reputationHash(QByteArrayView key)
{
    QCryptographicHash hash(QCryptographicHash::Sha1);
    hash.addData(key);
    const QByteArray digest = hash.result();
    quint64 value = 0;
    for (int i = 0; i < 8; ++i) {
        value = value << 8 | static_cast<unsigned char>(digest[i]);
    }
    return value == 0 ? 1 : value;
}

}  // namespace portcullis::spam
