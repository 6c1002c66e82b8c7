// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblCheck.h"

#include "appliance/policy/dnsbl/DnsblRun.h"
#include "appliance/policy/dnsbl/DnsblTest.h"

namespace portcullis::policy {

DnsblCheck::DnsblCheck(Resolver &resolver,
                       DnsblHealth &health,
                       DnsblCache &cache,
                       DnsblLimits limits)
    : m_resolver(resolver)
    , m_health(health)
    , m_cache(cache)
    , m_limits(limits)
    , m_sites(std::make_shared<const DnsblSites>())
{
}

void DnsblCheck::setSites(std::shared_ptr<const DnsblSites> sites)
{
    m_sites = std::move(sites);
}

quint64 DnsblCheck::stamp() const
{
    return m_sites->stamp() + m_health.generation();
}

std::shared_ptr<const DnsblOutcome> DnsblCheck::remembered(const QHostAddress &client) const
{
    if (m_sites->isEmpty()) {
        static const auto nothing = std::make_shared<const DnsblOutcome>();
        return nothing;
    }
    return m_cache.find(client, stamp());
}

void DnsblCheck::check(const QHostAddress &client, QObject *context, Callback done)
{
    if (auto outcome = remembered(client)) {
        QMetaObject::invokeMethod(
            context, [outcome = std::move(outcome), done = std::move(done)] { done(outcome); },
            Qt::QueuedConnection);
        return;
    }
    // The stamp of the beginning: what is found out about a list meanwhile voids the outcome.
    auto keep = [&cache = m_cache, client, stamp = stamp(),
                 done = std::move(done)](const DnsblRun::Outcome &outcome) {
        if (outcome.lifetime.count() > 0) {
            cache.put(client, stamp, outcome.value, outcome.lifetime);
        }
        done(outcome.value);
    };
    std::make_shared<DnsblRun>(m_resolver, m_health, m_sites, m_limits, client, std::move(keep))
        ->start(context);
}

void DnsblCheck::testLists(QObject *context)
{
    for (const DnsblList &list : m_sites->lists()) {
        testDnsblList(m_resolver, m_health, list.domain, context, [](DnsblHealth::TestResult) {});
    }
}

}  // namespace portcullis::policy
