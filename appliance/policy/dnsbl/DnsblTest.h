// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/policy/dnsbl/DnsblHealth.h"

#include <functional>

namespace portcullis::policy {

/// What an answer of a DNS list amounts to (RFC 5782 §2.3).
struct DnsblAnswer {
    std::vector<quint32> listed;  ///< In 127.0.0.0/8, host byte order. Others are no answer at all.
    bool isUnreadable = false;    ///< Records, but no address in them.
    bool refusesUs = false;       ///< 127.255.255.0/24: "not for your resolver", by convention.
};
[[nodiscard]] DnsblAnswer readDnsblAnswer(const DnsAnswer &answer);

/// Asks a list for the test points of RFC 5782 §5, of IPv4 and IPv6, and tells `health`; then `done`
/// with what the points that must not be listed said. `health` must outlive the context.
void testDnsblList(Resolver &resolver,
                   DnsblHealth &health,
                   const QByteArray &domain,
                   QObject *context,
                   const std::function<void(DnsblHealth::TestResult)> &done);

}  // namespace portcullis::policy
