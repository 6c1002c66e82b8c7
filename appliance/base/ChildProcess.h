// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <sys/types.h>

#include <chrono>
#include <utility>
#include <vector>

namespace portcullis {

/// What an external program may use up. It is foreign code that was handed a hostile message.
struct ChildLimits {
    std::chrono::milliseconds deadline = std::chrono::minutes(5);  ///< Wall time, 100 ms … 1 h.
    std::chrono::seconds cpu = std::chrono::minutes(5);            ///< RLIMIT_CPU, per process.
    qint64 output = 64 * 1024;               ///< Bytes of standard output; more ends the program.
    qint64 errorOutput = 16 * 1024;          ///< Bytes of standard error kept; the rest is dropped.
    qint64 errorFlood = 1024 * 1024;         ///< Bytes of standard error that end the program.
    qint64 addressSpace = 0;                 ///< RLIMIT_AS in bytes; 0: as inherited.
    qint64 fileSize = 1024LL * 1024 * 1024;  ///< RLIMIT_FSIZE in bytes; 0: as inherited.
    /// RLIMIT_NPROC, 0: as inherited. The kernel counts all tasks of the *user*, so this must leave
    /// room for our own; it does not bind root. It ends a fork bomb early, the deadline ends it surely.
    qint64 processes = 2048;
};

/// A program to run. No shell is ever involved: what looks like a metacharacter is just a byte.
struct ChildCommand {
    QByteArray program;                 ///< Absolute path.
    std::vector<QByteArray> arguments;  ///< Without the program's name.
    /// The whole environment. Nothing is inherited: our own may hold database passwords.
    std::vector<QByteArray> environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"};
    QByteArray workingFolder = "/";
};

/// Where a helper program of ours lies: beside the running program, in the `bin` folder beside that one's
/// (test programs of a build tree), else in `libexec`, where it may be missing.
QByteArray findHelperProgram(const char *name, const char *libexec);

/// How a program ended and what it said.
struct ChildOutcome {
    enum class End { Exited, Signalled, TimedOut, OutputExceeded };
    End end = End::Exited;
    int code = 0;                   ///< Exit status or signal number.
    QByteArray output;              ///< Standard output, at most ChildLimits::output bytes.
    QByteArray errorOutput;         ///< Standard error, at most ChildLimits::errorOutput bytes.
    bool isErrorTruncated = false;  ///< Standard error was longer.

    [[nodiscard]] bool succeeded() const { return end == End::Exited && code == 0; }
    [[nodiscard]] QByteArray describeEnd() const;  ///< "exit status 1", "deadline passed", …
};

/// Starts `command` in its own session, without waiting for it: the caller owns the pid and must
/// reap it with endChild(). `descriptors` are pairs (ours, number in the child); standard streams that
/// are not among them are /dev/null; no other descriptor is inherited. With `diesWithUs` the child
/// gets SIGKILL when the *thread* that started it ends.
///
/// Uses vfork: costs the same however large this process is (a loaded signature engine is 1 GB).
/// Errors: `child.start` (permanent if the program is missing or not executable, else transient).
enum class ChildLifetime { Independent, DiesWithUs };
Result<pid_t> startChild(const ChildCommand &command,
                         const ChildLimits &limits,
                         const std::vector<std::pair<int, int>> &descriptors,
                         ChildLifetime lifetime = ChildLifetime::DiesWithUs);

/// Kills the child's process group and reaps the child. Returns its wait status, -1 if unknown.
int endChild(pid_t child);

/// Runs `command` to its end and returns what it said. Blocks the calling thread; needs no event
/// loop and no signal handler, so it works in a forked worker as in any thread.
///
/// Standard input is /dev/null. When the program ends, or its deadline passes, or it talks too much,
/// its whole process group is killed, and so are descendants that left the group with setsid(): this
/// process becomes their reaper (PR_SET_CHILD_SUBREAPER), and a child of ours that is younger than the
/// program and was not started by startChild() is such a stray. Nothing outlives this call; in exchange
/// no other thread may start children in another way (QProcess) meanwhile.
///
/// Errors: as startChild(), `child.io` (transient).
Result<ChildOutcome> runChild(const ChildCommand &command, const ChildLimits &limits);

}  // namespace portcullis
