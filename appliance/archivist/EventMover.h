// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/tracking/JournalReader.h"
#include "appliance/tracking/TrackingStore.h"

#include <QtCore/QString>

namespace portcullis::archivist {

/// Moves events from the journal to the store, a batch a call. Used on one thread.
class EventMover
{
public:
    /// Events that the store refuses for good go to `unstorable.records` in `folder`.
    EventMover(QString folder,
               const tracking::EventJournal *live,
               tracking::TrackingStore &store,
               int eventsPerBatch);

    /// Whether more waits right now. On a transient failure nothing is lost and nothing forgotten;
    /// call again later. Errors: `tracking.unavailable`, `tracking.journal-read`, and
    /// `archivist.refused` if the store refuses event after event, which is hardly their fault.
    Result<bool> move();

    [[nodiscard]] qint64 movedEvents() const { return m_moved; }

private:
    Result<bool> moveBatch();
    Status findStart();
    Status store(const tracking::JournalBatch &batch, size_t first, size_t last);
    Status setAside(const tracking::TrackingEvent &event, const Error &why);

    QString m_folder;
    tracking::JournalReader m_reader;
    tracking::TrackingStore &m_store;
    int m_eventsPerBatch;
    tracking::JournalMark m_mark;  ///< Identity 0: the store must be asked.
    qint64 m_moved = 0;
    int m_refusedInBatch = 0;
};

}  // namespace portcullis::archivist
