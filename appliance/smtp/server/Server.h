// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"
#include "appliance/smtp/server/SessionHandler.h"
#include "appliance/smtp/server/SessionSettings.h"
#include "appliance/smtp/server/TlsIdentity.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QObject>
#include <QtCore/QPair>
#include <QtNetwork/QHostAddress>

#include <atomic>
#include <memory>
#include <vector>

namespace portcullis::smtp {

/// An address with its prefix length, as QHostAddress::parseSubnet() gives it.
using Network = QPair<QHostAddress, int>;

/// Whether `address` lies in one of the networks; IPv4 inside IPv6 (::ffff:0:0/96) counts as IPv4.
[[nodiscard]] bool isInNetworks(const QHostAddress &address, const std::vector<Network> &networks);

/// One port with its manners. Name, address and port are fixed while the server runs; all else may
/// change with Server::apply().
struct ListenerSettings {
    QByteArray name = "external";  ///< For logs and to find the listener again.
    QHostAddress address = QHostAddress(QHostAddress::AnyIPv4);
    quint16 port = 25;  ///< 0: any free one, see Server::port().
    mail::Direction direction = mail::Direction::In;
    SessionSettings session;  ///< STARTTLS is taken out where there is no identity.
    /// Sessions at a time over all threads (max_smtpd_in, max_smtpd_out). Range 1 … 100,000.
    /// Further ones get 421 4.7.0 and are closed.
    int maxConnections = 100;
    std::vector<Network> xclientNetworks;   ///< Clients that may use XCLIENT; empty: nobody.
    std::vector<Network> xforwardNetworks;  ///< Clients that may use XFORWARD; empty: nobody.
};

/// All settings of a server. Immutable; a session keeps those it began with.
struct ServerSettings {
    std::vector<ListenerSettings> listeners;
    /// Event-loop threads. Fixed while the server runs. 0: one a core, at most 4. Range 0 … 64.
    int threads = 0;
    std::shared_ptr<const TlsIdentity> identity;  ///< Null: no STARTTLS anywhere.
    bool logsTls = false;                         ///< tlslog: a line for each handshake.
    /// How long stop waits for messages under way before it cuts. Range 0 … 10 min.
    std::chrono::milliseconds shutdownGrace = std::chrono::seconds(30);
};

/// What one server thread needs to make handlers: created, used and destroyed on that thread.
class HandlerContext
{
public:
    virtual ~HandlerContext() = default;

    /// A handler for a new session. `control` is valid until onClosed(). The handler is destroyed
    /// some time after onClosed(), on this thread. `listener` is valid as long as the handler.
    virtual std::unique_ptr<SessionHandler> createHandler(SessionControl &control,
                                                          const ListenerSettings &listener) = 0;
};

/// Makes a context for each thread. Called from several threads, one after the other at start.
class HandlerFactory
{
public:
    virtual ~HandlerFactory() = default;
    virtual std::unique_ptr<HandlerContext> createContext() = 0;
};

class ServerWorker;
struct ListenerState;

/// The SMTP server: N threads, each with an event loop and its own SO_REUSEPORT socket for every
/// listener, so that a session lives and dies on one thread and nothing is handed over.
///
/// Made and used on one thread (the main thread); its signals arrive there.
class Server final : public QObject
{
    Q_OBJECT
public:
    /// Binds all ports and starts the threads. Errors: `smtp.bind` (transient; names address,
    /// port and cause: in use, no rights), `smtp.settings` (permanent).
    static Result<std::unique_ptr<Server>> start(std::shared_ptr<const ServerSettings> settings,
                                                 std::shared_ptr<HandlerFactory> factory,
                                                 const Clock &clock = SystemClock::instance());
    /// Stops and waits, at most the grace and a second.
    ~Server() override;

    /// Uses other settings for sessions that begin from now on, a renewed certificate included.
    /// Listeners are matched by name; their address and port stay as they are.
    void apply(std::shared_ptr<const ServerSettings> settings);

    /// The port a listener is bound to; 0 if there is none of that name.
    [[nodiscard]] quint16 port(const QByteArray &listenerName) const;

    [[nodiscard]] int sessionCount() const;  ///< Open sessions over all listeners.

    /// Accepts nothing more, says 421 4.3.2 to idle clients, lets messages under way finish
    /// within the grace; stopped() follows. Returns at once.
    void requestStop();
    /// requestStop() and wait, without an event loop. Handlers that need this thread to answer
    /// must be given requestStop() instead.
    void stop();

Q_SIGNALS:
    void stopped();

private:
    Server(std::shared_ptr<const ServerSettings> settings, std::shared_ptr<HandlerFactory> factory);
    Status bindAll();
    void startThreads(const Clock &clock);

    std::shared_ptr<const ServerSettings> m_settings;
    std::shared_ptr<HandlerFactory> m_factory;
    std::vector<std::shared_ptr<ListenerState>> m_listeners;
    std::vector<std::unique_ptr<ServerWorker>> m_workers;
    std::vector<std::vector<int>> m_descriptors;  ///< Per thread, per listener; until it starts.
    size_t m_runningWorkers = 0;
    bool m_isStopping = false;
};

}  // namespace portcullis::smtp
