// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/policy/delegation/DelegationEngine.h"
#include "shared/base/Result.h"

#include <QtCore/QObject>
#include <QtNetwork/QTcpServer>

#include <functional>
#include <memory>

namespace portcullis {

/// Takes connections of Postfix on loopback and lets `decide` answer their requests.
///
/// One thread, many connections; each is long-lived and decided one request after the other. A client
/// that does not read its answers or exceeds a limit is cut off, and the log says why.
class PolicyServer final : public QObject
{
public:
    using Answer = std::function<void(const QByteArray &action)>;
    /// At once or later, exactly one answer; not after `context` is gone.
    using Decide = std::function<
        void(const policy::DelegationRequest &, QObject *context, const Answer &done)>;

    explicit PolicyServer(Decide decide, const policy::DelegationLimits &limits = {});

    /// Error `policy.bind` (transient).
    Status listen(quint16 port);
    [[nodiscard]] quint16 port() const { return m_server.serverPort(); }

private:
    void acceptAll();

    Decide m_decide;
    policy::DelegationLimits m_limits;
    QTcpServer m_server;
    int m_connections = 0;
};

}  // namespace portcullis
