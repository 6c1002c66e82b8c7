// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/learning/SnapshotTable.h"

#include <array>
#include <optional>

namespace portcullis::spam {

/// The snapshot file of the process that writes it. Not thread-safe.
class SnapshotFile
{
public:
    explicit SnapshotFile(QString path);

    /// Error `learn.snapshot` (transient).
    [[nodiscard]] Status save(const SnapshotTable &table);
    /// Whether somebody has removed, replaced or written to what was saved last: save it again. False
    /// before the first time.
    [[nodiscard]] bool wasTouched() const;

private:
    [[nodiscard]] std::optional<std::array<qint64, 4>> stamp() const;

    QString m_path;
    std::optional<std::array<qint64, 4>> m_saved;
};

}  // namespace portcullis::spam
