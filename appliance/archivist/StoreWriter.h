// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/archivist/Expiry.h"
#include "appliance/quarantine/QuarantineStore.h"
#include "appliance/tracking/TrackingStore.h"

#include <QtCore/QThread>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

namespace portcullis::spool {
class Spool;
}  // namespace portcullis::spool
namespace portcullis::store {
class DatabasePool;
}  // namespace portcullis::store
namespace portcullis::tracking {
class EventJournal;
}  // namespace portcullis::tracking

namespace portcullis::archivist {

/// Bounds of one step and of the waiting.
struct WriterLimits {
    int eventsPerBatch = 2000;            ///< One transaction. 1 … 20000.
    int mailsPerBatch = 50;               ///< Quarantined mails in one transaction. 1 … 1000.
    qint64 bytesPerBatch = 16LL << 20;    ///< Of their content; one mail may exceed it alone.
    std::chrono::milliseconds idle{250};  ///< Longest rest when nothing was to do.
    std::chrono::milliseconds firstRetry{200};  ///< After a failure; doubles up to …
    std::chrono::milliseconds lastRetry{5000};  ///< … this, so that it heals within seconds.
};

/// The stores of the writer's thread. Made on that thread, because database handles stay on theirs.
struct Stores {
    std::unique_ptr<quarantine::QuarantineStore> quarantine;
    std::unique_ptr<tracking::TrackingStore> tracking;
};

/// Moves quarantined mail from the spool and events from the journal into the database, and removes
/// what has outlived its lifetime, off the mail path, in a thread of its own.
///
/// While the database is away everything stays on disk and is tried again with growing delay; the
/// log gets one line when that begins (`archivist.store-down`) and one when it ends. What has been
/// stored is removed from disk only after the commit, and storing twice is the same as once, so a
/// crash at any instant loses and doubles nothing. A record that the database refuses for good is
/// found by halving its batch, set aside and reported; the others go on.
///
/// Events that are appended here are stored within about `idle` when the database is well.
class StoreWriter final : public QThread
{
public:
    using StoresFactory = std::function<Stores()>;

    /// Spool and journal must outlive the writer. `retention` is asked on the writer's thread. `eventsFolder` is Paths::events().
    StoreWriter(spool::Spool &spool,
                tracking::EventJournal &journal,
                QString eventsFolder,
                StoresFactory makeStores,
                RetentionSource retention,
                WriterLimits limits = {});
    ~StoreWriter() override;  ///< As stop().

    /// Something waits: do not rest. Cheap; thread-safe.
    void wake();
    /// Ends after the running transaction; what is left stays on disk. Thread-safe.
    void stop();

protected:
    void run() override;

private:
    bool rest(std::chrono::milliseconds time);   ///< Until woken; whether to stop.
    bool pause(std::chrono::milliseconds time);  ///< Not to be woken; whether to stop.

    spool::Spool &m_spool;
    tracking::EventJournal &m_journal;
    QString m_eventsFolder;
    StoresFactory m_makeStores;
    RetentionSource m_retention;
    WriterLimits m_limits;

    std::mutex m_mutex;
    std::condition_variable m_woken;
    bool m_isWoken = false;
    bool m_isStopping = false;
};

/// The usual factory: PostgreSQL, with a connection of the writer's own.
StoreWriter::StoresFactory postgresStores(std::shared_ptr<store::DatabasePool> pool);

}  // namespace portcullis::archivist
