// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Entry.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

/// How transactions look on disk. All numbers are little-endian, all parts 8-byte aligned:
///
///     segment = file header (64) · frame · frame · … · zeros
///     frame   = header (64) · items · contents         one transaction, valid as a whole
///     item    = head (80) · domains · body             an entry as it is now, or its removal
///
/// A frame carries the tag of its segment, made from a random number of this spool, and its own
/// offset. A message that holds bytes of a frame, sent by whoever knows this source, is therefore
/// never taken for one when a reader looks for the next frame behind a damage.
namespace portcullis::spool {

constexpr qint64 frameAlignment = 8;
constexpr qint64 aligned(qint64 size)
{
    return (size + frameAlignment - 1) & ~(frameAlignment - 1);
}

struct SegmentHeader {
    static constexpr qint64 size = 64;
    quint64 spoolId = 0;
    quint64 number = 0;

    [[nodiscard]] QByteArray encoded() const;
    static std::optional<SegmentHeader> decoded(QByteArrayView bytes);
};

/// What only frames of this segment of this spool carry.
[[nodiscard]] quint64 segmentTag(quint64 spoolId, quint64 segment);

struct FrameHeader {
    static constexpr qint64 size = 64;
    quint64 tag = 0;
    quint64 offset = 0;     ///< Of this header in the file.
    quint64 sequence = 0;   ///< Grows by one a frame since the process started.
    quint64 flushedTo = 0;  ///< All before this offset was on stable storage when this was written.
    quint64 payload = 0;    ///< Bytes after the header: items and contents.
    quint32 itemBytes = 0;
    quint32 itemCount = 0;
    quint32 itemCrc = 0;

    [[nodiscard]] qint64 end() const
    {
        return static_cast<qint64>(offset) + size + static_cast<qint64>(payload);
    }
    void encodeTo(char *at) const;
    /// Nothing if the bytes are not a header with this tag that stands at this offset.
    static std::optional<FrameHeader> decoded(QByteArrayView bytes, quint64 tag, qint64 offset);
};

enum class ItemKind : quint8 { Put = 1, Remove = 2 };

/// Where bytes lie: a segment by number and the range in it.
struct ContentPlace {
    quint64 segment = 0;
    quint64 offset = 0;
    quint64 length = 0;
    quint32 crc = 0;
};

struct ItemHead {
    static constexpr qint64 size = 80;
    ItemKind kind = ItemKind::Put;
    Stage stage = Stage::Deliverable;
    mail::Direction direction = mail::Direction::In;
    quint64 number = 0;        ///< The queue id.
    quint64 firstSegment = 0;  ///< No older segment holds anything of this entry.
    ContentPlace content;
    qint64 receivedAt = 0;   ///< Microseconds of the epoch.
    qint64 nextAttempt = 0;  ///< Microseconds of the epoch.
    quint32 domainBytes = 0;
    quint32 bodyBytes = 0;
    quint32 bodyCrc = 0;  ///< Of domains and body.

    [[nodiscard]] qint64 totalSize() const { return aligned(size + domainBytes + bodyBytes); }
    void encodeTo(char *at) const;
    /// Nothing if the head is not sound or the item does not fit into `bytes`.
    static std::optional<ItemHead> decoded(QByteArrayView bytes);
};

/// "61A4F0B2C3D4E" for a number, and back; nothing for what is not a queue id of ours.
[[nodiscard]] QByteArray queueIdOf(quint64 number);
[[nodiscard]] std::optional<quint64> numberOf(QByteArrayView queueId);

}  // namespace portcullis::spool
