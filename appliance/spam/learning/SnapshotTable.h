// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/learning/Snapshot.h"
#include "shared/base/Result.h"

#include <QtCore/QString>

#include <functional>
#include <vector>

namespace portcullis::spam {

/// What a snapshot is made of, in the memory of the process that writes it: the same slots, growing.
/// Not thread-safe.
class SnapshotTable
{
public:
    explicit SnapshotTable(SnapshotKind kind);

    /// The slot of a key, made if it is not there; valid until the next call. Of a Bayes key only the
    /// token counts, see SnapshotSlot.
    SnapshotSlot &at(quint64 key);
    [[nodiscard]] const SnapshotSlot *find(quint64 key) const;
    [[nodiscard]] qsizetype size() const { return m_used; }
    void clear();

    SnapshotTotals totals{};

    /// Writes the file anew and puts it in the place of the old one: readers see either. Slots whose
    /// counts are zero are left out. Error `learn.snapshot` (transient).
    [[nodiscard]] Status save(const QString &path) const;
    /// The bytes that save() writes.
    [[nodiscard]] QByteArray toBytes() const;

private:
    void grow();

    SnapshotKind m_kind;
    std::vector<SnapshotSlot> m_slots;
    qsizetype m_used = 0;
};

}  // namespace portcullis::spam
