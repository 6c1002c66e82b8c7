// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"
#include "shared/base/Result.h"

#include <sys/types.h>

#include <memory>
#include <optional>

namespace portcullis::daemons {

/// At most one supervisor a root folder. The kernel's record lock says who holds it, so a stale pid
/// file cannot mislead anybody and a crash frees it.
class InstanceLock
{
public:
    /// Errors: `supervisor.running` with the holder's pid; `supervisor.unwritable`.
    static Result<std::unique_ptr<InstanceLock>> take(const Paths &paths);

    /// Who holds the lock of that root folder; nothing if nobody does.
    static std::optional<pid_t> holder(const Paths &paths);

    ~InstanceLock();
    InstanceLock(const InstanceLock &) = delete;
    InstanceLock &operator=(const InstanceLock &) = delete;

private:
    explicit InstanceLock(int descriptor)
        : m_descriptor(descriptor)
    {
    }
    int m_descriptor;
};

}  // namespace portcullis::daemons
