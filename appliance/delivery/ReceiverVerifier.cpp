// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ReceiverVerifier.h"

#include "appliance/base/Log.h"
#include "appliance/delivery/ChecksummedFile.h"
#include "appliance/delivery/ReceiverProber.h"
#include "appliance/delivery/Route.h"
#include "appliance/spool/Mailbox.h"

#include <QtCore/QThread>

namespace portcullis::delivery {

namespace {

constexpr qint64 largestReceiverFile = 4LL * 1024 * 1024 * 1024;

/// Carries an answer to the thread that asked.
ReceiverProber::Answer answerIn(QObject *context, policy::ReceiverCheck::Callback done)
{
    return [mailbox = spool::Mailbox::ofThisThread(), guard = QPointer<QObject>(context),
            done = std::move(done)](const policy::ReceiverState &state) {
        mailbox->post(guard, [done, state] { done(state); });
    };
}

}  // namespace

struct ReceiverVerifier::Private {
    Private(MakeResolver make,
            std::shared_ptr<const DeliverySettings> theSettings,
            const Clock &theClock)
        : makeResolver(std::move(make))
        , settings(std::move(theSettings))
        , clock(theClock)
        , shared(std::make_shared<ReceiverShared>(settings->receivers))
    {
        thread.setObjectName(QStringLiteral("receivers"));
    }

    [[nodiscard]] std::shared_ptr<const DeliverySettings> currentSettings() const
    {
        const std::scoped_lock lock(mutex);
        return settings;
    }
    /// Runs in the prober's thread; false: there is none.
    bool post(std::function<void(ReceiverProber &)> function)
    {
        const std::scoped_lock lock(mutex);
        if (prober == nullptr) {
            return false;
        }
        // The prober is deleted in its thread and after it was taken from us.
        QMetaObject::invokeMethod(
            prober, [target = prober, function = std::move(function)] { function(*target); },
            Qt::QueuedConnection);
        return true;
    }
    void readFile();

    MakeResolver makeResolver;
    mutable std::mutex mutex;
    std::shared_ptr<const DeliverySettings> settings;  ///< Under `mutex`.
    ReceiverProber *prober = nullptr;                  ///< Likewise; lives in `thread`.
    const Clock &clock;
    std::shared_ptr<ReceiverShared> shared;
    QThread thread;
};

void ReceiverVerifier::Private::readFile()
{
    const QString file = currentSettings()->receiverFile;
    if (file.isEmpty()) {
        return;
    }
    const auto bytes = readChecksummed(file, largestReceiverFile);
    const std::scoped_lock lock(shared->mutex);
    if (bytes.has_value() && (bytes->isEmpty() || shared->cache.readBytes(*bytes))) {
        return;
    }
    // Nothing is lost but answers that the next hops give again.
    log::write(log::Severity::Warning, "delivery.receivers-unreadable", {},
               {{"reason", bytes.has_value() ? QByteArray("the file is of another release")
                                             : bytes.error().toString().toUtf8()}});
}

ReceiverVerifier::ReceiverVerifier(MakeResolver makeResolver,
                                   std::shared_ptr<const DeliverySettings> settings,
                                   const Clock &clock)
    : d(std::make_unique<Private>(std::move(makeResolver), std::move(settings), clock))
{
}

ReceiverVerifier::~ReceiverVerifier()
{
    stop();
}

void ReceiverVerifier::start()
{
    Q_ASSERT(!d->thread.isRunning());
    d->readFile();
    d->thread.start();
    // The prober is made in its thread, because its timers and its resolver belong there.
    auto *context = new QObject;
    context->moveToThread(&d->thread);
    QMetaObject::invokeMethod(
        context,
        [this, context] {
            auto *prober = new ReceiverProber(d->makeResolver(), d->currentSettings(), d->shared,
                                              d->clock);
            QObject::connect(&d->thread, &QThread::finished, prober, &QObject::deleteLater);
            const std::scoped_lock lock(d->mutex);
            d->prober = prober;
            context->deleteLater();
        },
        Qt::BlockingQueuedConnection);
}

void ReceiverVerifier::stop()
{
    // Behind what was posted before, so that everybody gets an answer.
    d->post([thread = &d->thread](ReceiverProber &) { thread->quit(); });
    {
        const std::scoped_lock lock(d->mutex);
        d->prober = nullptr;
    }
    d->thread.wait();
}

void ReceiverVerifier::setSettings(std::shared_ptr<const DeliverySettings> settings)
{
    {
        const std::scoped_lock lock(d->mutex);
        d->settings = settings;
    }
    {
        const std::scoped_lock lock(d->shared->mutex);
        d->shared->cache.setLimits(settings->receivers);
    }
    d->post(
        [settings = std::move(settings)](ReceiverProber &prober) { prober.setSettings(settings); });
}

void ReceiverVerifier::verify(const mail::Address &recipient, QObject *context, Callback done)
{
    ++d->shared->questions;
    const ReceiverProber::Answer answer = answerIn(context, std::move(done));
    const Route route = routeFor(*d->currentSettings()->config, recipient);
    std::optional<ReceiverCache::Answer> known;
    {
        const std::scoped_lock lock(d->shared->mutex);
        known = d->shared->cache.find(recipient.key(), route.key(), d->clock.wall());
    }
    if (known) {
        ++d->shared->cacheHits;
        answer(known->state);
    }
    if (known && !known->isStale) {
        return;
    }
    const bool isPosted = d->post(
        [recipient, route, waiting = known ? ReceiverProber::Answer() : answer](
            ReceiverProber &prober) { prober.ask(recipient, route, waiting); });
    if (!isPosted && !known) {
        answer({policy::ReceiverState::Kind::Undecided, "receivers are not being verified now"});
    }
}

void ReceiverVerifier::flush()
{
    const std::scoped_lock lock(d->shared->mutex);
    d->shared->cache.clear();
}

ReceiverStatistics ReceiverVerifier::statistics() const
{
    const std::scoped_lock lock(d->shared->mutex);
    return {d->shared->questions,   d->shared->cacheHits, d->shared->probes,
            d->shared->connections, d->shared->pending,   d->shared->cache.size()};
}

}  // namespace portcullis::delivery
