// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Route.h"
#include "appliance/delivery/TlsReport.h"
#include "appliance/smtp/client/PeerVerifier.h"
#include "appliance/smtp/Reply.h"

#include <QtCore/QObject>

#include <functional>
#include <memory>
#include <vector>

namespace portcullis::delivery {

class StsFinder;

/// One address to try.
struct Host {
    QByteArray name;  ///< Empty for an address literal.
    QHostAddress address;
    quint16 port = 25;
    /// What it must prove: by the table's line, its TLSA records, or the domain's MTA-STS policy.
    smtp::PeerPolicy tls;
    /// Why the TLS policy forbids to use the host now: TLSA could not be looked up (RFC 7672 §2.2),
    /// `dane-only` and there is none, MTA-STS does not list it. Empty: fine.
    QByteArray tlsProblem;
    TlsReport report;  ///< Has a result already if there is a problem.
};

/// Addresses in the order in which they are tried, or why there are none.
struct HostList {
    std::vector<Host> hosts;
    smtp::Reply problem;  ///< code 0 if there are hosts; 4yz or 5yz, by us, if not.
    TlsReport report;     ///< Of the problem, if it concerns TLS.
    std::chrono::seconds ttl{0};
};

/// Finds the hosts of a route in DNS: MX and A/AAAA (RFC 5321 §5.1), null MX (RFC 7505), loops,
/// and what TLS policy each host is under: the table's; else its TLSA records (RFC 7672), else the
/// domain's MTA-STS policy (RFC 8461), which never overrides TLSA records (§2). Answers of DNS are hostile input: numbers are bounded
/// and a next hop that would be ourselves or loopback is left out.
///
/// Lives in the resolver's thread.
class HostFinder final : public QObject
{
    Q_OBJECT
public:
    using Callback = std::function<void(HostList)>;

    /// `sts` may be null: no MTA-STS. Both outlive the finder.
    explicit HostFinder(Resolver &resolver, StsFinder *sts = nullptr, QObject *parent = nullptr);

    /// `done` runs once from the event loop, not at all after this object is gone.
    void find(const Route &route, std::shared_ptr<const DeliverySettings> settings, Callback done);

private:
    Resolver &m_resolver;
    StsFinder *m_sts;
};

}  // namespace portcullis::delivery
