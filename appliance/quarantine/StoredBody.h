// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

/// How the bytes of a mail are kept: one zstd frame, cut into chunks. Internal to quarantine.
namespace portcullis::quarantine {

constexpr qsizetype chunkBytes = 1024 * 1024;  ///< Larger values cost replication its memory.

/// At most chunkBytes each, at least one. Errors: `quarantine.unstorable`.
Result<std::vector<QByteArray>> packBody(QByteArrayView content);

/// Gives exactly `expectedBytes` bytes or the Error `quarantine.damaged`: a frame that says
/// otherwise cannot make us allocate more.
Result<QByteArray> unpackBody(QByteArrayView packed, qint64 expectedBytes);

}  // namespace portcullis::quarantine
