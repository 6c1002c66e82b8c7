// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/Prefork.h"

#include "appliance/base/Log.h"

#include <QtCore/QFile>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>

namespace portcullis::filter {

namespace {

constexpr int maxSlots = 256;        ///< Two generations of the largest `max_filters` and to spare.
constexpr int listenBacklog = 1024;  ///< Sessions that wait for a worker; smtpd has fewer.
constexpr qint64 earlyDeathDelay = 500;  ///< ms to wait before forking again after a death.
constexpr qint64 companionDelay = 1000;  ///< ms before a companion is started again.
constexpr std::chrono::seconds stopPatience{10};  ///< For messages in work at SIGTERM.

/// Set by SIGUSR1 in a worker: end after the message in work.
volatile std::sig_atomic_t workerShouldEnd = 0;

void onRetire(int /*signal*/)
{
    workerShouldEnd = 1;
}

qint64 monotonicMilliseconds()
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

sigset_t handledSignals()
{
    sigset_t set{};
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
        ::sigaddset(&set, signal);
    }
    return set;
}

/// The kernel's out-of-memory killer should take a worker, not the master or smtpd.
void preferAsOomVictim()
{
    const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        [[maybe_unused]] const ssize_t written = ::write(file, "500", 3);
        ::close(file);
    }
}

void resetSignals()
{
    sigset_t none{};
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c) cannot fail for SIGPIPE
}

/// An epoll descriptor on which a new connection wakes one idle worker. Where all of them poll() the
/// listener, each connection wakes all, and with 40 of them a quarter of the filter's time goes there.
int exclusiveWait(int listener)
{
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    if (descriptor < 0 || ::epoll_ctl(descriptor, EPOLL_CTL_ADD, listener, &event) != 0) {
        ::_exit(1);  // Logged by the master as a worker that died.
    }
    return descriptor;
}

QByteArray deathText(int status)
{
    return WIFSIGNALED(status) ? "signal " + QByteArray::number(WTERMSIG(status))
                               : "exit " + QByteArray::number(WEXITSTATUS(status));
}

}  // namespace

Prefork::Prefork(Hooks hooks)
    : m_hooks(std::move(hooks))
    , m_companions(m_hooks.companions.size())
{
    void *memory = ::mmap(nullptr, sizeof(WorkerSlot) * maxSlots, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        qFatal("cannot map the worker table");
    }
    m_slots = static_cast<WorkerSlot *>(memory);
    for (int i = 0; i < maxSlots; ++i) {
        new (m_slots + i) WorkerSlot;
    }
}

Prefork::~Prefork()
{
    ::munmap(m_slots, sizeof(WorkerSlot) * maxSlots);
    if (m_listener >= 0) {
        ::close(m_listener);
    }
    if (m_signals >= 0) {
        ::close(m_signals);
    }
}

Status Prefork::listen()
{
    const QByteArray path = QFile::encodeName(m_settings.socketPath);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= static_cast<qsizetype>(sizeof address.sun_path)) {
        return Error::permanent("filter.socket",
                                m_settings.socketPath + QStringLiteral(": the path is too long"));
    }
    std::memcpy(address.sun_path, path.constData(), static_cast<size_t>(path.size()));
    ::unlink(path.constData());
    m_listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const mode_t oldMask = ::umask(0117);  // rw for owner and group: smtpd is in the group
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
    const auto *generic = reinterpret_cast<const sockaddr *>(&address);
    const bool isBound = m_listener >= 0 && ::bind(m_listener, generic, sizeof address) == 0
                         && ::listen(m_listener, listenBacklog) == 0;
    const int bindError = errno;
    ::umask(oldMask);
    return isBound ? ok()
                   : Status(Error::fromErrno("filter.socket", m_settings.socketPath, bindError));
}

void Prefork::endThisWorker()
{
    workerShouldEnd = 1;
}

int Prefork::run()
{
    const sigset_t handled = handledSignals();
    sigset_t blocked = handled;
    ::sigaddset(&blocked, SIGUSR1);  // A new worker must not meet it before its handler is set.
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    m_signals = ::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    keepCompanions();
    if (!reload()) {
        stopAll();
        return 1;
    }
    if (const Status status = listen(); !status) {
        log::write(log::Severity::Critical, "filter.start-failed", {},
                   {{"reason", status.error().detail.toUtf8()}});
        stopAll();
        return 1;
    }
    spawnMissing();
    for (;;) {
        pollfd waiting{m_signals, POLLIN, 0};
        ::poll(&waiting, 1, static_cast<int>(m_settings.tick.count()));
        signalfd_siginfo info{};
        bool shouldReload = m_hooks.needsReload();
        while (::read(m_signals, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
                stopAll();
                return 0;
            }
            shouldReload = shouldReload || info.ssi_signo == SIGHUP;
        }
        reap();
        killOverdue();
        if (shouldReload && reload()) {
            retireOld();
        }
        spawnMissing();
        keepCompanions();
        if (!m_isReady && m_hooks.isReady()) {
            m_isReady = true;
            m_hooks.announceReady();
        }
    }
}

bool Prefork::reload()
{
    const auto prepared = m_hooks.prepare();
    if (!prepared) {
        log::write(
            log::Severity::Error, "filter.reload-failed", {},
            {{"reason", prepared.error().detail.toUtf8()},
             {"consequence", m_generation == 0 ? "cannot start" : "the old state stays in force"}});
        return false;
    }
    m_settings = *prepared;
    ++m_generation;
    log::write(log::Severity::Info, "filter.loaded", {},
               {{"generation", QByteArray::number(m_generation)},
                {"workers", QByteArray::number(m_settings.workers)}});
    return true;
}

WorkerSlot *Prefork::freeSlot()
{
    for (int i = 0; i < maxSlots; ++i) {
        WorkerSlot *slot = m_slots + i;
        const bool isUsed = std::ranges::any_of(
            m_workers, [slot](const Worker &worker) { return worker.slot == slot; });
        if (!isUsed) {
            return slot;
        }
    }
    return nullptr;
}

void Prefork::spawnMissing()
{
    if (monotonicMilliseconds() < m_spawnNotBefore) {
        return;
    }
    auto current = std::ranges::count_if(m_workers, [this](const Worker &worker) {
        return worker.generation == m_generation && !worker.isRetiring;
    });
    for (; current < m_settings.workers; ++current) {
        spawnWorker();
    }
}

void Prefork::spawnWorker()
{
    WorkerSlot *slot = freeSlot();
    if (slot == nullptr) {
        return;  // Old generations still at work hold all slots; the next tick tries again.
    }
    slot->busySinceMilliseconds = 0;
    slot->messages = 0;
    const pid_t pid = ::fork();
    if (pid == 0) {
        workerMain(*slot);
    }
    if (pid < 0) {
        log::write(log::Severity::Error, "filter.fork-failed", {},
                   {{"errno", QByteArray::number(errno)}});
        m_spawnNotBefore = monotonicMilliseconds() + earlyDeathDelay;
        return;
    }
    m_workers.push_back({pid, slot, m_generation, false});
}

void Prefork::workerMain(WorkerSlot &slot)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    preferAsOomVictim();
    ::close(m_signals);
    struct sigaction action {
    };
    action.sa_handler = onRetire;
    ::sigaction(SIGUSR1, &action, nullptr);
    resetSignals();
    sigset_t blocked{};
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    sigset_t whileWaiting{};
    ::sigprocmask(SIG_BLOCK, &blocked, &whileWaiting);
    m_hooks.beginWorker();
    const int waiting = exclusiveWait(m_listener);
    while (workerShouldEnd == 0 && slot.messages < m_settings.messagesPerWorker) {
        epoll_event event{};
        if (::epoll_pwait(waiting, &event, 1, -1, &whileWaiting) <= 0) {
            continue;
        }
        const int connection = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            continue;  // Another worker was faster.
        }
        slot.busySinceMilliseconds = monotonicMilliseconds();
        m_hooks.serve(connection, slot);
        ::close(connection);
        slot.busySinceMilliseconds = 0;
        ++slot.messages;
    }
    ::_exit(0);
}

/// Starts what is wanted and does not run, ends what runs and is no longer wanted.
void Prefork::keepCompanions()
{
    const qint64 now = monotonicMilliseconds();
    for (size_t i = 0; i < m_companions.size(); ++i) {
        CompanionState &state = m_companions[i];
        const auto &isWanted = m_hooks.companions[i].isWanted;
        if (!isWanted || isWanted()) {
            if (state.pid <= 0 && now >= state.notBefore) {
                spawnCompanion(i);
            }
        } else if (state.pid > 0 && !state.isEnding) {
            state.isEnding = true;
            ::kill(state.pid, SIGTERM);
        }
    }
}

void Prefork::spawnCompanion(size_t index)
{
    const pid_t pid = ::fork();
    if (pid != 0) {
        m_companions[index].pid = pid;
        return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    resetSignals();
    std::vector<char *> arguments;
    for (QByteArray &argument : m_hooks.companions[index].command) {
        arguments.push_back(argument.data());
    }
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
}

bool Prefork::hasCompanions() const
{
    return std::ranges::any_of(m_companions, [](const auto &one) { return one.pid > 0; });
}

/// Whether the process that ended was a companion.
bool Prefork::forgetCompanion(pid_t pid, int status)
{
    const auto found = std::ranges::find(m_companions, pid, &CompanionState::pid);
    if (found == m_companions.end()) {
        return false;
    }
    const auto index = static_cast<size_t>(found - m_companions.begin());
    const QByteArray &name = m_hooks.companions[index].name;
    if (found->isEnding) {
        *found = {};
        log::write(log::Severity::Info, "filter.companion-ended", {}, {{"which", name}});
        return true;
    }
    *found = {-1, monotonicMilliseconds() + companionDelay};
    log::write(log::Severity::Warning, "filter.companion-died", {},
               {{"which", name}, {"how", deathText(status)}});
    return true;
}

void Prefork::reap()
{
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
         pid = ::waitpid(-1, &status, WNOHANG)) {
        if (forgetCompanion(pid, status)) {
            continue;
        }
        const auto worker = std::ranges::find(m_workers, pid, &Worker::pid);
        if (worker == m_workers.end()) {
            continue;
        }
        const bool isNatural = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!isNatural) {
            log::write(log::Severity::Error, "filter.worker-died",
                       worker->slot->busySinceMilliseconds != 0
                           ? QByteArrayView(worker->slot->queueId)
                           : QByteArrayView(),
                       {{"pid", QByteArray::number(pid)}, {"how", deathText(status)}});
            // A worker that dies before its first message would be forked again in a tight loop.
            if (worker->slot->messages == 0 && worker->slot->busySinceMilliseconds == 0) {
                m_spawnNotBefore = monotonicMilliseconds() + earlyDeathDelay;
            }
        }
        m_workers.erase(worker);
        m_hooks.afterWorkerEnded();
    }
}

void Prefork::killOverdue()
{
    const qint64 now = monotonicMilliseconds();
    const qint64 limit = std::chrono::milliseconds(m_settings.messageTimeout).count();
    for (const Worker &worker : m_workers) {
        const qint64 since = worker.slot->busySinceMilliseconds;
        if (since != 0 && now - since > limit) {
            log::write(
                log::Severity::Error, "filter.worker-overdue", worker.slot->queueId,
                {{"pid", QByteArray::number(worker.pid)}, {"limit-ms", QByteArray::number(limit)}});
            ::kill(worker.pid, SIGKILL);
        }
    }
}

void Prefork::retireOld()
{
    for (Worker &worker : m_workers) {
        if (worker.generation != m_generation && !worker.isRetiring) {
            worker.isRetiring = true;
            ::kill(worker.pid, SIGUSR1);
        }
    }
}

/// Reaps until `isDone` or the patience ends.
void Prefork::reapUntil(const std::function<bool()> &isDone)
{
    const auto deadline = std::chrono::steady_clock::now() + stopPatience;
    while (!isDone() && std::chrono::steady_clock::now() < deadline) {
        pollfd waiting{m_signals, POLLIN, 0};
        ::poll(&waiting, 1, 100);
        signalfd_siginfo info{};
        while (::read(m_signals, &info, sizeof info) == sizeof info) {
        }
        reap();
    }
}

void Prefork::stopAll()
{
    for (const Worker &worker : m_workers) {
        ::kill(worker.pid, SIGUSR1);
    }
    reapUntil([this] { return m_workers.empty(); });
    for (const Worker &worker : m_workers) {
        ::kill(worker.pid, SIGKILL);
    }
    // Last: messages in work may need them.
    for (CompanionState &companion : m_companions) {
        if (companion.pid > 0) {
            companion.isEnding = true;
            ::kill(companion.pid, SIGTERM);
        }
    }
    reapUntil([this] { return !hasCompanions(); });
    if (!m_settings.socketPath.isEmpty()) {
        ::unlink(QFile::encodeName(m_settings.socketPath).constData());
    }
}

}  // namespace portcullis::filter
