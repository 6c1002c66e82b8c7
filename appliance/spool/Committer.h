// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Compactor.h"
#include "appliance/spool/LogWriter.h"
#include "appliance/spool/Stager.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace portcullis::spool {

/// The one thread that writes: takes all transactions that wait, writes them together, flushes once
/// and answers. What comes meanwhile forms the next batch. Between batches it deletes and compacts.
class Committer
{
public:
    struct Parts {
        Folder &folder;
        Index &index;
        EntryCache &cache;
        const EntryStore &store;
        const SpoolSettings &settings;
        const std::atomic<bool> &isRecovering;
        const std::atomic<quint64> &lastIssuedId;
    };
    /// Both run in the committer's thread.
    struct Listener {
        std::function<bool()> wantsChanges;
        std::function<void(std::vector<Change>)> changed;
        std::function<void(const Error &)> failed;
    };
    Committer(const Parts &parts, Listener listener);
    ~Committer();  ///< Writes and flushes what was submitted.
    Q_DISABLE_COPY_MOVE(Committer)

    /// `done` runs in the committer's thread, or at once if the transaction is not taken.
    using Done = std::function<void(Status)>;
    void submit(Prepared prepared, Durability durability, Done done);
    void wake();

    [[nodiscard]] bool hasFailed() const { return m_hasFailed; }
    [[nodiscard]] qint64 transactions() const { return m_transactions; }
    [[nodiscard]] qint64 flushes() const { return m_flushes; }

private:
    struct Job {
        Prepared prepared;
        Durability durability = Durability::Flushed;
        Done done;
    };
    struct InFlight {
        StagedFrame frame;
        Durability durability;
        Done done;
    };
    void run();
    std::vector<Job> takeJobs();
    void process(Job &job);
    Status makeRoom(const StagedFrame &frame, LogWriter::Need need);
    void finishBatch();
    Status writeBatch();
    Status flush();
    Status reserveIds();
    void publish(const std::vector<InFlight> &batch);
    void fail(const Error &error);
    void maintain();
    Status cleanUp(bool &isMore);
    Status deleteSegments(bool &isMore);
    Status compactStep(bool &isMore);

    Parts m_parts;
    Listener m_listener;
    Stager m_stager;
    LogWriter m_writer;
    Compactor m_compactor;
    std::vector<InFlight> m_inFlight;
    std::chrono::steady_clock::time_point m_flushDeadline{};
    std::chrono::steady_clock::time_point m_nextMaintenance{};
    std::optional<Error> m_failure;
    std::atomic<bool> m_hasFailed{false};
    std::atomic<qint64> m_transactions{0};
    std::atomic<qint64> m_flushes{0};

    std::mutex m_mutex;  ///< Guards what follows.
    std::condition_variable m_wake;
    std::vector<Job> m_jobs;
    bool m_isStopping = false;
    std::optional<Error> m_refusal;  ///< Why nothing is taken any more.

    std::thread m_thread;  ///< Last: starts when all else is there.
};

}  // namespace portcullis::spool
