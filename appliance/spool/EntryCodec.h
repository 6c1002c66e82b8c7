// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Entry.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spool {

/// The metadata of an entry as bytes: everything but id, stage, direction, times and content, which
/// the item's head holds. Starts with a version byte; readers know all earlier versions.
[[nodiscard]] QByteArray encodeBody(const Entry &entry);

/// Fills `entry`. Errors: `spool.damaged`; never crashes, whatever the bytes are.
Status decodeBody(QByteArrayView bytes, Entry &entry);

/// Domains of the recipients that are pending, lower case, each once, space between.
[[nodiscard]] QByteArray pendingDomains(const Entry &entry);

/// Applies EntryLimits and gives every recipient its progress.
void normalise(Entry &entry);

[[nodiscard]] EntrySummary summaryOf(const Entry &entry);

}  // namespace portcullis::spool
