// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

namespace portcullis::delivery {

/// A file that is replaced as a whole and carries the SHA-256 of its content in front: what a crash
/// or a bad disk left of it is never taken for the whole.
///
/// Errors, all transient: `file.write`; `file.read` (also: larger than `most`), `file.damaged`.
/// A file that does not exist reads as empty.
Status writeChecksummed(const QString &path, const QByteArray &content);
Result<QByteArray> readChecksummed(const QString &path, qint64 most);

}  // namespace portcullis::delivery
