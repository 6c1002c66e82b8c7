// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/AllowListWatch.h"

#include "appliance/base/Log.h"
#include "appliance/rules/RulesCache.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace portcullis::rules {

struct AllowListWatch::Private {
    explicit Private(const QString &file)
        : cache(file)
    {
    }

    void look();
    void run(std::chrono::milliseconds interval);

    /// @name Of the watch's thread, once it runs
    /// @{
    RulesCache cache;
    std::optional<RulesCache::Stamp> stamp;
    bool isUnusable = false;  ///< As logged.
    /// @}
    std::thread thread;

    mutable std::mutex mutex;  ///< For what follows.
    std::condition_variable woken;
    std::shared_ptr<const SmtpAllowList> list = std::make_shared<SmtpAllowList>();
    bool isStopping = false;
};

void AllowListWatch::Private::look()
{
    const auto now = cache.stamp();
    if (now == stamp) {
        return;
    }
    // Remembered also when it fails: a bad file is read once, not four times a second.
    stamp = now;
    auto loaded = [this]() -> Result<std::shared_ptr<const SmtpAllowList>> {
        const StoredDocument stored = TRY(cache.read());
        return SmtpAllowList::compile(TRY(RuleDocument::fromTrustedJson(stored.json)));
    }();
    if (!loaded) {
        if (!std::exchange(isUnusable, true)) {
            log::write(log::Severity::Error, "allowlist.cache-unusable", {},
                       {{"reason", loaded.error().toString().toUtf8()}});
        }
        return;
    }
    isUnusable = false;
    log::write(log::Severity::Info, "allowlist.loaded", {},
               {{"entries", QByteArray::number(qulonglong{(*loaded)->size()})}});
    const std::scoped_lock lock(mutex);
    list = loaded.take();
}

void AllowListWatch::Private::run(std::chrono::milliseconds interval)
{
    std::unique_lock lock(mutex);
    while (!woken.wait_for(lock, interval, [this] { return isStopping; })) {
        lock.unlock();
        look();
        lock.lock();
    }
}

AllowListWatch::AllowListWatch(const QString &rulesCacheFile, std::chrono::milliseconds interval)
    : d(std::make_unique<Private>(rulesCacheFile))
{
    d->look();
    d->thread = std::thread([this, interval] { d->run(interval); });
}

AllowListWatch::~AllowListWatch()
{
    {
        const std::scoped_lock lock(d->mutex);
        d->isStopping = true;
    }
    d->woken.notify_all();
    d->thread.join();
}

std::shared_ptr<const SmtpAllowList> AllowListWatch::current() const
{
    const std::scoped_lock lock(d->mutex);
    return d->list;
}

}  // namespace portcullis::rules
