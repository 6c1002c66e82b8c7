// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-spf-worker: evaluates SPF with libspf2 in a sandbox, on behalf of a session thread.
//
// Started by SpfClient with a socket as descriptor 3; ends when the other side closes it. Of no use by
// hand, except for `--attempt WHAT`, with which the tests see that the sandbox holds.
#include "appliance/daemons/common/sandbox/Sandbox.h"
#include "appliance/daemons/pmg-spf-worker/Evaluator.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

namespace {

using namespace portcullis::policy::spf;

constexpr int taskSocket = 3;

enum Exit { ExitOk = 0, ExitUsage = 2, ExitProtocol = 3, ExitSandbox = 4, ExitAllowed = 5 };

bool readAll(char *target, std::size_t size)
{
    while (size > 0) {
        const ssize_t got = ::read(taskSocket, target, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        target += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

bool writeAll(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t sent = ::send(taskSocket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

int serve(Evaluator &evaluator)
{
    for (;;) {
        std::string bytes(4, '\0');
        if (!readAll(bytes.data(), bytes.size())) {
            return ExitOk;
        }
        const std::uint32_t length = wire::frameLength(bytes);
        if (length > wire::maxTask) {
            return ExitProtocol;
        }
        bytes.resize(length);
        if (!readAll(bytes.data(), bytes.size())) {
            return ExitOk;
        }
        const auto task = wire::decodeTask(bytes);
        if (!task) {
            return ExitProtocol;
        }
        if (!writeAll(wire::framed(wire::encode(evaluator.run(*task))))) {
            return ExitOk;
        }
    }
}

/// Tries something forbidden; the exit status tells whether the sandbox let it happen.
int attempt(std::string_view what)
{
    const auto tell = [](bool isDenied) { return isDenied ? ExitOk : ExitAllowed; };
    if (what == "read") {
        return tell(::open("/etc/passwd", O_RDONLY) < 0 && ::open("/usr/share/mime", O_RDONLY) < 0);
    }
    if (what == "write") {
        return tell(::open("/dev/null", O_RDWR) < 0);
    }
    if (what == "socket") {
        return tell(::socket(AF_INET, SOCK_DGRAM, 0) < 0 && ::socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    }
    if (what == "signal") {
        return tell(::kill(::getppid(), 0) < 0);
    }
    if (what == "memory") {
        return tell(std::malloc(std::size_t(1) << 30U) == nullptr);
    }
    if (what == "exec") {
        ::execl("/bin/true", "true", nullptr);
        return tell(true);
    }
    return ExitUsage;
}

}  // namespace

int main(int argc, char **argv)
{
    std::string_view attempted;
    if (argc == 3 && std::string_view(argv[1]) == "--attempt") {
        attempted = argv[2];
    } else if (argc != 1) {
        std::fputs("pmg-spf-worker is started by pmg-smtpd, not by hand.\n", stderr);
        return ExitUsage;
    }
    portcullis::sandbox::SandboxLimits limits;
    limits.memory = 64'000'000;
    limits.cpuSeconds = 3600;
    limits.descriptors = 8;
    Evaluator evaluator;
    if (const std::string problem = enterSandbox(limits); !problem.empty()) {
        std::fprintf(stderr, "sandbox: %s\n", problem.c_str());
        return ExitSandbox;
    }
    return attempted.empty() ? serve(evaluator) : attempt(attempted);
}
