// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/TrackingEvent.h"
#include "shared/base/Result.h"

#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <vector>

namespace portcullis::tracking {

class EventJournal;

/// How far one segment has been read: everything before `offset` is included.
struct JournalMark {
    quint64 segment = 0;   ///< Number, rising.
    quint64 identity = 0;  ///< Random, written in the segment's head.
    qint64 offset = 0;

    friend bool operator==(const JournalMark &, const JournalMark &) = default;
};

/// Some events in the order they were appended, all of one segment.
struct JournalBatch {
    std::vector<TrackingEvent> events;
    std::vector<qint64> ends;        ///< For each event the offset behind it.
    JournalMark mark;                ///< Where the next read goes on, once these are stored.
    bool isSegmentComplete = false;  ///< Nothing more will come from this segment.
};

/// Reads the journal for the one who moves events to the database. Used on one thread.
///
/// Segments are read by rising number. A record that does not check out is skipped; its segment is
/// set aside as `….damaged` and reported in the log once, and the sound records before and after it
/// are delivered. A torn end, as a crash leaves it, is no damage.
class JournalReader
{
public:
    /// `live` is the journal of this process that writes to the same folder; null if none does.
    explicit JournalReader(QString folder, const EventJournal *live = nullptr);

    /// Up to `maxEvents` events after `from`, whose segment must still be the oldest; a mark of
    /// another identity or segment means: from the start of the oldest. An empty batch without
    /// isSegmentComplete: nothing to read now.
    /// Errors: `tracking.journal-read` (transient).
    Result<JournalBatch> read(const JournalMark &from, int maxEvents);

    /// The mark at the start of the oldest segment; identity 0 if there is no segment.
    Result<JournalMark> oldest();

    /// Removes a segment that was read to its end and stored. Errors: `tracking.journal-read`.
    Status finish(const JournalMark &mark);

private:
    QString m_folder;
    const EventJournal *m_live;
};

/// @name The record format: length, CRC-32 of the payload, payload; all little-endian.
/// @{
constexpr int maxDamagedFiles = 16;  ///< Set aside; beyond this the oldest go.
constexpr qsizetype recordHeadBytes = 8;
constexpr quint8 recordVersion = 1;            ///< First byte of a payload.
constexpr qsizetype maxRecordBytes = 4 << 20;  ///< Longer evidence is left out of the event.

/// Appends the event as one record.
void encodeRecord(const TrackingEvent &event, QByteArray &out);

/// Payload to event. Hostile bytes give an Error `tracking.record`, never anything worse.
Result<TrackingEvent> decodePayload(QByteArrayView payload);
/// @}

}  // namespace portcullis::tracking
