// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/HostFinder.h"

#include "appliance/delivery/HostTls.h"
#include "appliance/delivery/Reachability.h"

#include <QtCore/QRandomGenerator>
#include <QtCore/QTimer>
#include <QtCore/QUrl>

#include <algorithm>

namespace portcullis::delivery {

namespace {

QByteArray asciiName(const QByteArray &name)
{
    QByteArray ascii = QUrl::toAce(QString::fromUtf8(name)).toLower();
    return ascii.isEmpty() ? name.toLower() : ascii;
}

/// One search; deletes itself after its answer.
class HostSearch final : public QObject
{
public:
    HostSearch(Resolver &resolver,
               StsFinder *sts,
               const Route &route,
               std::shared_ptr<const DeliverySettings> settings,
               HostFinder::Callback done,
               QObject *parent)
        : QObject(parent)
        , m_resolver(resolver)
        , m_sts(sts)
        , m_route(route)
        , m_settings(std::move(settings))
        , m_done(std::move(done))
        , m_ttl(m_settings->mx.longestMemory)
        , m_domain(asciiName(route.nextHop.host))
    {
        m_port = route.nextHop.useMx && !route.isConfigured ? m_settings->mxPort
                                                            : route.nextHop.port;
    }

    void start();

private:
    /// A host with what DNS said of it.
    struct Candidate {
        int preference = 0;
        QByteArray name;
        std::vector<QHostAddress> addresses;
        HostSecurity security;
        std::optional<Error> failure;  ///< Of one of the address lookups.
        bool hasInsecure = false;
    };

    void addCandidate(int preference, const QByteArray &name);
    void findSts();
    void onMx(const Result<DnsAnswer> &answer);
    bool dropOwnHosts();
    void findAddresses();
    void askAddress(size_t candidate, DnsType type);
    void onAddress(size_t candidate, const Result<DnsAnswer> &answer);
    void addressesKnown();
    bool dropOwnAddresses();
    void findTlsa();
    void onTlsa(std::vector<HostSecurity> hosts, std::chrono::seconds ttl);
    void deliver();
    bool isOurs(const QHostAddress &address) const;
    void noteFailure(const Error &error);
    void noteTtl(std::chrono::seconds ttl);
    void fail(int code, const char *enhanced, const QByteArray &text);
    void finish(HostList list);

    Resolver &m_resolver;
    StsFinder *m_sts;
    Route m_route;
    std::shared_ptr<const DeliverySettings> m_settings;
    HostFinder::Callback m_done;
    std::chrono::seconds m_ttl;
    QByteArray m_domain;
    quint16 m_port = 25;
    bool m_isMxSecure = true;
    bool m_hasDnsFailure = false;
    QByteArray m_dnsFailure;
    int m_pending = 0;
    std::vector<Candidate> m_candidates;
    std::optional<StsFinding> m_stsFinding;  ///< Nothing: not known yet.
    bool m_isWaitingForSts = false;
    TlsReport m_report;  ///< Of a failure that concerns TLS.
};

void HostSearch::start()
{
    findSts();
    const QHostAddress literal(QString::fromLatin1(m_domain));
    if (!literal.isNull()) {
        addCandidate(0, {});
        m_candidates.back().addresses = {literal};
        QTimer::singleShot(0, this, [this] { addressesKnown(); });
        return;
    }
    if (!m_route.nextHop.useMx) {
        addCandidate(0, m_domain);
        findAddresses();
        return;
    }
    m_resolver.lookup(m_domain, DnsType::Mx, this,
                      [this](const Result<DnsAnswer> &answer) { onMx(answer); });
}

void HostSearch::addCandidate(int preference, const QByteArray &name)
{
    Candidate candidate;
    candidate.preference = preference;
    candidate.name = name;
    candidate.security.name = name;
    m_candidates.push_back(std::move(candidate));
}

/// A bogus answer is somebody's attack or a broken zone: worth a note where DANE would look at it.
void HostSearch::noteFailure(const Error &error)
{
    if (error.id == "dns.bogus" && wantsDane(m_route, *m_settings)) {
        m_report.type = m_route.tls.isDefault ? "tlsa" : "table";
        m_report.domain = m_domain;
        m_report.result = tlsResultOf(error);
        m_report.detail = error.detail.toUtf8();
    }
}

void HostSearch::onMx(const Result<DnsAnswer> &answer)
{
    if (!answer.has_value()) {
        noteFailure(answer.error());
        fail(451, "4.4.3",
             "cannot look up the mail servers of " + m_domain + ": "
                 + answer.error().detail.toUtf8());
        return;
    }
    noteTtl(answer->ttl);
    m_isMxSecure = answer->isSecure;
    if (answer->kind == DnsAnswer::Kind::NoName) {
        fail(550, "5.1.2", "the domain " + m_domain + " does not exist");
        return;
    }
    const std::vector<MxHost> hosts = mxHostsOf(*answer);
    if (answer->kind == DnsAnswer::Kind::Records && hosts.empty()) {
        fail(451, "4.4.3", "the MX records of " + m_domain + " cannot be read");
        return;
    }
    // RFC 7505 §3: a single record with the root as its name.
    if (hosts.size() == 1 && hosts.front().name.isEmpty()) {
        fail(556, "5.1.10", "the domain " + m_domain + " accepts no mail (null MX)");
        return;
    }
    for (const MxHost &host : hosts) {
        if (!host.name.isEmpty()) {
            addCandidate(host.preference, host.name);
        }
    }
    if (hosts.empty()) {
        // RFC 5321 §5.1: without MX the domain is its own, with preference 0.
        addCandidate(0, m_domain);
    } else if (!dropOwnHosts()) {
        return;
    }
    findAddresses();
}

bool HostSearch::dropOwnHosts()
{
    const auto own = std::find_if(m_candidates.begin(), m_candidates.end(),
                                  [this](const Candidate &candidate) {
                                      return std::find(m_settings->ownNames.begin(),
                                                       m_settings->ownNames.end(), candidate.name)
                                             != m_settings->ownNames.end();
                                  });
    if (own == m_candidates.end()) {
        return true;
    }
    // RFC 5321 §5.1: ourselves and all that are not better than us are left out.
    const int preference = own->preference;
    std::erase_if(m_candidates, [preference](const Candidate &candidate) {
        return candidate.preference >= preference;
    });
    if (m_candidates.empty()) {
        fail(554, "5.4.6",
             "mail for " + m_domain
                 + " loops back to us: we are its best MX, "
                   "but are not set up to deliver it");
        return false;
    }
    return true;
}

void HostSearch::findAddresses()
{
    // RFC 5321 §5.1: hosts of the same preference are tried in random order.
    std::shuffle(m_candidates.begin(), m_candidates.end(), *QRandomGenerator::global());
    std::stable_sort(
        m_candidates.begin(), m_candidates.end(),
        [](const Candidate &a, const Candidate &b) { return a.preference < b.preference; });
    if (m_candidates.size() > static_cast<size_t>(m_settings->mx.hosts)) {
        m_candidates.resize(static_cast<size_t>(m_settings->mx.hosts));
    }
    if (m_candidates.empty()) {
        fail(554, "5.4.4", "the domain " + m_domain + " has no usable mail server");
        return;
    }
    for (size_t i = 0; i < m_candidates.size(); ++i) {
        askAddress(i, DnsType::A);
        if (m_settings->allowsInet6) {
            askAddress(i, DnsType::Aaaa);
        }
    }
}

void HostSearch::askAddress(size_t candidate, DnsType type)
{
    ++m_pending;
    m_resolver.lookup(
        m_candidates[candidate].name, type, this,
        [this, candidate](const Result<DnsAnswer> &answer) { onAddress(candidate, answer); });
}

void HostSearch::onAddress(size_t index, const Result<DnsAnswer> &answer)
{
    Candidate &candidate = m_candidates[index];
    if (!answer.has_value()) {
        m_hasDnsFailure = true;
        m_dnsFailure = answer.error().detail.toUtf8();
        noteFailure(answer.error());
        candidate.failure = answer.error();
    } else {
        noteTtl(answer->ttl);
        candidate.hasInsecure = candidate.hasInsecure || !answer->isSecure;
        if (!answer->canonicalName.isEmpty()) {
            candidate.security.canonicalName = answer->canonicalName;
        }
        for (const QHostAddress &address : addressesOf(*answer)) {
            // IPv4 first: an IPv6 route that leads nowhere costs a connect timeout.
            const bool isInet4 = address.protocol() == QAbstractSocket::IPv4Protocol;
            candidate.addresses.insert(
                isInet4 ? candidate.addresses.begin() : candidate.addresses.end(), address);
        }
    }
    if (--m_pending == 0) {
        addressesKnown();
    }
}

bool HostSearch::isOurs(const QHostAddress &address) const
{
    const QHostAddress plain = asInet4(address);
    const auto &addresses = m_settings->ownAddresses;
    const auto &ports = m_settings->ownPorts;
    return std::find(ports.begin(), ports.end(), m_port) != ports.end()
           && std::any_of(addresses.begin(), addresses.end(),
                          [&](const QHostAddress &own) { return asInet4(own) == plain; });
}

bool HostSearch::dropOwnAddresses()
{
    bool hasOwn = false;
    bool hasForbidden = false;
    int ownPreference = std::numeric_limits<int>::max();
    const bool isFree = m_route.isConfigured || m_settings->allowsLoopbackMx;
    for (Candidate &candidate : m_candidates) {
        std::erase_if(candidate.addresses, [&](const QHostAddress &address) {
            if (isOurs(address)) {
                hasOwn = true;
                ownPreference = std::min(ownPreference, candidate.preference);
                return true;
            }
            if (!isFree && isUnreachableFromOutside(asInet4(address))) {
                hasForbidden = true;
                return true;
            }
            return false;
        });
    }
    std::erase_if(m_candidates, [&](const Candidate &candidate) {
        return candidate.addresses.empty() || (hasOwn && candidate.preference >= ownPreference);
    });
    if (!m_candidates.empty()) {
        return true;
    }
    if (hasOwn) {
        fail(554, "5.4.6", "mail for " + m_domain + " loops back to us");
    } else if (hasForbidden) {
        fail(554, "5.4.4",
             "the mail servers of " + m_domain + " have no address that mail could be sent to");
    } else if (m_hasDnsFailure) {
        fail(451, "4.4.3", "cannot look up the mail servers of " + m_domain + ": " + m_dnsFailure);
    } else {
        fail(554, "5.4.4", "the mail servers of " + m_domain + " have no address");
    }
    return false;
}

void HostSearch::addressesKnown()
{
    if (!dropOwnAddresses()) {
        return;
    }
    if (wantsDane(m_route, *m_settings)) {
        findTlsa();
    } else {
        deliver();
    }
}

void HostSearch::findSts()
{
    if (m_sts == nullptr || !wantsSts(m_route, *m_settings)) {
        m_stsFinding.emplace();
        return;
    }
    m_sts->find(m_domain, this, [this](const StsFinding &finding) {
        m_stsFinding = finding;
        if (m_isWaitingForSts) {
            deliver();
        }
    });
}

void HostSearch::findTlsa()
{
    std::vector<HostSecurity> hosts;
    for (Candidate &candidate : m_candidates) {
        HostSecurity &security = candidate.security;
        // RFC 7672 §2.2: without a secure way to the name its TLSA records prove nothing.
        security.isSecure = m_isMxSecure && !candidate.hasInsecure;
        // RFC 7672 §2.2.1: whoever suppresses an answer must not win an unprotected delivery.
        if (security.isSecure) {
            security.failure = candidate.failure;
        } else if (!m_isMxSecure) {
            security.canonicalName.clear();
        }
        hosts.push_back(security);
    }
    auto *search = new TlsaSearch(
        m_resolver, m_port,
        [this](std::vector<HostSecurity> found, std::chrono::seconds ttl) {
            onTlsa(std::move(found), ttl);
        },
        this);
    search->start(std::move(hosts));
}

void HostSearch::onTlsa(std::vector<HostSecurity> hosts, std::chrono::seconds ttl)
{
    for (size_t i = 0; i < m_candidates.size(); ++i) {
        m_candidates[i].security = std::move(hosts[i]);
    }
    noteTtl(ttl);
    deliver();
}

void HostSearch::deliver()
{
    if (!m_stsFinding) {
        m_isWaitingForSts = true;
        return;
    }
    HostList list;
    for (const Candidate &candidate : m_candidates) {
        const HostTls tls = tlsFor(m_route, candidate.security, *m_stsFinding, *m_settings);
        for (const QHostAddress &address : candidate.addresses) {
            if (static_cast<int>(list.hosts.size()) == m_settings->mx.addresses) {
                break;
            }
            list.hosts.push_back(
                {candidate.name, address, m_port, tls.policy, tls.problem, tls.report});
        }
    }
    finish(std::move(list));
}

void HostSearch::noteTtl(std::chrono::seconds ttl)
{
    m_ttl = std::clamp(ttl, m_settings->mx.shortestMemory, m_ttl);
}

void HostSearch::fail(int code, const char *enhanced, const QByteArray &text)
{
    HostList list;
    list.problem = {code, enhanced, text};
    list.report = m_report;
    if (m_route.isConfigured && code >= 500) {
        // An administrator's mistake is waited out; senders are not to pay for it.
        list.problem.code = 451;
        list.problem.enhanced[0] = '4';
    }
    m_ttl = m_settings->mx.shortestMemory;
    finish(std::move(list));
}

void HostSearch::finish(HostList list)
{
    list.ttl = m_ttl;
    const auto done = std::move(m_done);
    deleteLater();
    done(std::move(list));
}

}  // namespace

HostFinder::HostFinder(Resolver &resolver, StsFinder *sts, QObject *parent)
    : QObject(parent)
    , m_resolver(resolver)
    , m_sts(sts)
{
}

void HostFinder::find(const Route &route,
                      std::shared_ptr<const DeliverySettings> settings,
                      Callback done)
{
    auto *search = new HostSearch(m_resolver, m_sts, route, std::move(settings), std::move(done),
                                  this);
    search->start();
}

}  // namespace portcullis::delivery
