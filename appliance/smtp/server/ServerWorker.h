// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/smtp/server/Listener.h"
#include "appliance/smtp/server/Session.h"

#include <QtCore/QSemaphore>
#include <QtCore/QThread>
#include <QtCore/QTimer>

#include <memory>
#include <unordered_set>
#include <vector>

namespace portcullis::smtp {

/// What runs in one server thread: its listeners and its sessions. Used on that thread only.
class ServerLoop final : public QObject
{
    Q_OBJECT
public:
    ServerLoop(HandlerContext &context, const Clock &clock);
    ~ServerLoop() override;

    void listen(const std::shared_ptr<ListenerState> &state, int descriptor);
    /// Ends the thread's event loop once all sessions are gone, or cut after `grace`.
    void stop(std::chrono::milliseconds grace);

private:
    void accept(const std::shared_ptr<ListenerState> &state, int descriptor);
    void remove(Session *session);
    void checkDeadlines();
    void cutAll();
    void quitIfDone();

    HandlerContext &m_context;
    std::unique_ptr<ReadBuffer> m_buffer;
    const Clock &m_clock;
    std::vector<std::unique_ptr<Listener>> m_listeners;
    std::unordered_set<Session *> m_sessions;
    QTimer m_tick;
    bool m_isStopping = false;
};

/// One server thread.
class ServerWorker final : public QThread
{
    Q_OBJECT
public:
    ServerWorker(std::vector<std::shared_ptr<ListenerState>> listeners,
                 std::vector<int> descriptors,
                 std::shared_ptr<HandlerFactory> factory,
                 const Clock &clock);

    /// Starts the thread and waits until it accepts connections.
    void startAndWait();
    /// Thread-safe; see ServerLoop::stop().
    void requestStop(std::chrono::milliseconds grace);

private:
    void run() override;

    std::vector<std::shared_ptr<ListenerState>> m_listeners;
    std::vector<int> m_descriptors;  ///< One for each listener; handed over in run().
    std::shared_ptr<HandlerFactory> m_factory;
    const Clock &m_clock;
    QSemaphore m_ready;
    ServerLoop *m_loop = nullptr;  ///< Set before m_ready; valid until the thread has finished.
};

}  // namespace portcullis::smtp
