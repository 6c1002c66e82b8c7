// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/policy/AddressTable.h"
#include "appliance/policy/dnsbl/DnsblHealth.h"
#include "appliance/policy/dnsbl/DnsblSites.h"
#include "appliance/policy/SessionPolicy.h"
#include "appliance/verdict/SessionEvidence.h"
#include "shared/base/Clock.h"

#include <memory>
#include <optional>

namespace portcullis::policy {

/// What the lists say of a client.
struct DnsblOutcome {
    bool isRefused = false;  ///< The score reached the threshold.
    int score = 0;           ///< Of what had answered when the outcome was certain.
    std::vector<verdict::DnsblFinding> findings;
    /// Public names of the lists that count against the client, the heaviest first.
    std::vector<QByteArray> blamed;
    QByteArray reason;             ///< The heaviest list's own words (TXT), printable ASCII.
    std::vector<QByteArray> mute;  ///< Lists without a usable answer; they count nothing.

    /// "Service unavailable; client [192.0.2.1] blocked using …", without codes.
    [[nodiscard]] QByteArray replyText(const QHostAddress &client) const;
    /// 554 5.7.1 with the evidence for tracking (check "dnsbl"); nothing if the client passes.
    [[nodiscard]] std::optional<Refusal> refusal(const QHostAddress &client) const;
};

struct DnsblLimits {
    /// For all lists and the reason together; a list that has not answered by then counts nothing.
    /// Range 1 s … 30 s. Not longer than the wait before the greeting, so it usually costs nothing.
    std::chrono::milliseconds deadline = std::chrono::seconds(5);
    /// For the reason, once the client is refused. 0: not asked for. Range 0 … 10 s.
    std::chrono::milliseconds reason = std::chrono::seconds(2);
    int reasonLength = 300;  ///< Characters; a reply line holds 512 octets. Range 0 … 400.
    /// How long an outcome is kept: the smallest lifetime of the answers, within these bounds.
    std::chrono::seconds shortestMemory = std::chrono::seconds(60);
    std::chrono::seconds longestMemory = std::chrono::hours(1);
    /// Clients remembered, about 400 octets each. Range 100 … 1,000,000.
    int maxClients = 50'000;
};

/// Outcomes by client address, so that a client that comes back costs microseconds. One for all
/// threads; thread-safe.
class DnsblCache
{
public:
    explicit DnsblCache(const Clock &clock, DnsblLimits limits = {});
    Q_DISABLE_COPY_MOVE(DnsblCache)

    /// `stamp` tells the settings and the state of the lists apart: entries of another one are none.
    [[nodiscard]] std::shared_ptr<const DnsblOutcome> find(const QHostAddress &client,
                                                           quint64 stamp) const;
    void put(const QHostAddress &client,
             quint64 stamp,
             std::shared_ptr<const DnsblOutcome> outcome,
             std::chrono::seconds lifetime);
    [[nodiscard]] size_t size() const { return m_table.size(); }

private:
    struct Entry {
        std::shared_ptr<const DnsblOutcome> outcome;
        quint64 stamp = 0;
        Clock::MonotonicTime expires;
    };

    const Clock &m_clock;
    const DnsblLimits m_limits;
    AddressTable<Entry> m_table;
};

/// Asks all lists of dnsbl_sites about a client at once and ends as soon as the outcome is certain.
///
/// One a thread, as the Resolver it uses. Trouble never refuses: what does not answer, answers
/// outside 127.0.0.0/8 and lists that DnsblHealth distrusts count nothing.
class DnsblCheck
{
public:
    using Callback = std::function<void(const std::shared_ptr<const DnsblOutcome> &)>;

    /// `resolver`, `health` and `cache` must outlive this; lookups under way end with their context.
    DnsblCheck(Resolver &resolver, DnsblHealth &health, DnsblCache &cache, DnsblLimits limits = {});

    /// A reload. Checks under way end with the lists they began with.
    void setSites(std::shared_ptr<const DnsblSites> sites);

    /// The outcome if it is remembered (or if there are no lists); asks nobody.
    [[nodiscard]] std::shared_ptr<const DnsblOutcome> remembered(const QHostAddress &client) const;

    /// Exactly one `done`, never before this returned, within DnsblLimits::deadline, on this thread;
    /// not at all after `context` is gone.
    void check(const QHostAddress &client, QObject *context, Callback done);

    /// Tests all lists now, so that the log names bad ones before the first client comes and that
    /// client need not wait for the test. For the start of the program and reloads, on one thread.
    void testLists(QObject *context);

private:
    [[nodiscard]] quint64 stamp() const;

    Resolver &m_resolver;
    DnsblHealth &m_health;
    DnsblCache &m_cache;
    const DnsblLimits m_limits;
    std::shared_ptr<const DnsblSites> m_sites;
};

}  // namespace portcullis::policy
