// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/StsFinder.h"

#include "appliance/base/Log.h"
#include "appliance/delivery/TlsContexts.h"

namespace portcullis::delivery {

namespace {

constexpr qsizetype mostFailures = 10'000;
constexpr size_t refreshesAtOnce = 100;

QByteArray problemOf(const Error &error)
{
    if (error.id == "sts.certificate") {
        return "sts-webpki-invalid";
    }
    return error.id == "sts.policy" ? "sts-policy-invalid" : "sts-policy-fetch-error";
}

QByteArray runningKey(const QByteArray &domain, const QByteArray &id)
{
    return domain + ' ' + id;
}

void logProblem(const char *id, const Error &error)
{
    log::write(log::Severity::Warning, id, {}, {{"reason", error.toString().toUtf8()}});
}

}  // namespace

StsFinder::StsFinder(Resolver &resolver,
                     std::shared_ptr<const DeliverySettings> settings,
                     const Clock &clock,
                     QObject *parent)
    : QObject(parent)
    , m_resolver(resolver)
    , m_settings(std::move(settings))
    , m_clock(clock)
    , m_cache(m_settings->stsFile, m_settings->sts.policies)
    , m_fetcher(resolver)
{
    if (const Status status = m_cache.read(); !status.has_value()) {
        logProblem("delivery.sts-cache-unreadable", status.error());
    }
    connect(&m_upkeep, &QTimer::timeout, this, [this] {
        refreshDue();
        save();
    });
    m_upkeep.start(m_settings->sts.upkeep);
}

StsFinder::~StsFinder()
{
    save();
}

void StsFinder::setSettings(std::shared_ptr<const DeliverySettings> settings)
{
    m_hasTls = m_hasTls && settings->tlsCaFile == m_settings->tlsCaFile;
    m_settings = std::move(settings);
    m_upkeep.start(m_settings->sts.upkeep);
}

void StsFinder::save()
{
    if (const Status status = m_cache.write(); !status.has_value()) {
        logProblem("delivery.sts-cache-unwritable", status.error());
    }
}

void StsFinder::find(const QByteArray &domain, QObject *context, Callback done)
{
    Waiter waiter{context, std::move(done)};
    m_resolver.lookup("_mta-sts." + domain, DnsType::Txt, this,
                      [this, domain, waiter](const Result<DnsAnswer> &answer) {
                          onRecord(domain, answer, waiter);
                      });
}

void StsFinder::onRecord(const QByteArray &domain, const Result<DnsAnswer> &answer, Waiter waiter)
{
    const auto id = answer.has_value() ? stsIdOf(textsOf(*answer)) : std::nullopt;
    const auto cached = m_cache.find(domain, m_clock.wall());
    StsFinding finding;
    if (cached) {
        finding.policy = cached->policy;
    }
    // RFC 8461 §5.1: no record is no reason to forget a policy.
    const bool isNew = id && (!cached || cached->id != *id);
    if (isNew) {
        const auto failure = recentFailure(domain, *id);
        if (!failure) {
            fetch(domain, *id, std::move(waiter));
            return;
        }
        finding.problem = failure->problem;
        finding.detail = failure->detail;
    }
    if (waiter.context) {
        waiter.done(finding);
    }
}

std::optional<StsFinding> StsFinder::recentFailure(const QByteArray &domain,
                                                   const QByteArray &id) const
{
    const auto failure = m_failures.constFind(domain);
    if (failure == m_failures.cend() || failure->id != id
        || m_clock.monotonic() >= failure->until) {
        return std::nullopt;
    }
    return failure->finding;
}

void StsFinder::fetch(const QByteArray &domain, const QByteArray &id, std::optional<Waiter> waiter)
{
    const QByteArray key = runningKey(domain, id);
    const bool isRunning = m_running.contains(key);
    std::vector<Waiter> &waiters = m_running[key];
    if (waiter) {
        waiters.push_back(std::move(*waiter));
    }
    if (isRunning) {
        return;
    }
    if (!m_hasTls) {
        m_tls = verifiedTls(m_settings->tlsCaFile);
        m_hasTls = true;
    }
    m_fetcher.fetch(domain, m_settings, m_tls, [this, domain, id](const Result<StsPolicy> &result) {
        onFetched(domain, id, result);
    });
}

void StsFinder::onFetched(const QByteArray &domain,
                          const QByteArray &id,
                          const Result<StsPolicy> &result)
{
    StsFinding finding;
    const Clock::WallTime now = m_clock.wall();
    const std::vector<Waiter> waiters = m_running.take(runningKey(domain, id));
    if (result.has_value()) {
        finding.policy = *result;
        const auto used = waiters.empty() ? m_cache.lastUse(domain).value_or(now) : now;
        m_cache.store(domain, {*result, id, now, used});
        m_failures.remove(domain);
        save();
    } else {
        finding.problem = problemOf(result.error());
        finding.detail = result.error().detail.toUtf8();
        log::write(log::Severity::Notice, "delivery.sts-policy-unavailable", {},
                   {{"domain", domain}, {"problem", finding.problem}, {"reason", finding.detail}});
        if (m_failures.size() >= mostFailures) {
            m_failures.clear();
        }
        m_failures.insert(domain, {id, m_clock.monotonic() + m_settings->sts.retry, finding});
        if (const auto cached = m_cache.find(domain, now)) {
            finding.policy = cached->policy;
        }
    }
    for (const Waiter &waiter : waiters) {
        if (waiter.context) {
            waiter.done(finding);
        }
    }
}

void StsFinder::refreshDue()
{
    const auto domains = m_cache.dueForRefresh(m_clock.wall(), m_settings->sts.refresh,
                                               m_settings->sts.idle);
    for (size_t i = 0; i < std::min(domains.size(), refreshesAtOnce); ++i) {
        const QByteArray &domain = domains[i];
        m_resolver.lookup("_mta-sts." + domain, DnsType::Txt, this,
                          [this, domain](const Result<DnsAnswer> &answer) {
                              const auto id = answer.has_value() ? stsIdOf(textsOf(*answer))
                                                                 : std::nullopt;
                              if (id && !recentFailure(domain, *id)) {
                                  fetch(domain, *id, std::nullopt);
                              }
                          });
    }
}

}  // namespace portcullis::delivery
