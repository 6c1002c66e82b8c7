// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/DeliveryManager.h"

#include "appliance/delivery/Worker.h"

#include <QtCore/QThread>

namespace portcullis::delivery {

namespace {

// After the bound the last commits and sockets need a moment, not more.
constexpr std::chrono::seconds stopGrace{5};

}  // namespace

struct DeliveryManager::Private {
    Private(spool::Spool &theSpool,
            MakeResolver make,
            std::shared_ptr<const DeliverySettings> theSettings,
            DeliveryObserver &theObserver,
            const Clock &theClock)
        : spool(theSpool)
        , makeResolver(std::move(make))
        , settings(std::move(theSettings))
        , observer(theObserver)
        , clock(theClock)
    {
    }

    spool::Spool &spool;
    MakeResolver makeResolver;
    std::shared_ptr<const DeliverySettings> settings;
    DeliveryObserver &observer;
    const Clock &clock;
    DeliveryCounters counters;
    QThread thread;
    Worker *worker = nullptr;  ///< Lives and dies in `thread`.

    template<typename Function>
    void inThread(Function function)
    {
        if (worker != nullptr) {
            QMetaObject::invokeMethod(worker, std::move(function), Qt::QueuedConnection);
        }
    }
};

DeliveryManager::DeliveryManager(spool::Spool &spool,
                                 MakeResolver makeResolver,
                                 std::shared_ptr<const DeliverySettings> settings,
                                 DeliveryObserver &observer,
                                 const Clock &clock)
    : d(std::make_unique<Private>(spool,
                                  std::move(makeResolver),
                                  std::move(settings),
                                  observer,
                                  clock))
{
    d->thread.setObjectName(QStringLiteral("delivery"));
}

DeliveryManager::~DeliveryManager()
{
    stop();
}

void DeliveryManager::start()
{
    Q_ASSERT(d->worker == nullptr);
    d->thread.start();
    // The worker is made in its thread, because its timers and its resolver belong there.
    auto *context = new QObject;
    context->moveToThread(&d->thread);
    QMetaObject::invokeMethod(
        context,
        [this, context] {
            d->worker = new Worker(d->spool, d->makeResolver(), d->settings, d->observer, d->clock,
                                   d->counters);
            QObject::connect(&d->thread, &QThread::finished, d->worker, &QObject::deleteLater);
            // Direct: whoever waits in stop() has no event loop running.
            QObject::connect(d->worker, &Worker::stopped, &d->thread, &QThread::quit,
                             Qt::DirectConnection);
            d->worker->start();
            context->deleteLater();
        },
        Qt::BlockingQueuedConnection);
}

void DeliveryManager::stop(std::chrono::milliseconds bound)
{
    if (d->worker == nullptr) {
        return;
    }
    d->inThread([worker = d->worker, bound] { worker->stop(bound); });
    if (!d->thread.wait(QDeadlineTimer(bound + stopGrace))) {
        d->thread.quit();
        d->thread.wait();
    }
    d->worker = nullptr;
}

void DeliveryManager::setSettings(std::shared_ptr<const DeliverySettings> settings)
{
    d->inThread([worker = d->worker, settings = std::move(settings)]() mutable {
        worker->setSettings(std::move(settings));
    });
}

void DeliveryManager::flushAll()
{
    d->inThread([worker = d->worker] { worker->flush({}); });
}

void DeliveryManager::flushDomain(const QByteArray &domain)
{
    d->inThread([worker = d->worker, domain] { worker->flush(domain); });
}

void DeliveryManager::flushMessage(const QByteArray &queueId)
{
    d->inThread([worker = d->worker, queueId] { worker->flushMessage(queueId); });
}

DeliveryStatistics DeliveryManager::statistics() const
{
    const DeliveryCounters &counters = d->counters;
    return {counters.active,           counters.connections, counters.destinations,
            counters.deadDestinations, counters.delivered,   counters.deferred,
            counters.bounced,          counters.expired};
}

}  // namespace portcullis::delivery
