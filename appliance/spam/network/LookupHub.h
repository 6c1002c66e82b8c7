// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/engine/EvalModule.h"
#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/network/LookupSource.h"

#include <QtCore/QHash>
#include <QtCore/QPair>
#include <QtCore/QSet>

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace portcullis::spam {

/// What bounds the lookups of one message. The first two come from `rbl_timeout`.
struct LookupLimits {
    std::chrono::milliseconds timeout = std::chrono::seconds(15);  ///< From the first to the last.
    /// Time for the last lookups when nearly all others are answered; a fifth of `timeout` unless said.
    std::chrono::milliseconds leastTimeout = std::chrono::seconds(3);
    size_t questions = 500;  ///< Of one message; SpamAssassin has no bound. Range 10 … 2,000.
    size_t groups = 24;      ///< Requests under way at a time, one a zone; the service takes 32.
};

/// A time as rules write it: "15", "1.5m"; seconds unless another unit is said, at most ten minutes.
/// Nothing: not a time.
std::optional<std::chrono::milliseconds> ruleDuration(QByteArray text);

/// Answer to one lookup.
struct LookupReply {
    QByteArray name;
    DnsType type = DnsType::A;
    /// RFC 1035 §4.1.1 RCODE: 0, or 3 for a name that is not there; nothing: no answer, or none in time.
    std::optional<int> code;
    DnsAnswer answer;

    /// "192.0.2.1" or joined character strings; names and other types as in a zone file.
    [[nodiscard]] std::vector<QByteArray> texts() const;
};

/// The lookups of one message.
///
/// Questions are gathered while modules begin, sent by zone, and answered while other tests run. A reply
/// may ask further questions. Each (name, type) is asked once, however many want to know.
class LookupBatch final
{
public:
    using Callback = std::function<void(Scan &scan, const LookupReply &reply)>;

    LookupBatch(LookupSource &source, const LookupLimits &limits);
    ~LookupBatch();
    Q_DISABLE_COPY_MOVE(LookupBatch)

    /// `zone` groups questions that live and die together. Names that cannot be asked are dropped.
    void ask(Scan &scan,
             const QByteArray &name,
             DnsType type,
             const QByteArray &zone,
             Callback done);
    /// Sends what has been gathered.
    void send(Scan &scan);
    /// Waits until all is answered or the time is over.
    void settle(Scan &scan);

private:
    using Key = QPair<QByteArray, int>;
    struct Lookup {
        std::vector<Callback> waiting;
        std::optional<LookupReply> reply;
    };
    using SteadyTime = std::chrono::steady_clock::time_point;

    [[nodiscard]] SteadyTime end(const Scan &scan) const;
    void take(Scan &scan, const LookupSource::Arrival &arrival);

    LookupSource &m_source;
    LookupLimits m_limits;
    SteadyTime m_begin;
    std::map<Key, Lookup> m_lookups;
    std::map<QByteArray, std::vector<LookupSource::Question>> m_gathered;
    std::map<LookupSource::Ticket, std::vector<LookupSource::Question>> m_sent;
    size_t m_answered = 0;
};

/// What all network modules of a rule set share: who answers, which zones may be asked, what the time
/// limits are. Made once a worker and rule set; one thread.
class LookupHub
{
public:
    /// `source` outlives this.
    LookupHub(LookupSource &source, const RuleSet &rules);

    /// No DNS at all: `dns_available no`.
    [[nodiscard]] bool isOn() const { return m_isOn; }

    /// The lookups of this message. `ask()` of it only through mayAsk().
    LookupBatch &batch(Scan &scan);
    /// dns_query_restriction and dns_block_rule.
    [[nodiscard]] bool mayAsk(const QByteArray &name) const;
    void ask(Scan &scan,
             const QByteArray &name,
             DnsType type,
             const QByteArray &zone,
             LookupBatch::Callback done);
    /// A test hit, once a message unless it is flagged "multiple".
    void hit(Scan &scan, const Test &test, const QByteArray &note);

private:
    using SteadyTime = std::chrono::steady_clock::time_point;
    void readTimeouts(const RuleSet &rules);

    LookupSource &m_source;
    LookupLimits m_limits;
    bool m_isOn = true;
    std::unique_ptr<const EvalModule> m_key;  ///< Of the batch among the memories of a scan.
    QHash<QByteArray, bool> m_restrictions;   ///< Domain → may be asked; "*" for all.
    QHash<QByteArray, QList<QByteArray>> m_blockRules;  ///< Test → domains.
    QHash<QByteArray, SteadyTime> m_blockedUntil;       ///< Domain.
    std::chrono::seconds m_blockTime{300};
};

/// Base of the modules that look up.
class NetworkModule : public EvalModule
{
public:
    explicit NetworkModule(std::shared_ptr<LookupHub> hub)
        : m_hub(std::move(hub))
    {
    }

    /// Waits for what is under way. Whoever comes first waits for all modules.
    void finish(Scan &scan) const override;

protected:
    [[nodiscard]] LookupHub &hub() const { return *m_hub; }
    void ask(Scan &scan,
             const QByteArray &name,
             DnsType type,
             const QByteArray &zone,
             LookupBatch::Callback done) const
    {
        m_hub->ask(scan, name, type, zone, std::move(done));
    }
    void send(Scan &scan) const { m_hub->batch(scan).send(scan); }

private:
    std::shared_ptr<LookupHub> m_hub;
};

}  // namespace portcullis::spam
