// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace portcullis::archive {

/// What a process that reads hostile archives may use.
struct SandboxLimits {
    std::uint64_t memory = 512'000'000;  ///< Bytes of address space beyond what is mapped already.
    std::uint64_t cpuSeconds = 600;      ///< For the process's whole life.
    std::uint64_t descriptors = 32;      ///< Highest descriptor + 1.
};

/// Gives up, for ever, the rights to write, connect, execute, fork, signal or trace.
///
/// Descriptors that are open already stay usable. Files may still be opened for reading, because the
/// MIME database looks now and then whether its files have changed; with Landlock (Linux 5.13) only
/// those below /usr/share/mime. Opening for writing, making sockets and so on fail with EPERM; trying to
/// execute a program kills the process. Returns an empty string, or what could not be set up: the
/// caller then must not go on.
std::string enterSandbox(const SandboxLimits &limits);

}  // namespace portcullis::archive
