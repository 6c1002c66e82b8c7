// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtNetwork/QHostAddress>

#include <vector>

namespace portcullis::config {

/// An address block (CIDR). Immutable value. IPv4-mapped IPv6 addresses count as IPv4 (RFC 4291
/// §2.5.5.2), so a dual-stack socket cannot be used to get past a list written in IPv4.
class Network
{
public:
    Network() = default;  ///< Contains nothing.
    Network(const QHostAddress &address, int prefix);

    /// `192.0.2.0/24`, `2001:db8::/32`, `[2001:db8::1]`, `192.0.2.1` (a host).
    /// Error: `config.value`; bits set behind the prefix are one, for they are a typing mistake.
    static Result<Network> parse(QByteArrayView text);

    [[nodiscard]] bool contains(const QHostAddress &address) const;
    [[nodiscard]] QHostAddress address() const { return m_address; }
    [[nodiscard]] int prefix() const { return m_prefix; }
    [[nodiscard]] QByteArray toText() const;

    friend bool operator==(const Network &, const Network &) = default;

private:
    QHostAddress m_address;
    int m_prefix = -1;
};

[[nodiscard]] bool containsAddress(const std::vector<Network> &networks,
                                   const QHostAddress &address);

/// The address as IPv4 if it is an IPv4-mapped IPv6 address, without zone.
[[nodiscard]] QHostAddress normalised(const QHostAddress &address);

}  // namespace portcullis::config
