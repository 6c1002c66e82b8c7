// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Resolver.h"
#include "appliance/base/ResolverWire.h"

#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtNetwork/QLocalServer>

#include <memory>

namespace portcullis {

/// What clients may use. They handle hostile mail and may be taken over.
struct ResolverServiceLimits {
    int connections = 600;  ///< Two generations of the largest `max_filters` and to spare.
    int batches = 8;        ///< Of one connection at a time; more wait in the socket.
    resolverwire::Limits wire;
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
    void acceptPending();

    ResolverServiceLimits m_limits;
    std::unique_ptr<Resolver> m_resolver;
    QLocalServer m_server;
    int m_connections = 0;
};

}  // namespace portcullis
