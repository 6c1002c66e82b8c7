// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace portcullis::sandbox {

/// What a process that reads hostile bytes may use. Plain C++: such helpers are built without Qt, or with
/// another version of it.
struct SandboxLimits {
    std::uint64_t memory = 512'000'000;  ///< Bytes of address space beyond what is mapped already.
    std::uint64_t cpuSeconds = 600;      ///< For the process's whole life.
    std::uint64_t descriptors = 32;      ///< Highest descriptor + 1.
    /// The only folder whose files may be opened, for reading. Null: no file may be opened at all.
    const char *readableFolder = nullptr;
};

/// Gives up, for ever, the rights to write, connect, execute, fork, signal or trace.
///
/// Descriptors that are open already stay usable. Where a readable folder is given, kernels without Landlock
/// (before Linux 5.13) let the process open any file for reading. Opening for writing, making sockets and
/// so on fail with EPERM; trying to execute a program kills the process. Returns an empty string, or what
/// could not be set up: the caller then must not go on.
std::string enterSandbox(const SandboxLimits &limits);

}  // namespace portcullis::sandbox
