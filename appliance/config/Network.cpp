// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/Network.h"

#include "shared/schema/Schema.h"

#include <QtCore/QString>

#include <algorithm>

namespace portcullis::config {

namespace {

constexpr int mappedPrefix = 96;  ///< ::ffff:0:0/96, RFC 4291 §2.5.5.2.

Error wrongNetwork(QByteArrayView text, const QString &reason)
{
    return Error::permanent(
        "config.value",
        QStringLiteral("'%1' %2").arg(
            QString::fromUtf8(text.first(std::min<qsizetype>(text.size(), 60))), reason));
}

}  // namespace

QHostAddress normalised(const QHostAddress &address)
{
    bool isMapped = false;
    const quint32 v4 = address.toIPv4Address(&isMapped);
    if (isMapped && address.protocol() == QAbstractSocket::IPv6Protocol) {
        return QHostAddress(v4);
    }
    QHostAddress plain = address;
    plain.setScopeId({});
    return plain;
}

Network::Network(const QHostAddress &address, int prefix)
    : m_address(normalised(address))
    , m_prefix(prefix)
{
    if (m_address.protocol() != address.protocol()) {
        m_prefix = std::max(0, prefix - mappedPrefix);
    }
    const auto block = QHostAddress::parseSubnet(
        QStringLiteral("%1/%2").arg(m_address.toString()).arg(m_prefix));
    if (block.second >= 0) {
        m_address = block.first;
    }
}

Result<Network> Network::parse(QByteArrayView text)
{
    const qsizetype slash = text.indexOf('/');
    QByteArrayView host = slash < 0 ? text : text.first(slash);
    if (host.startsWith('[') && host.endsWith(']')) {
        host = host.sliced(1, host.size() - 2);
    }
    if (!schema::isIpAddress(host)) {
        return wrongNetwork(text, QStringLiteral("is neither an IP address nor a network (CIDR)"));
    }
    const QHostAddress address(QString::fromLatin1(host));
    const int widest = host.contains(':') ? 128 : 32;
    bool isNumber = true;
    const int prefix = slash < 0 ? widest : text.sliced(slash + 1).toInt(&isNumber);
    if (!isNumber || prefix < 0 || prefix > widest) {
        return wrongNetwork(text, QStringLiteral("has a prefix outside 0 to %1").arg(widest));
    }
    if (widest == 128
        && address.isEqual(normalised(address), QHostAddress::StrictConversion) == false
        && normalised(address).protocol() == QAbstractSocket::IPv4Protocol
        && prefix < mappedPrefix) {
        return wrongNetwork(text, QStringLiteral("mixes IPv4 and IPv6"));
    }
    const Network network(address, prefix);
    const bool isHost = prefix == widest;
    if (!isHost && network.address() != normalised(address)) {
        return wrongNetwork(text, QStringLiteral("has bits set behind its prefix; did you mean %1?")
                                      .arg(QString::fromLatin1(network.toText())));
    }
    return network;
}

bool Network::contains(const QHostAddress &address) const
{
    const QHostAddress candidate = normalised(address);
    return m_prefix >= 0 && candidate.protocol() == m_address.protocol()
           && candidate.isInSubnet(m_address, m_prefix);
}

QByteArray Network::toText() const
{
    return m_address.toString().toLatin1() + '/' + QByteArray::number(m_prefix);
}

bool containsAddress(const std::vector<Network> &networks, const QHostAddress &address)
{
    return std::any_of(networks.begin(), networks.end(),
                       [&address](const Network &network) { return network.contains(address); });
}

}  // namespace portcullis::config
