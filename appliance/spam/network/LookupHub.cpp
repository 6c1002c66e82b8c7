// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/LookupHub.h"

#include "appliance/spam/conf/RuleSet.h"

#include <QtCore/QList>

#include <algorithm>
#include <utility>

namespace portcullis::spam {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Labels that DNS can carry; what breaks them is not asked.
bool canBeAsked(const QByteArray &name)
{
    constexpr qsizetype longestName = 253;  // RFC 1035 §2.3.4
    constexpr qsizetype longestLabel = 63;
    if (name.isEmpty() || name.size() > longestName) {
        return false;
    }
    const QList<QByteArray> labels = name.split('.');
    return std::ranges::all_of(labels, [](const QByteArray &label) {
        return !label.isEmpty() && label.size() <= longestLabel;
    });
}

QByteArray plainName(QByteArray name)
{
    name = name.toLower();
    while (name.endsWith('.')) {
        name.chop(1);
    }
    return name;
}

std::optional<int> codeOf(const Result<DnsAnswer> &result)
{
    if (!result) {
        return std::nullopt;
    }
    constexpr int noSuchName = 3;
    return result->kind == DnsAnswer::Kind::NoName ? noSuchName : 0;
}

/// Nothing but an address that no other module has.
class BatchKey final : public EvalModule
{
public:
    [[nodiscard]] QByteArray plugin() const override { return {}; }
    void configure(const RuleSet &, ProblemSink &) override {}
    [[nodiscard]] std::vector<Entry> functions() const override { return {}; }
};

/// The batch of a message, kept with it.
struct BatchMemory final : Scan::Memory {
    std::unique_ptr<LookupBatch> batch;
};

}  // namespace

std::optional<milliseconds> ruleDuration(QByteArray text)
{
    const QHash<char, int> units{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}};
    int unit = 1;
    if (!text.isEmpty() && units.contains(text.toLower().back())) {
        unit = units.value(text.toLower().back());
        text.chop(1);
    }
    bool isNumber = false;
    const double seconds = text.toDouble(&isNumber) * unit;
    constexpr double most = 600;
    if (!isNumber || seconds < 0) {
        return std::nullopt;
    }
    return milliseconds(static_cast<qint64>(std::min(seconds, most) * 1000));
}

std::vector<QByteArray> LookupReply::texts() const
{
    std::vector<QByteArray> result;
    switch (type) {
    case DnsType::A:
    case DnsType::Aaaa:
        for (const QHostAddress &address : addressesOf(answer)) {
            result.push_back(address.toString().toLatin1());
        }
        break;
    case DnsType::Txt:
        result = textsOf(answer);
        break;
    case DnsType::Mx:
        for (const MxHost &host : mxHostsOf(answer)) {
            result.push_back(QByteArray::number(host.preference) + ' ' + host.name + '.');
        }
        break;
    default:
        for (const QByteArray &host : namesOf(answer)) {
            result.push_back(host + '.');
        }
    }
    return result;
}

LookupBatch::LookupBatch(LookupSource &source, const LookupLimits &limits)
    : m_source(source)
    , m_limits(limits)
    , m_begin(steady_clock::now())
{
}

LookupBatch::~LookupBatch()
{
    std::vector<LookupSource::Ticket> open;
    for (const auto &[ticket, questions] : m_sent) {
        open.push_back(ticket);
    }
    m_source.forget(open);
}

void LookupBatch::ask(Scan &scan,
                      const QByteArray &name,
                      DnsType type,
                      const QByteArray &zone,
                      Callback done)
{
    const QByteArray plain = plainName(name);
    const Key key{plain, int(type)};
    const auto known = m_lookups.find(key);
    if (known != m_lookups.end()) {
        if (known->second.reply) {
            done(scan, LookupReply(*known->second.reply));
        } else {
            known->second.waiting.push_back(std::move(done));
        }
        return;
    }
    if (m_lookups.size() >= m_limits.questions || !canBeAsked(plain)) {
        return;
    }
    m_lookups[key].waiting.push_back(std::move(done));
    m_gathered[plainName(zone)].push_back({plain, type});
}

void LookupBatch::send(Scan &scan)
{
    const auto left = std::chrono::ceil<milliseconds>(
        std::min(m_begin + m_limits.timeout, scan.deadline()) - steady_clock::now());
    if (m_gathered.empty() || left.count() <= 0) {
        return;
    }
    // Each zone in a request of its own, so that a slow list does not keep the answers of others.
    std::vector<std::vector<LookupSource::Question>> groups;
    const size_t free = m_limits.groups > m_sent.size() ? m_limits.groups - m_sent.size() : 1;
    for (auto &[zone, questions] : std::exchange(m_gathered, {})) {
        if (groups.size() < free) {
            groups.push_back(std::move(questions));
        } else {
            std::ranges::copy(questions, std::back_inserter(groups.back()));
        }
    }
    for (auto &group : groups) {
        const auto ticket = m_source.start(group, left);
        m_sent.emplace(ticket, std::move(group));
    }
}

/// Shrinks as answers arrive: who is not there when nearly all others are is not worth the wait.
LookupBatch::SteadyTime LookupBatch::end(const Scan &scan) const
{
    const double share = m_lookups.empty() ? 1 : double(m_answered) / double(m_lookups.size());
    const auto spare = std::max(milliseconds(0), m_limits.timeout - m_limits.leastTimeout);
    const auto shrunk = m_limits.timeout
                        - std::chrono::duration_cast<milliseconds>(spare * (share * share));
    return std::min(m_begin + shrunk, scan.deadline());
}

void LookupBatch::take(Scan &scan, const LookupSource::Arrival &arrival)
{
    const auto sent = m_sent.find(arrival.ticket);
    if (sent == m_sent.end()) {
        return;
    }
    const std::vector<LookupSource::Question> questions = std::move(sent->second);
    m_sent.erase(sent);
    for (size_t at = 0; at < questions.size() && at < arrival.answers.size(); ++at) {
        const auto &result = arrival.answers[at];
        LookupReply reply{questions[at].name, questions[at].type, codeOf(result),
                          result ? *result : DnsAnswer()};
        Lookup &lookup = m_lookups[{reply.name, int(reply.type)}];
        lookup.reply = reply;
        ++m_answered;
        // Callbacks may ask; then the map grows, and references into it stay.
        for (const Callback &done : std::exchange(lookup.waiting, {})) {
            done(scan, reply);
        }
    }
}

void LookupBatch::settle(Scan &scan)
{
    send(scan);
    while (!m_sent.empty()) {
        const SteadyTime until = end(scan);
        const auto arrivals = m_source.collect(until);
        for (const LookupSource::Arrival &arrival : arrivals) {
            take(scan, arrival);
        }
        send(scan);
        if (arrivals.empty() && steady_clock::now() >= end(scan)) {
            break;
        }
        if (arrivals.empty() && until > steady_clock::now()) {
            break;  // The source has nothing to come.
        }
    }
}

LookupHub::LookupHub(LookupSource &source, const RuleSet &rules)
    : m_source(source)
    , m_isOn(rules.value("dns_available", "yes").toLower() != "no")
    , m_key(std::make_unique<BatchKey>())
    , m_blockTime(static_cast<qint64>(rules.number("dns_block_time", 300)))
{
    readTimeouts(rules);
    for (const Directive &line : rules.directive("dns_query_restriction")) {
        QList<QByteArray> words = line.value.toLower().simplified().split(' ');
        const bool isAllowed = words.takeFirst() == "allow";
        for (const QByteArray &domain : words) {
            m_restrictions.insert(domain, isAllowed);
        }
    }
    for (const Directive &line : rules.directive("dns_block_rule")) {
        QList<QByteArray> words = line.value.simplified().split(' ');
        const QByteArray test = words.takeFirst();
        for (const QByteArray &domain : words) {
            m_blockRules[test].append(plainName(domain));
        }
    }
}

/// `rbl_timeout t [t_min] [zone]`. Deviation: limits of single zones count for all.
void LookupHub::readTimeouts(const RuleSet &rules)
{
    for (const Directive &line : rules.directive("rbl_timeout")) {
        const QList<QByteArray> words = line.value.simplified().split(' ');
        const auto longest = ruleDuration(words.value(0));
        const auto least = words.size() > 1 ? ruleDuration(words.value(1)) : std::nullopt;
        const bool hasZone = words.size() > 2 || (words.size() == 2 && !least);
        if (!longest || hasZone) {
            continue;
        }
        m_limits.timeout = *longest;
        m_limits.leastTimeout = least.value_or(*longest / 5);
        m_limits.timeout = std::max(m_limits.timeout, m_limits.leastTimeout);
    }
}

LookupBatch &LookupHub::batch(Scan &scan)
{
    auto &batch = scan.memory<BatchMemory>(m_key.get()).batch;
    if (!batch) {
        batch = std::make_unique<LookupBatch>(m_source, m_limits);
    }
    return *batch;
}

bool LookupHub::mayAsk(const QByteArray &name) const
{
    QByteArray domain = plainName(name);
    std::optional<bool> isAllowed;
    while (!domain.isEmpty()) {
        const auto blocked = m_blockedUntil.constFind(domain);
        if (blocked != m_blockedUntil.cend() && steady_clock::now() < *blocked) {
            return false;
        }
        const auto restriction = m_restrictions.constFind(domain);
        if (!isAllowed && restriction != m_restrictions.cend()) {
            isAllowed = *restriction;
        }
        const qsizetype dot = domain.indexOf('.');
        domain = dot < 0 ? QByteArray() : domain.sliced(dot + 1);
    }
    return isAllowed.value_or(m_restrictions.value("*", true));
}

void LookupHub::ask(Scan &scan,
                    const QByteArray &name,
                    DnsType type,
                    const QByteArray &zone,
                    LookupBatch::Callback done)
{
    if (mayAsk(name)) {
        batch(scan).ask(scan, name, type, zone, std::move(done));
    }
}

void LookupHub::hit(Scan &scan, const Test &test, const QByteArray &note)
{
    for (const QByteArray &domain : m_blockRules.value(test.name)) {
        m_blockedUntil.insert(domain, steady_clock::now() + m_blockTime);
    }
    if (scan.valueOf(test.name) == 0 || test.hasFlag("multiple")) {
        scan.hit(test.name, note);
    }
}

void NetworkModule::finish(Scan &scan) const
{
    if (m_hub->isOn()) {
        m_hub->batch(scan).settle(scan);
    }
}

}  // namespace portcullis::spam
