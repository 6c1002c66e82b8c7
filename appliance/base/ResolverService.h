// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/base/ResolverWire.h"

#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QPair>
#include <QtCore/QString>
#include <QtNetwork/QLocalServer>

#include <chrono>
#include <memory>

namespace portcullis {

/// What clients may use. They handle hostile mail and may be taken over.
struct ResolverServiceLimits {
    int connections = 600;  ///< Two generations of the largest `max_filters` and to spare.
    int batches = 32;  ///< Of one connection at a time, one a blocklist; more wait in the socket.
    resolverwire::Limits wire;
    /// Answers kept for their TTL in front of the Resolver, whose own cache costs two thread changes
    /// a name; 300 octets each. When full, all are forgotten. Range 0 … 1,000,000.
    int cachedAnswers = 50'000;
};

/// One Resolver for processes that have neither threads nor network: serves BlockingResolver on a
/// unix socket. All of them share its cache.
///
/// Lives in one thread with an event loop. A request is answered as soon as all its names are, at the
/// latest at its deadline, with `dns.timeout` for what is still open. A client that breaks the
/// protocol is disconnected. Who may connect is decided by the socket's mode, 0660.
class ResolverService final : public QObject
{
    Q_OBJECT
public:
    explicit ResolverService(std::unique_ptr<Resolver> resolver,
                             ResolverServiceLimits limits = {},
                             QObject *parent = nullptr);
    ~ResolverService() override;

    /// Listens on `path`; a socket left behind there is replaced. Error: `dns.listen` (permanent).
    Status listen(const QString &path);

    /// Other servers from now on. Lookups under way end with the old ones.
    void setResolver(std::unique_ptr<Resolver> resolver);

private:
    friend class ResolverConnection;
    friend class ResolverBatch;
    struct CachedAnswer {
        DnsAnswer answer;
        std::chrono::steady_clock::time_point end;
    };
    using CacheKey = QPair<QByteArray, int>;

    void acceptPending();
    [[nodiscard]] const DnsAnswer *cached(const resolverwire::Question &question) const;
    void keep(const resolverwire::Question &question, const DnsAnswer &answer);

    ResolverServiceLimits m_limits;
    std::unique_ptr<Resolver> m_resolver;
    QLocalServer m_server;
    int m_connections = 0;
    QHash<CacheKey, CachedAnswer> m_cache;
};

}  // namespace portcullis
