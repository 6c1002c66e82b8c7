// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/ResolverService.h"

#include <QtCore/QMetaObject>
#include <QtCore/QThread>

#include <functional>
#include <memory>

namespace portcullis::test {

/// A ResolverService on a thread of its own, since its client blocks.
class ServiceThread
{
public:
    using MakeResolver = std::function<std::unique_ptr<Resolver>()>;

    ServiceThread(QString path, MakeResolver makeResolver, ResolverServiceLimits limits = {})
        : m_path(std::move(path))
        , m_makeResolver(std::move(makeResolver))
        , m_limits(limits)
    {
        m_home.moveToThread(&m_thread);
        m_thread.start();
    }
    ~ServiceThread()
    {
        stop();
        m_thread.quit();
        m_thread.wait();
    }
    Q_DISABLE_COPY_MOVE(ServiceThread)

    bool start()
    {
        bool isListening = false;
        run([&] {
            m_service = std::make_unique<ResolverService>(m_makeResolver(), m_limits);
            isListening = m_service->listen(m_path).has_value();
        });
        return isListening;
    }
    /// As when the process dies: the connections end, and the socket's file stays or goes.
    void stop()
    {
        run([&] { m_service.reset(); });
    }
    void changeResolver()
    {
        run([&] { m_service->setResolver(m_makeResolver()); });
    }

private:
    void run(const std::function<void()> &function)
    {
        QMetaObject::invokeMethod(&m_home, function, Qt::BlockingQueuedConnection);
    }

    QString m_path;
    MakeResolver m_makeResolver;
    ResolverServiceLimits m_limits;
    QThread m_thread;
    QObject m_home;
    std::unique_ptr<ResolverService> m_service;
};

}  // namespace portcullis::test
