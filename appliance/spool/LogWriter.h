// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Folder.h"
#include "appliance/spool/Index.h"
#include "appliance/spool/Stager.h"

#include <vector>

namespace portcullis::spool {

/// Appends frames to the newest segment: collects a batch, writes it with one call, flushes it with
/// another. Used by the committer only.
class LogWriter
{
public:
    LogWriter(Folder &folder, Index &index, const SpoolSettings &settings);

    [[nodiscard]] bool hasRoomFor(qint64 frameBytes) const;

    /// Seals the segment and makes the next. The batch must be written and flushed. With
    /// `Need::Essential` (no new mail, only changes) the emergency reserve may be used up.
    enum class Need { Ordinary, Essential };
    Status roll(qint64 frameBytes, Need need);

    /// Takes the frame into the batch and fills in all its places.
    void append(StagedFrame &frame);
    [[nodiscard]] qint64 batchBytes() const { return m_batchEnd - m_writtenEnd; }

    /// Writes the batch. `spool.full`: nothing of it counts, and the segment is sealed.
    Status write();
    Status flush();
    [[nodiscard]] bool needsFlush() const { return m_flushedEnd < m_writtenEnd; }

    /// Gives the unused rest of the segment back.
    void close();

private:
    /// A part of the batch: bytes of m_arena, or of a content.
    struct Piece {
        qsizetype arenaOffset = 0;
        QByteArrayView bytes;
        qsizetype size = 0;
    };
    char *extendArena(qint64 bytes);
    void appendItems(StagedFrame &frame, qint64 frameOffset, char *at) const;
    static void placeContents(StagedFrame &frame, quint64 segment, qint64 offset);
    void seal();

    Folder &m_folder;
    Index &m_index;
    const SpoolSettings &m_settings;
    std::shared_ptr<SegmentFile> m_segment;
    qint64 m_flushedEnd = 0;
    qint64 m_writtenEnd = 0;
    qint64 m_batchEnd = 0;
    quint64 m_sequence = 0;
    QByteArray m_arena;
    std::vector<Piece> m_pieces;
    std::vector<mail::Content> m_contents;  ///< Kept until written.
};

}  // namespace portcullis::spool
