// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Entry.h"
#include "appliance/spool/Transaction.h"
#include "shared/base/Clock.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QFlags>
#include <QtCore/QObject>
#include <QtCore/QString>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace portcullis::spool {

/// Where the queue lies and how much it may take.
struct SpoolSettings {
    QString folder;                          ///< Paths::queue(); made if missing, mode 0700.
    qint64 segmentBytes = 64 * 1024 * 1024;  ///< Range 64 KiB … 1 GiB. One log file.
    qint64 cacheBytes = 64 * 1024 * 1024;    ///< Range 0 … 4 GiB. Entries kept for delivery.
    qint64 cacheEntryBytes = 1024 * 1024;    ///< Range 0 … 64 MiB. Larger ones are read back.
    std::chrono::milliseconds lazyFlush{50};  ///< Range 1 ms … 1 s. Durability::Lazy at the latest.
    int maxPendingTransactions = 10'000;      ///< Range 1 … 1 M. More: `spool.busy`.
    qint64 maxBatchBytes = 16 * 1024 * 1024;  ///< Range 1 … 256 MiB. One write and flush.
    qint64 maxTransactionBytes = 1024LL * 1024 * 1024;  ///< Range 1 MiB … 2 GiB: `spool.too-large`.
    int compactBelowPercent = 25;                       ///< Range 0 … 90. Share of live bytes.
    qint64 compactStepBytes = 1024 * 1024;   ///< Range 64 KiB … 64 MiB. Moved between batches.
    qint64 minFreeBytes = 16 * 1024 * 1024;  ///< Range 0 … 64 GiB. Below: no new messages.
    qint64 maxSetAsideBytes = 1024LL * 1024 * 1024;  ///< Range 0 … 64 GiB. corrupt/ in all.
    bool isReadOnly = false;  ///< Look without lock and without writing (pmgqueue, fallback).
};

enum class Durability {
    Flushed,  ///< Answered after fdatasync: survives a power cut.
    Lazy      ///< Answered after write: survives kill -9; durable with the next flush.
};

/// One change of the queue, after it was committed.
struct Change {
    enum class Kind { Added, Changed, Removed };
    Kind kind = Kind::Added;
    std::optional<Stage> previousStage;  ///< Where it was; nothing for Added.
    EntrySummary entry;                  ///< As it is now; for Removed, as it was last.
};

/// What a subscriber is told: changes in order of commit, or that it must page through the stages
/// again, because recovery has ended or because it fell too far behind.
struct ChangeSet {
    bool isResync = false;
    std::vector<Change> changes;
};

enum class StageFlag : quint8 { Unfiltered = 1, Deliverable = 2, Quarantine = 4, Held = 8 };
Q_DECLARE_FLAGS(StageFlags, StageFlag)
Q_DECLARE_OPERATORS_FOR_FLAGS(StageFlags)

/// A place in a listing. Opaque; stays valid while the queue changes.
struct Cursor {
    qint64 due = std::numeric_limits<qint64>::min();
    quint64 number = 0;
};
struct Page {
    std::vector<EntrySummary> entries;
    Cursor next;          ///< Pass to the following call.
    bool isLast = false;  ///< Nothing came after this page when it was made.
};

/// Something found on disk that was not what had been written (F15).
struct Damage {
    QString file;  ///< Segment or foreign file, relative to the folder.
    qint64 offset = 0;
    qint64 length = 0;
    QString reason;
    QString savedAs;  ///< Copy below corrupt/, relative to the folder; empty if the cap is reached.
    QByteArray queueId;  ///< Where it is known which entry it hit.
};

struct SpoolStatistics {
    std::array<qint64, stageCount> entries{};
    std::array<qint64, stageCount> bytes{};  ///< Content bytes.
    qint64 segments = 0;
    qint64 diskBytes = 0;
    qint64 transactions = 0;  ///< Since start.
    qint64 flushes = 0;
    qint64 damages = 0;
    bool isRecovering = false;
};

/// Domain by age, as qshape(1) shows it. The domain of an entry is each domain that still waits.
struct ShapeRow {
    QByteArray domain;
    qint64 total = 0;
    static constexpr std::array<int, 9> ageMinutes{5, 10, 20, 40, 80, 160, 320, 640, 1280};
    std::array<qint64, 10> byAge{};  ///< Up to 5, 10, … 1280 minutes; the last: older.
};

/// The queue on disk: an append-only log of transactions with group commit.
///
/// One process owns a folder (lock file). All functions are thread-safe. Errors that commits and
/// loads give:
///  - `spool.full` (transient): disk, quota or inodes used up; callers answer 452 (RFC 5321 §4.2.3);
///  - `spool.busy` (transient): too many transactions wait; callers answer 451;
///  - `spool.storage` (transient): the storage failed. What an fsync that failed has written is
///    unknown and never asked again; the spool accepts nothing more and the process is to end, so
///    that recovery reads what is really there (see onFailure());
///  - `spool.unknown-entry` (permanent), `spool.recovering` (transient: not found *yet*);
///  - `spool.damaged` (permanent): the content of this entry is broken and was set aside;
///  - `spool.too-large`, `spool.invalid` (permanent): the transaction can never be stored.
class Spool
{
public:
    /// Takes the lock and starts; old entries are read in the background (isRecovering()), new ones
    /// are accepted at once. Errors: `spool.locked` (permanent; names the pid), `spool.storage`.
    /// `clock` must outlive the spool.
    static Result<std::unique_ptr<Spool>> open(const SpoolSettings &settings, const Clock &clock);

    /// Flushes what is pending and ends its threads. Callbacks that have not run yet do not run.
    ~Spool();
    Q_DISABLE_COPY_MOVE(Spool)

    /// A queue id never given before, by this or an earlier process on this folder: 13 or more upper
    /// case hexadecimal digits.
    [[nodiscard]] QByteArray nextQueueId();

    /// Whether a message of `bytes` bytes may be begun: at least 1.5 times that is free, and the
    /// spool is sound. Cheap (the answer is up to a second old). False: answer 452.
    [[nodiscard]] bool hasRoomFor(qint64 bytes) const;

    /// Stores the transaction: after recovery all of it or nothing is there. `done` runs once in the
    /// calling thread's event loop, and not at all after `context` is gone; `context` lives in the
    /// calling thread. A failed commit has changed nothing.
    using Callback = std::function<void(Status)>;
    void commit(Transaction transaction, Durability durability, QObject *context, Callback done);

    /// The same, waiting. Not for event-loop threads.
    Status commitAndWait(Transaction transaction, Durability durability = Durability::Flushed);

    /// The entry with its content, from memory or disk. Blocks for a read if it is not in memory.
    [[nodiscard]] Result<Entry> load(const QByteArray &id) const;
    /// Without the content (Entry::content is empty).
    [[nodiscard]] Result<Entry> loadMetadata(const QByteArray &id) const;
    [[nodiscard]] std::optional<EntrySummary> summary(const QByteArray &id) const;

    /// Calls `notify` in the calling thread's event loop for each change into, within or out of one
    /// of `stages`; until `context`, which lives in the calling thread, is gone. Entries already
    /// there are not reported: subscribe first, then page through list().
    using Notify = std::function<void(const ChangeSet &)>;
    void subscribe(StageFlags stages, QObject *context, Notify notify);

    /// Entries of a stage by rising nextAttempt, then by id; only those due at `dueUntil` if given.
    [[nodiscard]] Page list(Stage stage,
                            const Cursor &after = {},
                            int limit = 1000,
                            std::optional<Clock::WallTime> dueUntil = {}) const;

    [[nodiscard]] bool isRecovering() const;
    /// Waits until the entries of earlier processes are known. For tests and commands.
    void waitForRecovery() const;

    [[nodiscard]] SpoolStatistics statistics() const;
    /// One row a domain, the largest first, at most `maxRows`; the first row is "TOTAL".
    [[nodiscard]] std::vector<ShapeRow> shape(Stage stage, int maxRows = 1000) const;
    [[nodiscard]] std::vector<Damage> damages() const;

    /// Called once, in the calling thread's event loop, when the storage has failed (`spool.storage`):
    /// the process should stop accepting and end with an error, so that it is started anew (F4).
    void onFailure(QObject *context, std::function<void(const Error &)> failed);

private:
    struct Private;
    explicit Spool(std::unique_ptr<Private> d);
    std::unique_ptr<Private> d;
};

}  // namespace portcullis::spool
