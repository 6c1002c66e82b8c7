// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/verdict/Verdict.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <chrono>

namespace portcullis::verdict {

/// Asks pmg-smtp-filter and waits; for commands, which have no event loop.
/// Errors as FilterJob's.
Result<FilterResponse> askFilter(const QString &socketPath,
                                 const QString &scratchFolder,
                                 FilterRequest request,
                                 std::chrono::milliseconds timeout);

}  // namespace portcullis::verdict
