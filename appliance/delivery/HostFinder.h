// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Route.h"
#include "appliance/smtp/client/PeerVerifier.h"
#include "appliance/smtp/Reply.h"

#include <QtCore/QObject>

#include <functional>
#include <memory>
#include <vector>

namespace portcullis::delivery {

/// One address to try.
struct Host {
    QByteArray name;  ///< Empty for an address literal.
    QHostAddress address;
    quint16 port = 25;
    std::vector<smtp::TlsaRecord> tlsa;  ///< Usable and secure ones.
    /// Why DANE forbids to use the host now: TLSA could not be looked up (RFC 7672 §2.2), or
    /// `dane-only` and there is none. Empty: fine.
    QByteArray daneProblem;
    /// TLSA records exist but none is usable: TLS without authentication (RFC 7672 §2.2).
    bool mustEncrypt = false;
};

/// Addresses in the order in which they are tried, or why there are none.
struct HostList {
    std::vector<Host> hosts;
    smtp::Reply problem;  ///< code 0 if there are hosts; 4yz or 5yz, by us, if not.
    std::chrono::seconds ttl{0};
};

/// Finds the hosts of a route in DNS: MX and A/AAAA (RFC 5321 §5.1), null MX (RFC 7505), loops,
/// TLSA where the policy is dane or dane-only. Answers of DNS are hostile input: numbers are bounded
/// and a next hop that would be ourselves or loopback is left out.
///
/// Lives in the resolver's thread.
class HostFinder final : public QObject
{
    Q_OBJECT
public:
    using Callback = std::function<void(HostList)>;

    HostFinder(Resolver &resolver, QObject *parent = nullptr);

    /// `done` runs once from the event loop, not at all after this object is gone.
    void find(const Route &route, std::shared_ptr<const DeliverySettings> settings, Callback done);

private:
    Resolver &m_resolver;
};

}  // namespace portcullis::delivery
