// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/delivery/StsCache.h"
#include "appliance/delivery/StsFetcher.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QTimer>

namespace portcullis::delivery {

/// What MTA-STS says of a domain.
struct StsFinding {
    std::optional<StsPolicy> policy;  ///< Nothing: the domain has none that we could get.
    /// Why a policy that DNS announces could not be had, by its name of RFC 8460 §4.3; then what is
    /// in force is the one before or none.
    QByteArray problem;
    QByteArray detail;
};

/// Finds the MTA-STS policies of domains (RFC 8461 §3): asks DNS for the id, fetches the policy if
/// it is new, else takes it from the cache. A policy in the cache holds until its end, even if DNS or
/// HTTPS fail or deny it (§5.1). Policies are fetched again, behind the scenes, before they end.
///
/// Lives in the resolver's thread.
class StsFinder final : public QObject
{
    Q_OBJECT
public:
    using Callback = std::function<void(const StsFinding &)>;

    /// The cache is read from and kept in DeliverySettings::stsFile.
    StsFinder(Resolver &resolver,
              std::shared_ptr<const DeliverySettings> settings,
              const Clock &clock,
              QObject *parent = nullptr);
    ~StsFinder() override;
    Q_DISABLE_COPY_MOVE(StsFinder)

    void setSettings(std::shared_ptr<const DeliverySettings> settings);

    /// `done` runs once from the event loop, unless `context` is gone by then. It may take as long
    /// as a fetch may.
    void find(const QByteArray &domain, QObject *context, Callback done);

private:
    struct Waiter {
        QPointer<QObject> context;
        Callback done;
    };
    /// A fetch that failed; the same id is not tried again at once.
    struct Failure {
        QByteArray id;
        Clock::MonotonicTime until;
        StsFinding finding;
    };

    void onRecord(const QByteArray &domain, const Result<DnsAnswer> &answer, Waiter waiter);
    void fetch(const QByteArray &domain, const QByteArray &id, std::optional<Waiter> waiter);
    void onFetched(const QByteArray &domain, const QByteArray &id, const Result<StsPolicy> &result);
    [[nodiscard]] std::optional<StsFinding> recentFailure(const QByteArray &domain,
                                                          const QByteArray &id) const;
    void refreshDue();
    void save();

    Resolver &m_resolver;
    std::shared_ptr<const DeliverySettings> m_settings;
    const Clock &m_clock;
    StsCache m_cache;
    StsFetcher m_fetcher;
    QSslConfiguration m_tls;
    bool m_hasTls = false;  ///< CA certificates are loaded when the first policy is fetched.
    QHash<QByteArray, std::vector<Waiter>> m_running;  ///< By domain and id.
    QHash<QByteArray, Failure> m_failures;             ///< By domain.
    QTimer m_upkeep;
};

}  // namespace portcullis::delivery
