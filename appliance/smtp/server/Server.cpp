// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/Server.h"

#include "appliance/smtp/server/Listener.h"
#include "appliance/smtp/server/ServerWorker.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

namespace portcullis::smtp {

namespace {

constexpr int mostThreads = 64;

int threadCount(const ServerSettings &settings)
{
    constexpr int mostByDefault = 4;
    return settings.threads > 0 ? settings.threads
                                : std::clamp(QThread::idealThreadCount(), 1, mostByDefault);
}

Status checked(const ServerSettings &settings)
{
    std::set<QByteArray> names;
    for (const ListenerSettings &listener : settings.listeners) {
        if (!names.insert(listener.name).second) {
            return Error::permanent("smtp.settings", QStringLiteral("two listeners named ")
                                                         + QString::fromUtf8(listener.name));
        }
    }
    if (settings.threads < 0 || settings.threads > mostThreads) {
        return Error::permanent("smtp.settings", QStringLiteral("threads: not in 0 … 64"));
    }
    return ok();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(std::shared_ptr<const ServerSettings> settings,
                                              std::shared_ptr<HandlerFactory> factory,
                                              const Clock &clock)
{
    TRY(checked(*settings));
    std::unique_ptr<Server> server(new Server(std::move(settings), std::move(factory)));
    TRY(server->bindAll());
    server->startThreads(clock);
    return server;
}

Server::Server(std::shared_ptr<const ServerSettings> settings,
               std::shared_ptr<HandlerFactory> factory)
    : m_settings(std::move(settings))
    , m_factory(std::move(factory))
{
}

Server::~Server()
{
    stop();
    for (const auto &descriptors : m_descriptors) {
        for (const int descriptor : descriptors) {
            ::close(descriptor);
        }
    }
}

Status Server::bindAll()
{
    const int threads = threadCount(*m_settings);
    m_descriptors.resize(static_cast<size_t>(threads));
    for (const ListenerSettings &listener : m_settings->listeners) {
        auto state = std::make_shared<ListenerState>(ListenerConfig::from(*m_settings, listener));
        state->port = listener.port;
        const std::vector<int> bound = TRY(bindReusable(listener.address, state->port, threads));
        for (size_t thread = 0; thread < bound.size(); ++thread) {
            m_descriptors[thread].push_back(bound[thread]);
        }
        m_listeners.push_back(std::move(state));
    }
    return ok();
}

void Server::startThreads(const Clock &clock)
{
    for (auto &descriptors : std::exchange(m_descriptors, {})) {
        auto worker = std::make_unique<ServerWorker>(m_listeners, std::move(descriptors), m_factory,
                                                     clock);
        connect(worker.get(), &QThread::finished, this, [this] {
            if (--m_runningWorkers == 0) {
                Q_EMIT stopped();
            }
        });
        ++m_runningWorkers;
        worker->startAndWait();
        m_workers.push_back(std::move(worker));
    }
}

void Server::apply(std::shared_ptr<const ServerSettings> settings)
{
    m_settings = std::move(settings);
    for (const ListenerSettings &listener : m_settings->listeners) {
        for (const auto &state : m_listeners) {
            if (state->config()->settings.name == listener.name) {
                state->setConfig(ListenerConfig::from(*m_settings, listener));
            }
        }
    }
}

quint16 Server::port(const QByteArray &listenerName) const
{
    for (const auto &state : m_listeners) {
        if (state->config()->settings.name == listenerName) {
            return state->port;
        }
    }
    return 0;
}

int Server::sessionCount() const
{
    int count = 0;
    for (const auto &state : m_listeners) {
        count += state->connections.load();
    }
    return count;
}

void Server::requestStop()
{
    if (std::exchange(m_isStopping, true)) {
        return;
    }
    for (const auto &worker : m_workers) {
        worker->requestStop(m_settings->shutdownGrace);
    }
}

void Server::stop()
{
    requestStop();
    for (const auto &worker : m_workers) {
        worker->wait();
    }
}

}  // namespace portcullis::smtp
