// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/session/BackupMx.h"

#include <QtCore/QTimer>

#include <algorithm>

namespace portcullis::policy {

namespace {

/// One question under way. Owned by the caller's context, so that it ends with it.
class BackupMxRun final : public QObject
{
public:
    BackupMxRun(Resolver &resolver,
                const BackupMxLimits &limits,
                const QHostAddress &client,
                BackupMx::Callback done,
                QObject *context)
        : QObject(context)
        , m_resolver(resolver)
        , m_limits(limits)
        , m_client(client)
        , m_done(std::move(done))
    {
        QTimer::singleShot(m_limits.deadline, this, [this] { finish(BackupMx::Answer::Unknown); });
    }

    void start(const QByteArray &domain)
    {
        m_resolver.lookup(domain, DnsType::Mx, this, [this](const Result<DnsAnswer> &answer) {
            answer ? askAddresses(*answer) : finish(BackupMx::Answer::Unknown);
        });
    }

private:
    void askAddresses(const DnsAnswer &mx)
    {
        std::vector<MxHost> hosts = mxHostsOf(mx);
        std::erase_if(hosts, [](const MxHost &host) { return host.name.isEmpty(); });
        hosts.resize(std::min(hosts.size(), static_cast<size_t>(m_limits.hosts)));
        if (hosts.empty()) {
            finish(BackupMx::Answer::No);
            return;
        }
        const bool isV4 = m_client.protocol() == QAbstractSocket::IPv4Protocol;
        m_pending = hosts.size();
        for (const MxHost &host : hosts) {
            m_resolver.lookup(host.name, isV4 ? DnsType::A : DnsType::Aaaa, this,
                              [this](const Result<DnsAnswer> &answer) { takeAddresses(answer); });
        }
    }

    void takeAddresses(const Result<DnsAnswer> &answer)
    {
        --m_pending;
        m_isUncertain |= !answer;
        const auto addresses = answer ? addressesOf(*answer) : std::vector<QHostAddress>();
        if (std::ranges::find(addresses, m_client) != addresses.end()) {
            finish(BackupMx::Answer::Yes);
        } else if (m_pending == 0) {
            finish(m_isUncertain ? BackupMx::Answer::Unknown : BackupMx::Answer::No);
        }
    }

    void finish(BackupMx::Answer answer)
    {
        if (auto done = std::exchange(m_done, nullptr)) {
            deleteLater();
            done(answer);
        }
    }

    Resolver &m_resolver;
    BackupMxLimits m_limits;
    QHostAddress m_client;
    BackupMx::Callback m_done;
    size_t m_pending = 0;
    bool m_isUncertain = false;
};

}  // namespace

BackupMx::BackupMx(Resolver &resolver, BackupMxLimits limits)
    : m_resolver(resolver)
    , m_limits(limits)
{
}

void BackupMx::check(const QHostAddress &client,
                     const QByteArray &recipientDomain,
                     QObject *context,
                     Callback done)
{
    auto *run = new BackupMxRun(m_resolver, m_limits, client, std::move(done), context);
    run->start(recipientDomain);
}

}  // namespace portcullis::policy
