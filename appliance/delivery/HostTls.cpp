// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/HostTls.h"

#include "appliance/config/MapFiles.h"

#include <algorithm>

namespace portcullis::delivery {

namespace {

using config::TlsLevel;

constexpr std::chrono::seconds longestTtl = std::chrono::hours(24);

/// Names a certificate may have: what the policy lists, with Postfix' words for the usual ones.
std::vector<QByteArray> namesToMatch(const config::TlsPolicy &policy,
                                     const QByteArray &hostName,
                                     const QByteArray &nextHop)
{
    std::vector<QByteArray> names = policy.match;
    if (names.empty()) {
        names = policy.level == TlsLevel::Verify
                    ? std::vector<QByteArray>{"hostname"}
                    : std::vector<QByteArray>{"nexthop", "dot-nexthop"};
    }
    for (QByteArray &name : names) {
        if (name == "hostname") {
            name = hostName;
        } else if (name == "nexthop") {
            name = nextHop;
        } else if (name == "dot-nexthop") {
            name = '.' + nextHop;
        }
    }
    std::erase_if(names, [](const QByteArray &name) { return name.isEmpty() || name == "."; });
    return names;
}

/// By TLSA records. RFC 7672 §2.2: none at all means TLS if offered, only unusable ones mean TLS
/// without proof, and what could not be looked up must not become plain text.
void applyDane(const Route &route, const HostSecurity &host, HostTls &tls)
{
    if (host.failure) {
        tls.problem = "DANE records of " + host.name
                      + " cannot be looked up: " + host.failure->detail.toUtf8();
        tls.report.result = tlsResultOf(*host.failure);
    } else if (!host.tlsa.empty()) {
        tls.policy.level = TlsLevel::Dane;
        tls.policy.tlsa = host.tlsa;
        tls.policy.daneNames = {host.tlsaBase, host.name, route.nextHop.host.toLower()};
    } else if (route.tls.level == TlsLevel::DaneOnly) {
        tls.problem = host.hasTlsa ? "DANE is required, but no TLSA record of the host is usable"
                      : host.isSecure
                          ? QByteArray("DANE is required, but the host has no TLSA record")
                          : QByteArray("DANE is required, but DNS of the host is not secure");
        tls.report.result = host.hasTlsa ? "tlsa-invalid" : "dane-required";
    } else {
        tls.policy.level = host.hasTlsa ? TlsLevel::Encrypt : TlsLevel::May;
    }
}

void applySts(const QByteArray &host, const StsPolicy &policy, HostTls &tls)
{
    const bool isTesting = policy.mode == StsPolicy::Mode::Testing;
    tls.report.type = "sts";
    tls.report.mode = nameOf(policy.mode);
    if (!policy.allows(host)) {
        const QByteArray reason = "the MTA-STS policy of " + tls.report.domain
                                  + " does not list the host " + host;
        (isTesting ? tls.report.detail : tls.problem) = reason;
        tls.report.result = "validation-failure";
        return;
    }
    // RFC 8461 §4.2: a chain to a known authority, and the MX host's name.
    tls.policy.level = TlsLevel::Secure;
    tls.policy.match = {host};
    tls.policy.ignoresCommonName = true;
    tls.policy.isAdvisory = isTesting;
}

void applyDefault(const Route &route,
                  const HostSecurity &host,
                  const StsFinding &sts,
                  const DeliverySettings &settings,
                  HostTls &tls)
{
    if (wantsDane(route, settings) && (host.hasTlsa || host.failure)) {
        // RFC 8461 §2: MTA-STS must not override what DANE says.
        tls.report.type = "tlsa";
        applyDane(route, host, tls);
    } else if (sts.policy && sts.policy->mode != StsPolicy::Mode::None) {
        applySts(host.name, *sts.policy, tls);
    } else {
        tls.report.type = "no-policy-found";
        tls.report.result = sts.problem;
        tls.report.detail = sts.detail;
    }
    if (tls.report.mode.isEmpty()) {
        tls.report.mode = config::levelName(tls.policy.level);
    }
}

}  // namespace

bool wantsDane(const Route &route, const DeliverySettings &settings)
{
    const TlsLevel level = route.tls.level;
    return level == TlsLevel::Dane || level == TlsLevel::DaneOnly
           || (route.tls.isDefault && level == TlsLevel::May && settings.usesDane);
}

bool wantsSts(const Route &route, const DeliverySettings &settings)
{
    // RFC 8461 §3.4: of a smart host, too; but there must be MX records that a policy can list.
    return settings.usesMtaSts && route.tls.isDefault && route.tls.level == TlsLevel::May
           && route.nextHop.useMx;
}

HostTls tlsFor(const Route &route,
               const HostSecurity &host,
               const StsFinding &sts,
               const DeliverySettings &settings)
{
    HostTls tls;
    tls.policy.level = route.tls.level;
    if (route.tls.minimumProtocol == "TLSv1.3") {
        tls.policy.minimumProtocol = QSsl::TlsV1_3OrLater;
    }
    tls.report.domain = route.nextHop.host.toLower();
    if (route.tls.isDefault) {
        if (route.tls.level != TlsLevel::None) {
            applyDefault(route, host, sts, settings, tls);
        }
        return tls;
    }
    tls.report.type = "table";
    tls.report.mode = config::levelName(route.tls.level);
    switch (route.tls.level) {
    case TlsLevel::Dane:
    case TlsLevel::DaneOnly:
        applyDane(route, host, tls);
        break;
    case TlsLevel::Fingerprint:
        tls.policy.match = route.tls.match;
        break;
    case TlsLevel::Verify:
    case TlsLevel::Secure:
        tls.policy.match = namesToMatch(route.tls, host.name, route.nextHop.host);
        break;
    case TlsLevel::None:
    case TlsLevel::May:
    case TlsLevel::Encrypt:
        break;
    }
    return tls;
}

TlsaSearch::TlsaSearch(Resolver &resolver, quint16 port, Callback done, QObject *parent)
    : QObject(parent)
    , m_resolver(resolver)
    , m_port(port)
    , m_done(std::move(done))
    , m_ttl(longestTtl)
{
}

void TlsaSearch::start(std::vector<HostSecurity> hosts)
{
    m_hosts = std::move(hosts);
    m_pending = 1;  // Ours, so that the answer comes once.
    for (size_t i = 0; i < m_hosts.size(); ++i) {
        const HostSecurity &host = m_hosts[i];
        if (host.name.isEmpty() || host.failure) {
            continue;  // An address has no TLSA records; a failure is a verdict already.
        }
        if (host.isSecure) {
            askForTlsa(i, host.canonicalName.isEmpty()
                              ? std::vector<QByteArray>{host.name}
                              : std::vector<QByteArray>{host.canonicalName, host.name});
        } else if (!host.canonicalName.isEmpty()) {
            askForAlias(i);
        }
    }
    done();
}

void TlsaSearch::askForAlias(size_t index)
{
    // RFC 7672 §2.2.2: an alias in a signed zone counts, even if it leads to an unsigned one.
    ++m_pending;
    m_resolver.lookup(m_hosts[index].name, DnsType::Cname, this,
                      [this, index](const Result<DnsAnswer> &answer) {
                          if (!answer.has_value()) {
                              m_hosts[index].failure = answer.error();
                          } else if (answer->kind == DnsAnswer::Kind::Records && answer->isSecure) {
                              m_hosts[index].isSecure = true;
                              askForTlsa(index, {m_hosts[index].name});
                          }
                          done();
                      });
}

void TlsaSearch::askForTlsa(size_t index, std::vector<QByteArray> bases)
{
    ++m_pending;
    const QByteArray name = '_' + QByteArray::number(m_port) + "._tcp." + bases.front();
    m_resolver.lookup(name, DnsType::Tlsa, this,
                      [this, index, bases = std::move(bases)](const Result<DnsAnswer> &answer) {
                          onTlsa(index, bases, answer);
                          done();
                      });
}

void TlsaSearch::onTlsa(size_t index,
                        std::vector<QByteArray> bases,
                        const Result<DnsAnswer> &answer)
{
    HostSecurity &host = m_hosts[index];
    if (!answer.has_value()) {
        host.failure = answer.error();
        return;
    }
    m_ttl = std::min(m_ttl, answer->ttl);
    if (answer->kind != DnsAnswer::Kind::Records || !answer->isSecure) {
        if (bases.size() > 1) {
            bases.erase(bases.begin());
            askForTlsa(index, std::move(bases));
        }
        return;
    }
    host.hasTlsa = true;
    host.tlsaBase = bases.front();
    constexpr size_t mostRecords = 32;
    for (const QByteArray &rdata : answer->records) {
        const auto record = smtp::TlsaRecord::fromRdata(rdata);
        if (record && record->isUsable() && host.tlsa.size() < mostRecords) {
            host.tlsa.push_back(*record);
        }
    }
}

void TlsaSearch::done()
{
    if (--m_pending > 0) {
        return;
    }
    deleteLater();
    m_done(std::move(m_hosts), m_ttl);
}

}  // namespace portcullis::delivery
