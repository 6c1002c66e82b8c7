// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

namespace portcullis::filter {

/// What master and worker share about one worker; lies in memory mapped into both.
struct WorkerSlot {
    std::atomic<qint64> busySinceMilliseconds{0};  ///< CLOCK_MONOTONIC; 0: idle.
    std::atomic<quint32> messages{0};              ///< Served by this worker so far.
    char queueId[32] = {};                         ///< Of the message in work, for the log.
};

struct PreforkSettings {
    QString socketPath;
    int workers = 5;
    std::chrono::seconds messageTimeout{
        600};                             ///< `filter-timeout`: a worker busy longer is killed.
    quint32 messagesPerWorker = 2000;     ///< Then replaced, so that a leak cannot grow for ever.
    std::chrono::milliseconds tick{500};  ///< How often `needsReload` is asked.
};

/// The master of pmg-smtp-filter: loads what is expensive once, forks workers that share it
/// copy-on-write, and replaces them. It never touches a byte of mail, has one thread and no event
/// loop, so that forking is safe at any time.
///
/// A worker that crashes or hangs costs its own message only. On reload a new generation of workers
/// takes over the same listening socket; the old ones end after their message, so that scanning
/// never pauses.
class Prefork
{
public:
    struct Companion {
        QByteArray name;                  ///< For the log.
        std::vector<QByteArray> command;  ///< Absolute path of the program, arguments.
        /// Asked every tick: it runs while this says true. Empty: always.
        std::function<bool()> isWanted;
    };
    struct Hooks {
        /// Loads configuration and engines before forking; on failure the old generation goes on.
        std::function<Result<PreforkSettings>()> prepare;
        /// Whether files have changed since the last prepare().
        std::function<bool()> needsReload;
        /// The life of a worker: answers one connection after the other through serveConnection.
        std::function<void(int connection, WorkerSlot &slot)> serve;
        /// Called in a new worker before it serves.
        std::function<void()> beginWorker;
        /// Called in the master after workers have ended, to clear away what they left behind.
        std::function<void()> afterWorkerEnded;
        /// Asked every tick until it says true; then the ready line is written.
        std::function<bool()> isReady;
        std::function<void()> announceReady;
        /// Processes to keep running beside the workers: the rule watcher, the resolver.
        std::vector<Companion> companions;
    };

    explicit Prefork(Hooks hooks);
    ~Prefork();
    Q_DISABLE_COPY_MOVE(Prefork)

    /// Runs until SIGTERM or SIGINT. SIGHUP reloads. Returns the exit code.
    int run();

    /// To be called in `serve`: this worker ends after its message, and a fresh one takes its place.
    static void endThisWorker();

private:
    struct Worker {
        pid_t pid = -1;
        WorkerSlot *slot = nullptr;
        unsigned generation = 0;
        bool isRetiring = false;
    };
    struct CompanionState {
        pid_t pid = -1;
        qint64 notBefore = 0;
        bool isEnding = false;  ///< It was told to.
    };

    Status listen();
    bool reload();
    void spawnMissing();
    void spawnWorker();
    [[noreturn]] void workerMain(WorkerSlot &slot);
    void keepCompanions();
    void spawnCompanion(size_t index);
    bool forgetCompanion(pid_t pid, int status);
    [[nodiscard]] bool hasCompanions() const;
    void reap();
    void reapUntil(const std::function<bool()> &isDone);
    void killOverdue();
    void retireOld();
    void stopAll();
    WorkerSlot *freeSlot();

    Hooks m_hooks;
    PreforkSettings m_settings;
    std::vector<Worker> m_workers;
    WorkerSlot *m_slots = nullptr;
    int m_listener = -1;
    int m_signals = -1;
    unsigned m_generation = 0;
    std::vector<CompanionState> m_companions;  ///< As Hooks::companions.
    qint64 m_spawnNotBefore = 0;
    bool m_isReady = false;
};

}  // namespace portcullis::filter
