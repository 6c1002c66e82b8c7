// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/EventJournal.h"

#include "appliance/base/Log.h"
#include "appliance/tracking/JournalReader.h"
#include "appliance/tracking/Segment.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QRandomGenerator>
#include <QtCore/QtEndian>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace portcullis::tracking {

namespace {

constexpr qsizetype eagerBytes = 256 * 1024;  ///< So much buffered is written without waiting.
constexpr std::chrono::seconds pauseAfterFailure{1};

/// Length of whole records at the front of `records` that make up at least `wanted` bytes.
std::pair<qsizetype, quint64> recordsOf(const QByteArray &records, qsizetype wanted)
{
    qsizetype end = 0;
    quint64 count = 0;
    while (end < wanted && end + recordHeadBytes <= records.size()) {
        end += recordHeadBytes + qFromLittleEndian<quint32>(records.constData() + end);
        ++count;
    }
    return {end, count};
}

}  // namespace

/// The buffer, the thread that empties it, and the file it goes to.
class EventJournal::Writer
{
public:
    Writer(QString folder, JournalLimits limits, int lock)
        : m_folder(std::move(folder))
        , m_limits(limits)
        , m_lock(lock)
    {
        const auto segments = segmentsIn(m_folder);
        m_active = segments.empty() ? 1 : segments.back().number + 1;
        m_thread = std::thread([this] { run(); });
    }

    ~Writer()
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_isStopping = true;
        }
        m_work.notify_one();
        m_thread.join();
        if (m_file >= 0) {
            ::close(m_file);
        }
        ::close(m_lock);
    }
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;

    /// A view, not a QByteArray: the buffer must get a copy, not a share of the caller's block.
    void append(QByteArrayView record)
    {
        bool isEager = false;
        {
            const std::scoped_lock lock(m_mutex);
            m_buffer.append(record);
            limitBuffer();
            isEager = m_buffer.size() == record.size() || m_buffer.size() > eagerBytes;
        }
        if (isEager) {
            m_work.notify_one();
        }
    }

    void flush()
    {
        std::unique_lock lock(m_mutex);
        const quint64 wanted = m_passesBegun + 1;
        m_isFlushWanted = true;
        m_work.notify_one();
        m_passed.wait(lock, [&] { return m_passesEnded >= wanted; });
    }

    [[nodiscard]] quint64 activeSegment() const { return m_active.load(); }
    [[nodiscard]] quint64 droppedEvents() const { return m_dropped.load(); }

private:
    void run();
    void rest(std::unique_lock<std::mutex> &lock);
    void limitBuffer();
    bool write(const QByteArray &records);
    bool openSegment();
    void closeSegment();
    void limitTotal();
    void reportFailure(const char *what);
    void reportSuccess();

    const QString m_folder;
    const JournalLimits m_limits;
    const int m_lock;

    std::mutex m_mutex;
    std::condition_variable m_work;
    std::condition_variable m_passed;
    QByteArray m_buffer;  ///< Whole records. This and the following: guarded by m_mutex.
    quint64 m_passesBegun = 0;
    quint64 m_passesEnded = 0;
    bool m_isFlushWanted = false;
    bool m_isStopping = false;

    std::atomic<quint64> m_active{1};
    std::atomic<quint64> m_dropped{0};

    int m_file = -1;  ///< This and the following: the writing thread's own.
    qint64 m_fileSize = 0;
    bool m_isFailing = false;
    quint64 m_droppedReported = 0;
    std::thread m_thread;
};

void EventJournal::Writer::run()
{
    std::unique_lock lock(m_mutex);
    while (true) {
        rest(lock);
        QByteArray records = std::exchange(m_buffer, {});
        m_isFlushWanted = false;
        ++m_passesBegun;
        const bool isLast = m_isStopping;
        lock.unlock();
        const bool isWritten = records.isEmpty() || write(records);
        lock.lock();
        if (!isWritten) {
            m_buffer.prepend(records);
            limitBuffer();
        }
        ++m_passesEnded;
        m_passed.notify_all();
        if (isLast) {
            return;
        }
        if (!isWritten) {
            m_work.wait_for(lock, pauseAfterFailure, [this] { return m_isStopping; });
        }
    }
}

/// Until there is something to write and it has waited for company, or somebody is in a hurry.
void EventJournal::Writer::rest(std::unique_lock<std::mutex> &lock)
{
    const auto isUrgent = [this] {
        return m_isStopping || m_isFlushWanted || m_buffer.size() > eagerBytes;
    };
    m_work.wait(lock, [&] { return isUrgent() || !m_buffer.isEmpty(); });
    if (!isUrgent()) {
        m_work.wait_for(lock, m_limits.flushInterval, isUrgent);
    }
}

/// Drops the older half of the buffer's bytes when it is over its limit.
void EventJournal::Writer::limitBuffer()
{
    if (m_buffer.size() <= m_limits.bufferBytes) {
        return;
    }
    const auto [bytes, count] = recordsOf(m_buffer, m_buffer.size() - m_limits.bufferBytes / 2);
    m_buffer.remove(0, bytes);
    m_dropped += count;
}

bool EventJournal::Writer::write(const QByteArray &records)
{
    if (m_file < 0 && !openSegment()) {
        reportFailure("open");
        return false;
    }
    qsizetype written = 0;
    while (written < records.size()) {
        const ssize_t count = ::write(m_file, records.constData() + written,
                                      static_cast<size_t>(records.size() - written));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            reportFailure("write");
            // Half a record must not stay: what follows it would be unreadable.
            if (::ftruncate(m_file, m_fileSize) != 0
                || ::lseek(m_file, m_fileSize, SEEK_SET) != m_fileSize) {
                closeSegment();
            }
            return false;
        }
        written += count;
    }
    m_fileSize += records.size();
    reportSuccess();
    if (m_fileSize >= m_limits.segmentBytes) {
        closeSegment();
        limitTotal();
    }
    return true;
}

bool EventJournal::Writer::openSegment()
{
    const quint64 identity = QRandomGenerator::system()->generate64();
    const QByteArray path = QFile::encodeName(segmentPath(m_folder, m_active, identity));
    const int file = ::open(path.constData(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file < 0) {
        return false;
    }
    const QByteArray head = segmentHead(identity);
    if (::write(file, head.constData(), static_cast<size_t>(head.size())) != head.size()) {
        ::close(file);
        ::unlink(path.constData());
        return false;
    }
    m_file = file;
    m_fileSize = head.size();
    return true;
}

void EventJournal::Writer::closeSegment()
{
    ::close(m_file);
    m_file = -1;
    ++m_active;  // From here on a reader takes the end of the old file for its end.
}

void EventJournal::Writer::limitTotal()
{
    std::vector<SegmentName> segments = segmentsIn(m_folder);
    qint64 total = 0;
    for (const SegmentName &segment : segments) {
        total += segment.size;
    }
    for (size_t i = 0; i + 1 < segments.size() && total > m_limits.totalBytes; ++i) {
        const quint64 count = countRecords(segments[i].path);
        if (QFile::remove(segments[i].path)) {
            total -= segments[i].size;
            m_dropped += count;
        }
    }
    reportSuccess();
}

void EventJournal::Writer::reportFailure(const char *what)
{
    if (!std::exchange(m_isFailing, true)) {
        log::write(log::Severity::Error, "tracking.journal-failing", {},
                   {{"what", what}, {"reason", std::strerror(errno)}});
    }
}

void EventJournal::Writer::reportSuccess()
{
    const quint64 dropped = m_dropped.load();
    if (dropped != m_droppedReported) {
        log::write(log::Severity::Warning, "tracking.events-dropped", {},
                   {{"events", QByteArray::number(dropped - m_droppedReported)}});
        m_droppedReported = dropped;
    }
    if (std::exchange(m_isFailing, false)) {
        log::write(log::Severity::Notice, "tracking.journal-works", {}, {});
    }
}

EventJournal::EventJournal(std::unique_ptr<Writer> writer)
    : m_writer(std::move(writer))
{
}

EventJournal::~EventJournal() = default;

Result<std::unique_ptr<EventJournal>> EventJournal::open(const QString &folder,
                                                         JournalLimits limits)
{
    if (!QDir().mkpath(folder)) {
        return Error::transient("tracking.journal-open",
                                QStringLiteral("cannot make the folder %1").arg(folder));
    }
    const QByteArray path = QFile::encodeName(folder + QStringLiteral("/lock"));
    const int lock = ::open(path.constData(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock < 0) {
        return Error::fromErrno("tracking.journal-open", folder, errno);
    }
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock);
        return Error::permanent("tracking.journal-busy",
                                QStringLiteral("another process writes to %1").arg(folder));
    }
    return std::unique_ptr<EventJournal>(
        new EventJournal(std::make_unique<Writer>(folder, limits, lock)));
}

void EventJournal::append(TrackingEvent event)
{
    if (event.at == Clock::WallTime{}) {
        event.at = SystemClock::instance().wall();
    }
    if (event.queueId.isEmpty()) {
        event.queueId = makeRefusalId(event.at);
    }
    writeLogLine(event);
    QByteArray record;
    record.reserve(512);
    encodeRecord(event, record);
    m_writer->append(record);
}

void EventJournal::flush()
{
    m_writer->flush();
}

quint64 EventJournal::activeSegment() const
{
    return m_writer->activeSegment();
}

quint64 EventJournal::droppedEvents() const
{
    return m_writer->droppedEvents();
}

}  // namespace portcullis::tracking
