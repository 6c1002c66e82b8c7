// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/common/sandbox/Sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace portcullis::sandbox {

namespace {

/// Without which neither glibc nor Qt can compute and answer.
constexpr int allowedCalls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mprotect),
    SCMP_SYS(futex),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sigaltstack),
};

/// What reading files takes besides opening them.
constexpr int fileCalls[] = {
    SCMP_SYS(pread64),    SCMP_SYS(lseek),    SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat),      SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
};

/// Nobody calls these by accident.
constexpr int deadlyCalls[] = {
    SCMP_SYS(execve), SCMP_SYS(execveat),         SCMP_SYS(ptrace),           SCMP_SYS(fork),
    SCMP_SYS(vfork),  SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev)};

std::string failure(const char *what, int errorNumber)
{
    return std::string(what) + ": " + std::strerror(errorNumber);
}

/// Bytes of address space in use, from /proc/self/statm.
std::uint64_t mappedBytes()
{
    unsigned long long pages = 0;
    if (std::FILE *statm = std::fopen("/proc/self/statm", "re")) {
        // NOLINTNEXTLINE(cert-err34-c) a number in the kernel's own format
        if (std::fscanf(statm, "%llu", &pages) != 1) {
            pages = 0;
        }
        std::fclose(statm);
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string limitResources(const SandboxLimits &limits)
{
    const struct {
        __rlimit_resource resource;
        std::uint64_t value;
        const char *name;
    } wanted[] = {{RLIMIT_AS, mappedBytes() + limits.memory, "RLIMIT_AS"},
                  {RLIMIT_CPU, limits.cpuSeconds, "RLIMIT_CPU"},
                  {RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"},
                  {RLIMIT_CORE, 0, "RLIMIT_CORE"},
                  {RLIMIT_NOFILE, limits.descriptors, "RLIMIT_NOFILE"}};
    for (const auto &[resource, value, name] : wanted) {
        const rlimit limit = {value, value};
        if (::setrlimit(resource, &limit) != 0) {
            return failure(name, errno);
        }
    }
    return {};
}

/// Confines reading to one folder. Kernels without Landlock are left to seccomp alone.
std::string confineReading(const char *readableFolder)
{
    landlock_ruleset_attr attributes = {};
    attributes.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // all of version 1
    const auto ruleset = static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0));
    if (ruleset < 0) {
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM
                   ? std::string()
                   : failure("landlock", errno);
    }
    landlock_path_beneath_attr beneath = {};
    beneath.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    beneath.parent_fd = readableFolder != nullptr ? ::open(readableFolder, O_PATH | O_CLOEXEC) : -1;
    if (beneath.parent_fd >= 0) {
        ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
        ::close(beneath.parent_fd);
    }
    const long restricted = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
    const int error = errno;
    ::close(ruleset);
    return restricted == 0 ? std::string() : failure("landlock_restrict_self", error);
}

/// Reading only: any bit that could create or change a file refuses the call.
int addReadingRules(scmp_filter_ctx filter)
{
    int failed = 0;
    for (const int call : fileCalls) {
        failed = failed != 0 ? failed : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    constexpr scmp_datum_t changing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND
                                      | __O_TMPFILE;
    for (const auto &[call, argument] :
         {std::pair<int, unsigned>(SCMP_SYS(openat), 2), {SCMP_SYS(open), 1}}) {
        const scmp_arg_cmp isReading = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ,
                                                changing & ~scmp_datum_t(O_DIRECTORY), 0);
        failed = failed != 0 ? failed
                             : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &isReading);
    }
    return failed;
}

int addRules(scmp_filter_ctx filter, bool isReading)
{
    int failed = isReading ? addReadingRules(filter) : 0;
    for (const int call : allowedCalls) {
        failed = failed != 0 ? failed : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    for (const int call : deadlyCalls) {
        failed = failed != 0 ? failed : seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, call, 0);
    }
    for (const scmp_datum_t command : {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC}) {
        const scmp_arg_cmp isHarmless = SCMP_CMP(1, SCMP_CMP_EQ, command, 0);
        failed = failed != 0 ? failed
                             : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                                      &isHarmless);
    }
    return failed;
}

std::string filterCalls(bool isReading)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == nullptr) {
        return "seccomp_init failed";
    }
    int failed = addRules(filter, isReading);
    if (failed == 0) {
        failed = seccomp_load(filter);
    }
    seccomp_release(filter);
    return failed == 0 ? std::string() : failure("seccomp", -failed);
}

}  // namespace

std::string enterSandbox(const SandboxLimits &limits)
{
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return failure("no_new_privs", errno);
    }
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (std::string problem = limitResources(limits); !problem.empty()) {
        return problem;
    }
    if (std::string problem = confineReading(limits.readableFolder); !problem.empty()) {
        return problem;
    }
    return filterCalls(limits.readableFolder != nullptr);
}

}  // namespace portcullis::sandbox
