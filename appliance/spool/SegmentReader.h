// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/SegmentFile.h"

#include <functional>
#include <vector>

namespace portcullis::spool {

/// Walks through the frames of a segment as a crash, a power cut or a bad disk has left it.
///
/// Reads headers and items only; contents are checked where they may never have been flushed. What
/// is no valid frame is reported, and the walk goes on with the next one that is valid.
class SegmentReader
{
public:
    /// One item of a valid frame. The views last during the call.
    struct Item {
        ItemHead head;
        qint64 offset = 0;  ///< Of the head in the file.
        QByteArrayView domains;
        QByteArrayView body;
    };
    using OnItem = std::function<void(const Item &)>;

    enum class Defect {
        Damaged,    ///< Was on stable storage and is not readable now.
        Unfinished  ///< At the end: a write that a crash cut short; normal after one.
    };
    using OnDefect = std::function<void(qint64 from, qint64 to, Defect defect)>;

    SegmentReader(const SegmentSource &source, quint64 segment, quint64 spoolId);

    struct Outcome {
        qint64 usedEnd = 0;  ///< Behind the last byte that is not zero.
        qint64 frames = 0;
        bool hasHeader = false;
    };
    Outcome walk(const OnItem &onItem, const OnDefect &onDefect);

private:
    struct PendingFrame {
        FrameHeader header;
        QByteArray items;
    };
    [[nodiscard]] QByteArrayView window(qint64 offset, qint64 length);
    [[nodiscard]] std::optional<PendingFrame> frameAt(qint64 offset);
    [[nodiscard]] qint64 nextFrame(qint64 from);
    [[nodiscard]] qint64 endOfData(qint64 from) const;
    [[nodiscard]] bool hasSoundContents(const PendingFrame &frame) const;
    void emitFrame(const PendingFrame &frame, const OnItem &onItem, const OnDefect &onDefect);
    void emitFlushed(quint64 flushedTo, const OnItem &onItem, const OnDefect &onDefect);

    const SegmentSource &m_source;
    quint64 m_segment;
    quint64 m_tag;
    QByteArray m_window;
    qint64 m_windowOffset = 0;
    std::vector<PendingFrame> m_pending;  ///< Not known to be flushed: one batch at most.
};

}  // namespace portcullis::spool
