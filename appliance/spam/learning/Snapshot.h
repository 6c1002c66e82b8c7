// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <array>
#include <chrono>
#include <memory>
#include <optional>

/// Snapshots: what was learnt, as a file that workers map and look things up in without a database. The
/// file is a hash table with open addressing behind a short head, in the byte order of this machine; it
/// is never changed, only replaced.
namespace portcullis::spam {

/// What a file is about; part of its head, so that one is never taken for the other.
enum class SnapshotKind : quint32 { Bayes = 1, Reputation = 2 };

/// One entry. Key 0 is an empty slot.
///
/// Bayes: key is the token (40 bits) and in the lower 24 bits the hours since 1970 when it was last of
/// use; first and second are the messages with it, spam and ham. Reputation: key is a hash of the
/// address, first the number of messages, second the sum of their scores in thousandths.
struct SnapshotSlot {
    quint64 key = 0;
    quint32 first = 0;
    quint32 second = 0;
};

/// Bayes: messages learnt, spam and ham; the rest is not used yet.
using SnapshotTotals = std::array<qint64, 4>;

/// A snapshot in bytes that somebody else keeps. Whatever the bytes are, nothing is read outside them
/// and every search ends.
class SnapshotView
{
public:
    /// Nothing: not a snapshot of this kind.
    static std::optional<SnapshotView> of(QByteArrayView bytes, SnapshotKind kind);

    [[nodiscard]] const SnapshotSlot *find(quint64 key) const;
    [[nodiscard]] const SnapshotTotals &totals() const { return m_totals; }
    [[nodiscard]] quint64 entries() const { return m_entries; }

private:
    friend class SnapshotTable;
    SnapshotView() = default;

    const SnapshotSlot *m_slots = nullptr;
    quint64 m_mask = 0;
    quint32 m_longestProbe = 0;
    int m_ignoredBits = 0;
    quint64 m_entries = 0;
    SnapshotTotals m_totals{};
};

/// Maps a snapshot file and takes the new one when it was replaced. One thread.
class SnapshotReader
{
public:
    SnapshotReader(QString path, SnapshotKind kind);
    ~SnapshotReader();
    Q_DISABLE_COPY_MOVE(SnapshotReader)

    /// The present snapshot, valid until the next call; null: there is none that can be used. A file
    /// that is broken leaves the one before in force. Costs one stat().
    const SnapshotView *current();

private:
    struct Mapping;
    QString m_path;
    QByteArray m_encodedPath;
    SnapshotKind m_kind;
    std::array<qint64, 4> m_stamp{};  ///< Of the file that was looked at last.
    std::unique_ptr<Mapping> m_mapping;
};

}  // namespace portcullis::spam
