// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Spool.h"

#include "appliance/base/Log.h"
#include "appliance/spool/Committer.h"
#include "appliance/spool/Mailbox.h"
#include "appliance/spool/Preparation.h"
#include "appliance/spool/Recovery.h"

#include <QtCore/QThread>

#include <condition_variable>
#include <numeric>
#include <thread>

namespace portcullis::spool {

/// One subscriber and what it has not seen yet.
struct Feed {
    StageFlags stages;
    std::shared_ptr<Mailbox> mailbox;
    QPointer<QObject> context;
    Spool::Notify notify;
    std::atomic<bool> isGone{false};

    std::mutex mutex;  ///< Guards what follows.
    ChangeSet pending;
    bool isPosted = false;
};

/// Who wants to know that the storage has failed.
struct FailureHandler {
    std::shared_ptr<Mailbox> mailbox;
    QPointer<QObject> context;
    std::function<void(const Error &)> handler;
};

namespace {

constexpr size_t maxPendingChanges = 10'000;  ///< A subscriber that lags further pages again.
constexpr qint64 roomCheckMicros = 1'000'000;

qint64 microsOf(Clock::WallTime time)
{
    return time.time_since_epoch().count();
}

StageFlag flagOf(Stage stage)
{
    return static_cast<StageFlag>(1 << static_cast<int>(stage));
}

bool concerns(const Feed &feed, const Change &change)
{
    return feed.stages.testFlag(flagOf(change.entry.stage))
           || (change.previousStage && feed.stages.testFlag(flagOf(*change.previousStage)));
}

void deliverFeed(const std::shared_ptr<Feed> &feed)
{
    ChangeSet set;
    {
        const std::scoped_lock lock(feed->mutex);
        set = std::exchange(feed->pending, {});
        feed->isPosted = false;
    }
    feed->notify(set);
}

/// With feed->mutex held.
void postFeed(const std::shared_ptr<Feed> &feed)
{
    const bool isEmpty = feed->pending.changes.empty() && !feed->pending.isResync;
    if (!isEmpty && !feed->isPosted) {
        feed->isPosted = true;
        feed->mailbox->post(feed->context, [feed] { deliverFeed(feed); });
    }
}

Status checkSettings(const SpoolSettings &settings)
{
    const bool isSound = settings.segmentBytes >= 64 * 1024
                         && settings.segmentBytes <= 1024LL * 1024 * 1024
                         && settings.maxPendingTransactions >= 1 && settings.maxBatchBytes >= 1
                         && settings.compactBelowPercent >= 0 && settings.compactBelowPercent <= 90
                         && !settings.folder.isEmpty()
                         && settings.maxTransactionBytes <= 2048LL * 1024 * 1024;
    return isSound ? ok()
                   : Status(Error::permanent("spool.invalid",
                                             QStringLiteral("settings out of their ranges")));
}

}  // namespace

struct Spool::Private {
    Private(const SpoolSettings &given, const Clock &wallClock, std::unique_ptr<Folder> opened)
        : settings(given)
        , clock(wallClock)
        , folder(std::move(opened))
        , cache(settings.cacheBytes, settings.cacheEntryBytes)
        , store(index, cache)
        , preparation(settings)
    {
    }
    ~Private()
    {
        isStopping = true;
        if (recovery.joinable()) {
            recovery.join();
        }
        committer.reset();
    }
    Q_DISABLE_COPY_MOVE(Private)

    void recover(const std::vector<std::shared_ptr<SegmentFile>> &segments);
    void publish(const std::vector<Change> &changes);
    void resync();
    void checkRoom();
    [[nodiscard]] qint64 monotonicMicros() const;
    void tellFailure(const Error &error);
    void holdDamaged(quint64 number, const Error &error);
    [[nodiscard]] Result<Entry> load(const QByteArray &id, EntryStore::Parts parts);
    std::vector<std::shared_ptr<Feed>> livingFeeds();

    SpoolSettings settings;
    const Clock &clock;
    std::unique_ptr<Folder> folder;
    Index index;
    EntryCache cache;
    EntryStore store;
    Preparation preparation;
    std::atomic<bool> isStopping{false};
    std::atomic<bool> isRecovering{true};
    std::atomic<quint64> lastIssuedId{0};
    std::atomic<qint64> roomCheckedAt{0};
    std::atomic<qint64> roomBytes{0};
    std::atomic<bool> roomHasInodes{true};

    std::mutex mutex;  ///< Guards what follows.
    std::condition_variable recovered;
    std::vector<std::shared_ptr<Feed>> feeds;
    std::vector<FailureHandler> failureHandlers;
    std::optional<Error> failure;
    std::atomic<bool> hasFeeds{false};

    std::unique_ptr<Committer> committer;
    std::thread recovery;
};

std::vector<std::shared_ptr<Feed>> Spool::Private::livingFeeds()
{
    const std::scoped_lock lock(mutex);
    std::erase_if(feeds, [](const auto &feed) { return feed->isGone.load(); });
    hasFeeds = !feeds.empty();
    return feeds;
}

void Spool::Private::checkRoom()
{
    const Folder::Room room = folder->room();
    roomBytes = std::max<qint64>(0, room.bytes - settings.minFreeBytes);
    roomHasInodes = room.hasInodes;
}

qint64 Spool::Private::monotonicMicros() const
{
    const auto sinceStart = clock.monotonic().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(sinceStart).count();
}

void Spool::Private::publish(const std::vector<Change> &changes)
{
    for (const auto &feed : livingFeeds()) {
        const std::scoped_lock lock(feed->mutex);
        for (const Change &change : changes) {
            if (!feed->pending.isResync && concerns(*feed, change)) {
                feed->pending.changes.push_back(change);
            }
        }
        if (feed->pending.changes.size() > maxPendingChanges) {
            feed->pending.changes.clear();
            feed->pending.isResync = true;
        }
        postFeed(feed);
    }
}

void Spool::Private::resync()
{
    for (const auto &feed : livingFeeds()) {
        const std::scoped_lock lock(feed->mutex);
        feed->pending.changes.clear();
        feed->pending.isResync = true;
        postFeed(feed);
    }
}

void Spool::Private::tellFailure(const Error &error)
{
    const std::scoped_lock lock(mutex);
    failure = error;
    for (const FailureHandler &one : failureHandlers) {
        one.mailbox->post(one.context, [handler = one.handler, error] { handler(error); });
    }
}

void Spool::Private::recover(const std::vector<std::shared_ptr<SegmentFile>> &segments)
{
    Recovery(*folder, index, settings.isReadOnly).run(segments, isStopping);
    SpoolStatistics counts;
    index.count(counts);
    log::write(log::Severity::Info, "spool.recovered", {},
               {{"segments", QByteArray::number(static_cast<qint64>(segments.size()))},
                {"entries", QByteArray::number(std::accumulate(counts.entries.begin(),
                                                               counts.entries.end(), qint64(0)))},
                {"damages", QByteArray::number(static_cast<qint64>(folder->damages().size()))}});
    {
        const std::scoped_lock lock(mutex);
        isRecovering = false;
    }
    recovered.notify_all();
    if (committer) {
        committer->wake();
    }
    resync();
}

void Spool::Private::holdDamaged(quint64 number, const Error &error)
{
    const auto record = index.find(number);
    if (!record || record->stage == Stage::Held || !committer) {
        return;
    }
    const auto file = index.segment(record->contentSegment);
    if (file) {
        Damage damage;
        damage.file = QStringLiteral("%1.seg").arg(record->contentSegment, 10, 10,
                                                   QLatin1Char('0'));
        damage.offset = static_cast<qint64>(record->contentOffset);
        damage.length = record->contentLength;
        damage.reason = error.detail;
        damage.queueId = queueIdOf(number);
        folder->setAside(*file, std::move(damage));
    }
    // Held, so that it is neither tried for ever nor lost from sight.
    Transaction hold;
    hold.hold(queueIdOf(number), "damaged on disk; what was left of it is in corrupt/");
    auto prepared = preparation.prepare(std::move(hold));
    if (prepared) {
        committer->submit(std::move(*prepared), Durability::Lazy, [](const Status &) {});
    }
}

Result<Entry> Spool::Private::load(const QByteArray &id, EntryStore::Parts parts)
{
    const auto number = numberOf(id);
    if (!number) {
        return Error::permanent("spool.unknown-entry", QStringLiteral("no queue id of ours"));
    }
    auto entry = store.load(*number, parts);
    if (entry) {
        Entry copy = **entry;
        if (parts == EntryStore::Parts::Metadata) {
            copy.content = {};
        }
        return copy;
    }
    if (entry.error().id == "spool.damaged") {
        holdDamaged(*number, entry.error());
    }
    if (entry.error().id == "spool.unknown-entry" && isRecovering) {
        return Error::transient("spool.recovering", entry.error().detail);
    }
    return entry.error();
}

Spool::Spool(std::unique_ptr<Private> parts)
    : d(std::move(parts))
{
}

Spool::~Spool() = default;

Result<std::unique_ptr<Spool>> Spool::open(const SpoolSettings &settings, const Clock &clock)
{
    TRY(checkSettings(settings));
    auto folder = TRY(Folder::open(settings));
    auto segments = TRY(folder->openSegments());
    auto parts = std::make_unique<Private>(settings, clock, std::move(folder));
    Private &d = *parts;
    d.lastIssuedId = d.folder->reservedIds();
    d.roomCheckedAt = d.monotonicMicros();
    d.checkRoom();
    for (const auto &segment : segments) {
        d.index.addSegment(segment, true);
    }
    if (settings.isReadOnly) {
        d.recover(segments);
        return std::unique_ptr<Spool>(new Spool(std::move(parts)));
    }
    Committer::Listener listener;
    listener.wantsChanges = [&d] { return d.hasFeeds.load(); };
    listener.changed = [&d](const std::vector<Change> &changes) { d.publish(changes); };
    listener.failed = [&d](const Error &error) { d.tellFailure(error); };
    d.committer = std::make_unique<Committer>(Committer::Parts{*d.folder, d.index, d.cache, d.store,
                                                               d.settings, d.isRecovering,
                                                               d.lastIssuedId},
                                              std::move(listener));
    if (segments.empty()) {
        d.isRecovering = false;
    } else {
        d.recovery = std::thread([&d, segments = std::move(segments)] { d.recover(segments); });
    }
    return std::unique_ptr<Spool>(new Spool(std::move(parts)));
}

QByteArray Spool::nextQueueId()
{
    const auto now = static_cast<quint64>(microsOf(d->clock.wall()));
    quint64 last = d->lastIssuedId;
    quint64 next = 0;
    do {
        next = std::max(now, last + 1);
    } while (!d->lastIssuedId.compare_exchange_weak(last, next));
    return queueIdOf(next);
}

bool Spool::hasRoomFor(qint64 bytes) const
{
    if (!d->committer || d->committer->hasFailed()) {
        return false;
    }
    const qint64 now = d->monotonicMicros();
    qint64 checked = d->roomCheckedAt;
    const bool isStale = now - checked >= roomCheckMicros || checked > now;
    // One caller looks again; the others go by the last answer meanwhile.
    if (isStale && d->roomCheckedAt.compare_exchange_strong(checked, now)) {
        d->checkRoom();
    }
    // What is left in the segment does not count: on its way there a message lies in scratch files.
    return d->roomHasInodes && bytes + bytes / 2 <= d->roomBytes;
}

void Spool::commit(Transaction transaction, Durability durability, QObject *context, Callback done)
{
    Q_ASSERT(context != nullptr && context->thread() == QThread::currentThread());
    auto answer = [mailbox = Mailbox::ofThisThread(), guard = QPointer<QObject>(context),
                   done = std::move(done)](const Status &status) {
        mailbox->post(guard, [done, status] { done(status); });
    };
    if (!d->committer) {
        answer(Error::permanent("spool.read-only", QStringLiteral("opened for reading only")));
        return;
    }
    auto prepared = d->preparation.prepare(std::move(transaction));
    if (!prepared) {
        answer(prepared.error());
        return;
    }
    d->committer->submit(std::move(*prepared), durability, std::move(answer));
}

Status Spool::commitAndWait(Transaction transaction, Durability durability)
{
    if (!d->committer) {
        return Error::permanent("spool.read-only", QStringLiteral("opened for reading only"));
    }
    Prepared prepared = TRY(d->preparation.prepare(std::move(transaction)));
    std::mutex mutex;
    std::condition_variable isAnswered;
    std::optional<Status> answer;
    d->committer->submit(std::move(prepared), durability, [&](const Status &status) {
        const std::scoped_lock lock(mutex);
        answer = status;
        isAnswered.notify_one();  // Under the lock: the waiting function owns all three.
    });
    std::unique_lock lock(mutex);
    isAnswered.wait(lock, [&] { return answer.has_value(); });
    return *answer;
}

Result<Entry> Spool::load(const QByteArray &id) const
{
    return d->load(id, EntryStore::Parts::All);
}

Result<Entry> Spool::loadMetadata(const QByteArray &id) const
{
    return d->load(id, EntryStore::Parts::Metadata);
}

std::optional<EntrySummary> Spool::summary(const QByteArray &id) const
{
    const auto number = numberOf(id);
    return number ? d->index.summary(*number) : std::nullopt;
}

void Spool::subscribe(StageFlags stages, QObject *context, Notify notify)
{
    Q_ASSERT(context != nullptr && context->thread() == QThread::currentThread());
    auto feed = std::make_shared<Feed>();
    feed->stages = stages;
    feed->mailbox = Mailbox::ofThisThread();
    feed->context = context;
    feed->notify = std::move(notify);
    QObject::connect(context, &QObject::destroyed, [feed] { feed->isGone = true; });
    const std::scoped_lock lock(d->mutex);
    d->feeds.push_back(std::move(feed));
    d->hasFeeds = true;
}

Page Spool::list(Stage stage,
                 const Cursor &after,
                 int limit,
                 std::optional<Clock::WallTime> dueUntil) const
{
    return d->index.list(stage, after, limit,
                         dueUntil ? std::optional(microsOf(*dueUntil)) : std::nullopt);
}

bool Spool::isRecovering() const
{
    return d->isRecovering;
}

void Spool::waitForRecovery() const
{
    std::unique_lock lock(d->mutex);
    d->recovered.wait(lock, [this] { return !d->isRecovering; });
}

SpoolStatistics Spool::statistics() const
{
    SpoolStatistics statistics;
    d->index.count(statistics);
    if (d->committer) {
        statistics.transactions = d->committer->transactions();
        statistics.flushes = d->committer->flushes();
    }
    statistics.damages = static_cast<qint64>(d->folder->damages().size());
    statistics.isRecovering = d->isRecovering;
    return statistics;
}

std::vector<ShapeRow> Spool::shape(Stage stage, int maxRows) const
{
    return d->index.shape(stage, microsOf(d->clock.wall()), maxRows);
}

std::vector<Damage> Spool::damages() const
{
    return d->folder->damages();
}

void Spool::onFailure(QObject *context, std::function<void(const Error &)> failed)
{
    Q_ASSERT(context != nullptr && context->thread() == QThread::currentThread());
    FailureHandler handler{Mailbox::ofThisThread(), context, std::move(failed)};
    const std::scoped_lock lock(d->mutex);
    if (d->failure) {
        handler.mailbox->post(handler.context,
                              [call = handler.handler, error = *d->failure] { call(error); });
    }
    d->failureHandlers.push_back(std::move(handler));
}

}  // namespace portcullis::spool
