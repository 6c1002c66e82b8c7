// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/ChildProcess.h"

#include <QtCore/QFile>
#include <QtCore/QList>
#include <QtCore/QString>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <set>

namespace portcullis {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int freeDescriptor =
    64;  ///< Descriptors are parked from here on while the child is set up.

/// Children started here and not yet reaped: what is not among them may be a stray.
struct KnownChildren {
    std::mutex mutex;
    std::set<pid_t> pids;
};

KnownChildren &knownChildren()
{
    static KnownChildren known;
    return known;
}

/// An owned descriptor.
class ChildFd
{
public:
    explicit ChildFd(int fd = -1)
        : m_fd(fd)
    {
    }
    ~ChildFd() { reset(); }
    ChildFd(const ChildFd &) = delete;
    ChildFd &operator=(const ChildFd &) = delete;

    [[nodiscard]] int get() const { return m_fd; }
    void reset(int fd = -1)
    {
        if (m_fd >= 0) {
            ::close(m_fd);
        }
        m_fd = fd;
    }

private:
    int m_fd;
};

/// Everything the child needs, laid out before vfork: between vfork and exec it shares our memory and
/// may neither allocate nor take locks.
struct ChildPlan {
    const char *program = nullptr;
    const char *folder = nullptr;
    std::vector<char *> arguments;
    std::vector<char *> environment;
    std::vector<std::pair<int, int>> descriptors;
    std::vector<int> parked;
    std::vector<std::pair<int, rlimit>> limits;
    int lastDescriptor = 2;
    bool diesWithUs = false;
    pid_t parent = 0;
    volatile int failure = 0;  ///< errno of the step that failed in the child.
};

rlimit limitOf(qint64 value)
{
    return {static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
}

bool arrangeDescriptors(ChildPlan &plan)
{
    // Two passes, because a target number may be another pair's source.
    for (size_t i = 0; i < plan.descriptors.size(); ++i) {
        plan.parked[i] = ::fcntl(plan.descriptors[i].first, F_DUPFD, freeDescriptor);
        if (plan.parked[i] < 0) {
            return false;
        }
    }
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0) {
        return false;
    }
    for (int standard = 0; standard <= 2; ++standard) {
        if (null != standard && ::dup2(null, standard) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < plan.descriptors.size(); ++i) {
        if (::dup2(plan.parked[i], plan.descriptors[i].second) < 0) {
            return false;
        }
    }
    return ::close_range(static_cast<unsigned>(plan.lastDescriptor) + 1, ~0U, 0) == 0;
}

/// Runs in the child, in our memory: system calls only.
[[noreturn]] void becomeProgram(ChildPlan &plan)
{
    const auto fail = [&plan] {
        plan.failure = errno;
        ::_exit(127);
    };
    struct sigaction standard = {};
    standard.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) {
        ::sigaction(signal, &standard, nullptr);  // fails for SIGKILL and SIGSTOP, harmlessly
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::setsid() < 0 || !arrangeDescriptors(plan) || ::chdir(plan.folder) != 0) {
        fail();
    }
    if (plan.diesWithUs) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != plan.parent) {
            ::_exit(127);
        }
    }
    for (const auto &[resource, limit] : plan.limits) {
        rlimit now = {};
        ::getrlimit(static_cast<__rlimit_resource>(resource), &now);
        const rlimit lowered = {std::min(limit.rlim_cur, now.rlim_max),
                                std::min(limit.rlim_max, now.rlim_max)};
        ::setrlimit(static_cast<__rlimit_resource>(resource), &lowered);
    }
    ::execve(plan.program, plan.arguments.data(), plan.environment.data());
    fail();
    __builtin_unreachable();
}

/// Kept apart from its caller, whose local variables vfork would otherwise put at risk.
[[gnu::noinline]] pid_t forkInto(ChildPlan &plan)
{
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours may run in the child
    // posix_spawn cannot set limits and a death signal; the child calls nothing but the kernel.
    // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork) see above
    const pid_t child = ::vfork();
    if (child == 0) {
        becomeProgram(plan);
    }
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return child;
}

std::vector<char *> pointersTo(const std::vector<QByteArray> &strings, const QByteArray *first)
{
    // exec takes char *const[] for historical reasons and changes nothing.
    std::vector<char *> pointers;
    if (first != nullptr) {
        pointers.push_back(const_cast<char *>(first->constData()));
    }
    for (const QByteArray &string : strings) {
        pointers.push_back(const_cast<char *>(string.constData()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

QByteArray readSmallFile(const char *path)
{
    const ChildFd file(::open(path, O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> buffer{};
    QByteArray text;
    ssize_t got = 0;
    while (file.get() >= 0 && (got = ::read(file.get(), buffer.data(), buffer.size())) > 0) {
        text.append(buffer.data(), static_cast<qsizetype>(got));
    }
    return text;
}

/// Field 22 of /proc/PID/stat: clock ticks since boot, 0 if the process is gone.
qulonglong startTimeOf(pid_t pid)
{
    const QByteArray stat = readSmallFile(
        ("/proc/" + QByteArray::number(pid) + "/stat").constData());
    // The name in parentheses may hold spaces and parentheses itself.
    const auto fields = stat.mid(stat.lastIndexOf(')') + 2).split(' ');
    return fields.size() > 19 ? fields[19].toULongLong() : 0;
}

std::vector<pid_t> ownChildren()
{
    std::vector<pid_t> children;
    DIR *tasks = ::opendir("/proc/self/task");
    if (tasks == nullptr) {
        return children;
    }
    while (const dirent *task = ::readdir(tasks)) {
        if (task->d_name[0] == '.') {
            continue;
        }
        const QByteArray path = QByteArray("/proc/self/task/") + task->d_name + "/children";
        for (const QByteArray &pid : readSmallFile(path.constData()).split(' ')) {
            if (!pid.trimmed().isEmpty()) {
                children.push_back(pid.trimmed().toInt());
            }
        }
    }
    ::closedir(tasks);
    return children;
}

/// Kills what left the program's group and fell to us. Each round may uncover the next generation.
void endStrays(qulonglong programStart)
{
    const SteadyTime giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    bool found = true;
    while (found && std::chrono::steady_clock::now() < giveUp) {
        found = false;
        for (const pid_t pid : ownChildren()) {
            {
                KnownChildren &known = knownChildren();
                const std::lock_guard lock(known.mutex);
                if (known.pids.contains(pid)) {
                    continue;
                }
            }
            const qulonglong start = startTimeOf(pid);
            if (start == 0 || start < programStart) {
                continue;
            }
            found = true;
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
    }
}

/// One of the program's output streams while it is read.
struct Stream {
    ChildFd fd;
    QByteArray kept;
    qint64 total = 0;
    qint64 keep = 0;
    qint64 flood = 0;

    void take()  ///< What is there; closes the stream at its end.
    {
        std::array<char, 16384> buffer{};
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            return;
        }
        if (got <= 0) {
            fd.reset();
            return;
        }
        total += got;
        const qint64 room = std::max<qint64>(0, keep - kept.size());
        kept.append(buffer.data(), static_cast<qsizetype>(std::min<qint64>(room, got)));
    }
    [[nodiscard]] bool isFlooded() const { return total > flood; }
};

int millisecondsUntil(SteadyTime deadline)
{
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<qint64>(left.count(), 0, std::numeric_limits<int>::max()));
}

/// Reads until the program ends, whichever of its limits comes first. A grandchild that keeps the
/// pipes open does not keep us: once the program itself has ended, what is in the pipes is all.
ChildOutcome::End listenTo(const ChildFd &child,
                           std::array<Stream, 2> &streams,
                           SteadyTime deadline)
{
    bool ended = false;
    for (;;) {
        const int left = millisecondsUntil(deadline);
        if (left == 0 && !ended) {
            return ChildOutcome::End::TimedOut;
        }
        // poll() ignores negative descriptors; a pidfd becomes readable when the process ends.
        std::array<pollfd, 3> polled = {pollfd{streams[0].fd.get(), POLLIN, 0},
                                        pollfd{streams[1].fd.get(), POLLIN, 0},
                                        pollfd{ended ? -1 : child.get(), POLLIN, 0}};
        const int ready = ::poll(polled.data(), polled.size(), ended ? 0 : left);
        if (ready == 0 && ended) {
            return ChildOutcome::End::Exited;
        }
        if (ready <= 0) {
            continue;
        }
        ended = ended || polled[2].revents != 0;
        for (size_t i = 0; i < streams.size(); ++i) {
            if (polled[i].revents != 0) {
                streams[i].take();
            }
            if (streams[i].isFlooded()) {
                return ChildOutcome::End::OutputExceeded;
            }
        }
    }
}

bool makePipe(ChildFd &readEnd, ChildFd &writeEnd)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return false;
    }
    readEnd.reset(ends[0]);
    writeEnd.reset(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
}

}  // namespace

QByteArray findHelperProgram(const char *name, const char *libexec)
{
    const QByteArray program = QFile::encodeName(
        QFile::symLinkTarget(QStringLiteral("/proc/self/exe")));
    const QByteArray folder = program.left(program.lastIndexOf('/') + 1);
    for (const QByteArray &beside : {folder + name, folder + "../bin/" + name}) {
        if (::access(beside.constData(), X_OK) == 0) {
            return beside;
        }
    }
    return QByteArray(libexec) + '/' + name;
}

QByteArray ChildOutcome::describeEnd() const
{
    switch (end) {
    case End::Exited:
        return "exit status " + QByteArray::number(code);
    case End::Signalled:
        return "signal " + QByteArray::number(code);
    case End::TimedOut:
        return "deadline passed";
    case End::OutputExceeded:
        return "too much output";
    }
    Q_UNREACHABLE();
}

Result<pid_t> startChild(const ChildCommand &command,
                         const ChildLimits &limits,
                         const std::vector<std::pair<int, int>> &descriptors,
                         ChildLifetime lifetime)
{
    ChildPlan plan;
    plan.program = command.program.constData();
    plan.folder = command.workingFolder.constData();
    plan.arguments = pointersTo(command.arguments, &command.program);
    plan.environment = pointersTo(command.environment, nullptr);
    plan.descriptors = descriptors;
    plan.parked.resize(descriptors.size());
    for (const auto &[ours, number] : descriptors) {
        plan.lastDescriptor = std::max(plan.lastDescriptor, number);
    }
    plan.diesWithUs = lifetime == ChildLifetime::DiesWithUs;
    plan.parent = ::getpid();
    plan.limits.emplace_back(RLIMIT_CORE, rlimit{0, 0});
    plan.limits.emplace_back(RLIMIT_CPU, limitOf(std::max<qint64>(1, limits.cpu.count())));
    for (const auto &[resource, value] : {std::pair<int, qint64>(RLIMIT_AS, limits.addressSpace),
                                          std::pair<int, qint64>(RLIMIT_FSIZE, limits.fileSize),
                                          std::pair<int, qint64>(RLIMIT_NPROC, limits.processes)}) {
        if (value > 0) {
            plan.limits.emplace_back(resource, limitOf(value));
        }
    }

    KnownChildren &known = knownChildren();
    const std::lock_guard lock(known.mutex);
    const pid_t child = forkInto(plan);
    const int forkError = errno;
    const QString what = QStringLiteral("Cannot start %1")
                             .arg(QString::fromLocal8Bit(command.program));
    if (child < 0) {
        return Error::fromErrno("child.start", what, forkError);
    }
    if (plan.failure != 0) {
        ::waitpid(child, nullptr, 0);
        Error error = Error::fromErrno("child.start", what, plan.failure);
        const int reason = plan.failure;
        if (reason == ENOENT || reason == EACCES || reason == ENOEXEC || reason == ENOTDIR) {
            error.persistence = Persistence::Permanent;
        }
        return error;
    }
    known.pids.insert(child);
    return child;
}

int endChild(pid_t child)
{
    // The group first, while the unreaped leader still keeps its number from being used again.
    ::kill(-child, SIGKILL);
    ::kill(child, SIGKILL);
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    KnownChildren &known = knownChildren();
    const std::lock_guard lock(known.mutex);
    known.pids.erase(child);
    return status;
}

Result<ChildOutcome> runChild(const ChildCommand &command, const ChildLimits &limits)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + limits.deadline;
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::array<Stream, 2> streams;
    streams[0].keep = streams[0].flood = limits.output;
    streams[1].keep = limits.errorOutput;
    streams[1].flood = limits.errorFlood;
    ChildFd outEnd;
    ChildFd errorEnd;
    if (!makePipe(streams[0].fd, outEnd) || !makePipe(streams[1].fd, errorEnd)) {
        return Error::fromErrno("child.io", QStringLiteral("Cannot make a pipe"), errno);
    }
    const pid_t child = TRY(startChild(command, limits, {{outEnd.get(), 1}, {errorEnd.get(), 2}}));
    const qulonglong started = startTimeOf(child);
    outEnd.reset();
    errorEnd.reset();
    // By number: the declaration in glibc 2.36 lacks C linkage.
    const ChildFd watch(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    if (watch.get() < 0) {
        const int reason = errno;
        endChild(child);
        return Error::fromErrno("child.io", QStringLiteral("Cannot watch a child"), reason);
    }

    ChildOutcome outcome;
    outcome.end = listenTo(watch, streams, deadline);
    const int status = endChild(child);
    endStrays(started);
    if (outcome.end == ChildOutcome::End::Exited && WIFSIGNALED(status)) {
        outcome.end = ChildOutcome::End::Signalled;
        outcome.code = WTERMSIG(status);
    } else if (outcome.end == ChildOutcome::End::Exited) {
        outcome.code = WEXITSTATUS(status);
    }
    outcome.output = std::move(streams[0].kept);
    outcome.isErrorTruncated = streams[1].total > streams[1].kept.size();
    outcome.errorOutput = std::move(streams[1].kept);
    return outcome;
}

}  // namespace portcullis
