// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblCheck.h"

namespace portcullis::policy {

DnsblCache::DnsblCache(const Clock &clock, DnsblLimits limits)
    : m_clock(clock)
    , m_limits(limits)
    , m_table(static_cast<size_t>(limits.maxClients))
{
}

std::shared_ptr<const DnsblOutcome> DnsblCache::find(const QHostAddress &client,
                                                     quint64 stamp) const
{
    const auto entry = m_table.find(AddressKey::of(client));
    const bool isValid = entry && entry->stamp == stamp && m_clock.monotonic() < entry->expires;
    return isValid ? entry->outcome : nullptr;
}

void DnsblCache::put(const QHostAddress &client,
                     quint64 stamp,
                     std::shared_ptr<const DnsblOutcome> outcome,
                     std::chrono::seconds lifetime)
{
    const auto kept = std::clamp(lifetime, m_limits.shortestMemory, m_limits.longestMemory);
    m_table.put(AddressKey::of(client), {std::move(outcome), stamp, m_clock.monotonic() + kept});
}

}  // namespace portcullis::policy
