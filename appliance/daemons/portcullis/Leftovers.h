// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/Paths.h"

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace portcullis::daemons {

/// Programs of ours that still run below this root although no supervisor does (the caller holds the
/// InstanceLock): recognised by their command line. Other roots are never touched.
std::vector<pid_t> findLeftovers(const Paths &paths);

/// Ends them: SIGTERM (PostgreSQL: fast shutdown), after `patience` SIGKILL. Blocks until they are gone.
/// Returns how many there were.
int endLeftovers(const Paths &paths, std::chrono::milliseconds patience = std::chrono::seconds(20));

}  // namespace portcullis::daemons
