// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archivist/EventMover.h"

#include "appliance/base/Log.h"

#include <QtCore/QFile>

namespace portcullis::archivist {

namespace {

constexpr int maxRefusedPerBatch = 32;
constexpr qint64 maxUnstorableBytes = 64LL << 20;  ///< Of the file of refused events.

}  // namespace

EventMover::EventMover(QString folder,
                       const tracking::EventJournal *live,
                       tracking::TrackingStore &store,
                       int eventsPerBatch)
    : m_folder(folder)
    , m_reader(std::move(folder), live)
    , m_store(store)
    , m_eventsPerBatch(eventsPerBatch)
{
}

Result<bool> EventMover::move()
{
    Result<bool> moved = moveBatch();
    if (!moved) {
        // Whether the last commit came through is not known: ask before going on.
        m_mark = {};
    }
    return moved;
}

Result<bool> EventMover::moveBatch()
{
    if (m_mark.identity == 0) {
        TRY(findStart());
    }
    if (m_mark.identity == 0) {
        return false;
    }
    const tracking::JournalBatch batch = TRY(m_reader.read(m_mark, m_eventsPerBatch));
    if (batch.mark.identity != m_mark.identity) {
        TRY(m_store.forget(m_mark));  // The journal dropped this segment to stay within its limit.
        m_mark = {};
        return batch.mark.identity != 0;
    }
    if (!batch.events.empty()) {
        m_refusedInBatch = 0;
        TRY(store(batch, 0, batch.events.size()));
    }
    m_mark = batch.mark;
    if (batch.isSegmentComplete) {
        TRY(m_reader.finish(m_mark));
        TRY(m_store.forget(m_mark));
        m_mark = {};
        return true;
    }
    return std::ssize(batch.events) >= m_eventsPerBatch;
}

Status EventMover::findStart()
{
    const tracking::JournalMark oldest = TRY(m_reader.oldest());
    if (oldest.identity != 0) {
        m_mark = TRY(m_store.progress(oldest));
    }
    return ok();
}

/// Stores events [first, last) of the batch; refused ones are found by halving.
// NOLINTNEXTLINE(misc-no-recursion) depth is the logarithm of the batch size
Status EventMover::store(const tracking::JournalBatch &batch, size_t first, size_t last)
{
    tracking::JournalMark mark = batch.mark;
    mark.offset = batch.ends[last - 1];
    const auto begin = batch.events.begin();
    const bool isWhole = last - first == batch.events.size();
    const Status stored = isWhole ? m_store.append(batch.events, mark)
                                  : m_store.append({begin + static_cast<ptrdiff_t>(first),
                                                    begin + static_cast<ptrdiff_t>(last)},
                                                   mark);
    if (stored) {
        m_moved += static_cast<qint64>(last - first);
        return ok();
    }
    if (stored.error().isTransient()) {
        return stored;
    }
    if (last - first > 1) {
        const size_t middle = first + (last - first) / 2;
        TRY(store(batch, first, middle));
        return store(batch, middle, last);
    }
    if (++m_refusedInBatch > maxRefusedPerBatch) {
        return Error::transient("archivist.refused", stored.error().toString());
    }
    TRY(setAside(batch.events[first], stored.error()));
    return m_store.append({}, mark);
}

Status EventMover::setAside(const tracking::TrackingEvent &event, const Error &why)
{
    QFile file(m_folder + QStringLiteral("/unstorable.records"));
    QByteArray record;
    tracking::encodeRecord(event, record);
    const bool isKept = file.size() < maxUnstorableBytes
                        && file.open(QIODevice::WriteOnly | QIODevice::Append)
                        && file.write(record) == record.size() && file.flush();
    log::write(log::Severity::Error, "archivist.event-refused", event.queueId,
               {{"kind", tracking::nameOf(event.kind)},
                {"reason", why.detail.toUtf8()},
                {"kept", isKept ? QFile::encodeName(file.fileName()) : QByteArray("no")}});
    return ok();
}

}  // namespace portcullis::archivist
