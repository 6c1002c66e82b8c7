// SPDX-License-Identifier: GPL-2.0-or-later
// pmg-archive-inspector: lists what is in archives, on behalf of a filter worker, in a sandbox.
//
// Started by ArchiveInspector with a socket as descriptor 3; ends when the other side closes it. Of no
// use by hand, except for `--attempt WHAT`, with which the tests see that the sandbox holds.
#include "appliance/archive/protocol/Wire.h"
#include "appliance/daemons/archive-inspector/TypeDetector.h"
#include "appliance/daemons/archive-inspector/Walk.h"
#include "appliance/daemons/common/sandbox/Sandbox.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

namespace {

using namespace portcullis::archive;

constexpr int requestSocket = 3;
constexpr std::uint64_t maxRequest = 1024ULL * 1024 * 1024;
constexpr long maxCpuSeconds = 240;  ///< Then a fresh process takes over, well before RLIMIT_CPU.

enum Exit { ExitOk = 0, ExitUsage = 2, ExitProtocol = 3, ExitSandbox = 4, ExitAllowed = 5 };

bool readAll(char *target, std::size_t size)
{
    while (size > 0) {
        const ssize_t got = ::read(requestSocket, target, size);
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
        const ssize_t sent = ::send(requestSocket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
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

bool answer(const wire::Listing &listing)
{
    const std::string encoded = wire::encode(listing);
    const auto size = static_cast<std::uint32_t>(encoded.size());
    std::string frame;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        frame += static_cast<char>((size >> shift) & 0xff);
    }
    return writeAll(frame) && writeAll(encoded);
}

wire::Listing outOfMemory()
{
    wire::Listing listing;
    listing.flags = wire::LimitExceeded;
    listing.limit = wire::Limit::Memory;
    listing.detail = "out of memory";
    listing.retires = true;
    return listing;
}

bool isWornOut()
{
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec > maxCpuSeconds;
}

int serve(const TypeDetector &types)
{
    for (;;) {
        std::string head(wire::requestHeadSize, '\0');
        if (!readAll(head.data(), head.size())) {
            return ExitOk;
        }
        const auto request = wire::decodeRequestHead(head);
        if (!request || request->size > maxRequest) {
            return ExitProtocol;
        }
        wire::Listing listing;
        try {
            std::string bytes(request->size, '\0');
            if (!readAll(bytes.data(), bytes.size())) {
                return ExitOk;
            }
            listing = Walk(types, *request).run(bytes);
        } catch (const std::bad_alloc &) {
            listing = outOfMemory();
        }
        listing.retires = listing.retires || isWornOut();
        if (!answer(listing) || listing.retires) {
            return ExitOk;
        }
    }
}

/// Tries something forbidden; the exit status tells whether the sandbox let it happen. (Nothing can be
/// printed: standard output may be a file.)
int attempt(std::string_view what)
{
    const auto tell = [](bool isDenied) { return isDenied ? ExitOk : ExitAllowed; };
    if (what == "write") {
        return tell(::open("/tmp/pmg-archive-inspector-attempt", O_WRONLY | O_CREAT, 0600) < 0);
    }
    if (what == "append") {
        return tell(::open("/dev/null", O_RDWR) < 0);
    }
    if (what == "read") {
        return tell(::open("/etc/passwd", O_RDONLY) < 0);
    }
    if (what == "unlink") {
        return tell(::unlink("/tmp/pmg-archive-inspector-attempt") < 0 && errno != ENOENT);
    }
    if (what == "socket") {
        return tell(::socket(AF_INET, SOCK_STREAM, 0) < 0 && ::socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    }
    if (what == "signal") {
        return tell(::kill(::getppid(), 0) < 0);
    }
    if (what == "fork") {
        const pid_t child = ::fork();
        if (child == 0) {
            ::_exit(0);
        }
        return tell(child < 0);
    }
    if (what == "memory") {
        return tell(std::malloc(std::size_t(2) << 30U) == nullptr);
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
    portcullis::sandbox::SandboxLimits limits;
    limits.readableFolder =
        "/usr/share/mime";  // Qt looks now and then whether its files have changed.
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--attempt" && i + 1 < argc) {
            attempted = argv[++i];
        } else if (argument == "--memory" && i + 1 < argc) {
            limits.memory = std::strtoull(argv[++i], nullptr, 10);
        } else {
            std::fputs("pmg-archive-inspector is started by pmg-smtp-filter, not by hand.\n",
                       stderr);
            return ExitUsage;
        }
    }
    // Names in archives are bytes, most often UTF-8; the C locale would lose them.
    if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) {
        std::setlocale(LC_CTYPE, "");
    }
    const TypeDetector types;
    if (const std::string problem = enterSandbox(limits); !problem.empty()) {
        std::fprintf(stderr, "sandbox: %s\n", problem.c_str());
        return ExitSandbox;
    }
    return attempted.empty() ? serve(types) : attempt(attempted);
}
