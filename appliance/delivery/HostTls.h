// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/delivery/DeliverySettings.h"
#include "appliance/delivery/Route.h"
#include "appliance/delivery/StsFinder.h"
#include "appliance/delivery/TlsReport.h"
#include "appliance/smtp/client/PeerVerifier.h"

#include <QtCore/QObject>

#include <functional>
#include <optional>
#include <vector>

namespace portcullis::delivery {

/// What DNS says of a host, as far as TLS depends on it.
struct HostSecurity {
    QByteArray name;
    QByteArray canonicalName;      ///< Where CNAME records lead; empty: nowhere else.
    bool isSecure = true;          ///< The answers about it were validated, the MX answer included.
    std::optional<Error> failure;  ///< An answer is missing that could have been a secure one.

    // Filled in by TlsaSearch.
    QByteArray tlsaBase;                 ///< The name that has TLSA records (RFC 7672 §2.2.2).
    bool hasTlsa = false;                ///< There are such records, usable or not.
    std::vector<smtp::TlsaRecord> tlsa;  ///< The usable ones.
};

/// Whether TLSA records are to be looked up for a route.
bool wantsDane(const Route &route, const DeliverySettings &settings);
/// Whether an MTA-STS policy is to be looked up for a route.
bool wantsSts(const Route &route, const DeliverySettings &settings);

/// Looks up the TLSA records of hosts (RFC 7672 §2.2.2): below the name that CNAME records lead to if
/// all of the way is secure, else below the host's own. Deletes itself after its answer.
class TlsaSearch final : public QObject
{
    Q_OBJECT
public:
    using Callback = std::function<void(std::vector<HostSecurity>, std::chrono::seconds ttl)>;

    TlsaSearch(Resolver &resolver, quint16 port, Callback done, QObject *parent);
    void start(std::vector<HostSecurity> hosts);

private:
    void askForAlias(size_t host);
    void askForTlsa(size_t host, std::vector<QByteArray> bases);
    void onTlsa(size_t host, std::vector<QByteArray> bases, const Result<DnsAnswer> &answer);
    void done();

    Resolver &m_resolver;
    quint16 m_port;
    Callback m_done;
    std::vector<HostSecurity> m_hosts;
    std::chrono::seconds m_ttl;
    int m_pending = 0;
};

/// The TLS policy for one host.
struct HostTls {
    smtp::PeerPolicy policy;
    QByteArray problem;  ///< Why the host must not be used; empty: fine.
    TlsReport report;
};

/// Decides by the table's line; without one by the host's TLSA records, then by MTA-STS.
HostTls tlsFor(const Route &route,
               const HostSecurity &host,
               const StsFinding &sts,
               const DeliverySettings &settings);

}  // namespace portcullis::delivery
