// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/Server.h"

#include <QtCore/QObject>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTimer>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace portcullis::smtp {

/// What one listener's settings are at the moment, as a session keeps them.
struct ListenerConfig {
    ListenerSettings settings;
    /// Of `settings`, but without STARTTLS where there is no identity.
    std::shared_ptr<const SessionSettings> session;
    std::shared_ptr<const TlsIdentity> identity;
    bool logsTls = false;

    static std::shared_ptr<const ListenerConfig> from(const ServerSettings &server,
                                                      const ListenerSettings &listener);
};

/// One listener over all threads. Thread-safe.
struct ListenerState {
    explicit ListenerState(std::shared_ptr<const ListenerConfig> config);

    [[nodiscard]] std::shared_ptr<const ListenerConfig> config() const;
    void setConfig(std::shared_ptr<const ListenerConfig> config);

    quint16 port = 0;  ///< Bound; fixed before the threads start.
    std::atomic<int> connections{0};

private:
    mutable std::mutex m_mutex;
    std::shared_ptr<const ListenerConfig> m_config;
};

/// Sockets for one address, bound with SO_REUSEPORT, one for each thread.
///
/// Refuses a port that any other process listens on, which SO_REUSEPORT alone would share silently.
/// On success `port` is what was bound. Errors: `smtp.bind` (transient).
Result<std::vector<int>> bindReusable(const QHostAddress &address, quint16 &port, int count);

/// One thread's socket of a listener: accepts, counts, refuses what is too many.
///
/// Not a QTcpServer: that one (Qt 6.4) takes EMFILE for a passing trouble and keeps a core busy with
/// asking again.
class Listener final : public QObject
{
    Q_OBJECT
public:
    using Accept = std::function<void(const std::shared_ptr<ListenerState> &, int descriptor)>;

    /// Takes over `descriptor`. `accept` gets each connection's descriptor and owns it, and gives
    /// the place back by lowering ListenerState::connections.
    Listener(std::shared_ptr<ListenerState> state, int descriptor, Accept accept);
    ~Listener() override;

private:
    void acceptAll();
    void take(int connection);
    void pause(int error);

    std::shared_ptr<ListenerState> m_state;
    int m_descriptor;
    Accept m_accept;
    QSocketNotifier m_notifier;
    QTimer m_resume;
};

}  // namespace portcullis::smtp
