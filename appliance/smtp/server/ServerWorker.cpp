// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/ServerWorker.h"

#include <utility>

namespace portcullis::smtp {

namespace {

/// How late a deadline may be noticed: one look at all sessions costs less than a timer for each.
constexpr auto tickInterval = std::chrono::milliseconds(250);

}  // namespace

ServerLoop::ServerLoop(HandlerContext &context, const Clock &clock)
    : m_context(context)
    , m_buffer(std::make_unique<ReadBuffer>())
    , m_clock(clock)
{
    connect(&m_tick, &QTimer::timeout, this, &ServerLoop::checkDeadlines);
    m_tick.start(tickInterval);
}

ServerLoop::~ServerLoop()
{
    cutAll();
}

void ServerLoop::listen(const std::shared_ptr<ListenerState> &state, int descriptor)
{
    m_listeners.push_back(std::make_unique<Listener>(
        state, descriptor, [this](const std::shared_ptr<ListenerState> &accepted, int socket) {
            accept(accepted, socket);
        }));
}

void ServerLoop::accept(const std::shared_ptr<ListenerState> &state, int descriptor)
{
    auto *session = new Session(state, descriptor, m_context, *m_buffer, m_clock, this);
    m_sessions.insert(session);
    connect(session, &Session::finished, this, &ServerLoop::remove);
}

void ServerLoop::remove(Session *session)
{
    if (m_sessions.erase(session) > 0) {
        session->deleteLater();
        quitIfDone();
    }
}

void ServerLoop::checkDeadlines()
{
    // A session that ends leaves the set while we look.
    const std::vector<Session *> sessions(m_sessions.begin(), m_sessions.end());
    for (Session *session : sessions) {
        session->checkDeadlines();
    }
}

void ServerLoop::stop(std::chrono::milliseconds grace)
{
    m_isStopping = true;
    m_listeners.clear();
    const std::vector<Session *> sessions(m_sessions.begin(), m_sessions.end());
    for (Session *session : sessions) {
        session->shutDown();
    }
    QTimer::singleShot(grace, this, &ServerLoop::cutAll);
    quitIfDone();
}

void ServerLoop::cutAll()
{
    const std::vector<Session *> sessions(m_sessions.begin(), m_sessions.end());
    for (Session *session : sessions) {
        session->cut("server stopped");
    }
}

void ServerLoop::quitIfDone()
{
    if (m_isStopping && m_sessions.empty()) {
        QThread::currentThread()->quit();
    }
}

ServerWorker::ServerWorker(std::vector<std::shared_ptr<ListenerState>> listeners,
                           std::vector<int> descriptors,
                           std::shared_ptr<HandlerFactory> factory,
                           const Clock &clock)
    : m_listeners(std::move(listeners))
    , m_descriptors(std::move(descriptors))
    , m_factory(std::move(factory))
    , m_clock(clock)
{
    setObjectName(QStringLiteral("smtp-server"));
}

void ServerWorker::startAndWait()
{
    start();
    m_ready.acquire();
}

void ServerWorker::requestStop(std::chrono::milliseconds grace)
{
    if (!isFinished()) {
        QMetaObject::invokeMethod(
            m_loop, [loop = m_loop, grace] { loop->stop(grace); }, Qt::QueuedConnection);
    }
}

void ServerWorker::run()
{
    const auto context = m_factory->createContext();
    ServerLoop loop(*context, m_clock);
    for (size_t i = 0; i < m_listeners.size(); ++i) {
        loop.listen(m_listeners[i], m_descriptors[i]);
    }
    m_loop = &loop;
    m_ready.release();
    exec();
}

}  // namespace portcullis::smtp
