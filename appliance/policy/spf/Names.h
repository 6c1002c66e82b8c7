// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/policy/spf/protocol/Wire.h"

#include <QtCore/QByteArray>
#include <QtNetwork/QHostAddress>

#include <optional>
#include <string>
#include <vector>

namespace portcullis::policy::spf {

/// `name` as it can be asked for: without trailing dot, cut to 253 characters by dropping labels from the
/// left (RFC 7208 §7.3). Empty if it is no domain name: empty or overlong labels.
QByteArray queryName(QByteArray name);

/// Whether a check starts at all (RFC 7208 §4.3): a name of several labels, no address.
bool isCheckable(const QByteArray &domain);

/// "2.0.0.10.in-addr.arpa" and the ip6.arpa form.
QByteArray reverseName(const QHostAddress &address);

/// 4 or 16 bytes.
std::string addressBytes(const QHostAddress &address);

/// Addresses of an A or AAAA answer, as bytes.
std::vector<std::string> addressRecords(const DnsAnswer &answer);

/// Host names of a PTR or MX answer. Labels may hold any printable character but the dot: unlike
/// mxHostsOf(), where a name is going to be connected to, a name is only compared here.
std::vector<std::string> hostRecords(const DnsAnswer &answer, DnsType type);

/// @name The worker protocol's view of DNS.
/// @{
DnsType typeOf(wire::Query query);
std::vector<std::string> recordsOf(wire::Query query, const DnsAnswer &answer);
/// @}

}  // namespace portcullis::policy::spf
