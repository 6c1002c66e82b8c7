// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/JournalReader.h"

#include "appliance/base/Log.h"
#include "appliance/tracking/EventJournal.h"
#include "appliance/tracking/Segment.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QtEndian>

#include <unistd.h>
#include <zlib.h>

#include <algorithm>

namespace portcullis::tracking {

namespace {

constexpr qint64 windowBytes = 512 * 1024;  ///< Read at a time; grows for a longer record.
constexpr qint64 salvageBytes = 8 << 20;    ///< Searched for sound records behind damage.
constexpr qint64 salvageEffort = 64 << 20;  ///< Bytes summed in that search, at most.

Error readError(const QString &path, const QString &reason)
{
    return Error::transient("tracking.journal-read", QStringLiteral("%1: %2").arg(path, reason));
}

bool isAllZero(QByteArrayView bytes)
{
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

/// Keeps a second name for the segment, so that removing the first leaves it for the administrator.
void setAside(const QString &folder, const SegmentName &segment, qint64 offset)
{
    const QByteArray from = QFile::encodeName(segment.path);
    if (::link(from.constData(), (from + ".damaged").constData()) != 0) {
        return;  // Set aside and reported before.
    }
    log::write(log::Severity::Error, "tracking.journal-damaged", {},
               {{"file", from + ".damaged"}, {"offset", QByteArray::number(offset)}});
    const QStringList kept = QDir(folder).entryList({QStringLiteral("*.damaged")}, QDir::Files,
                                                    QDir::Name);
    for (qsizetype i = 0; i + maxDamagedFiles < kept.size(); ++i) {
        QFile::remove(folder + QLatin1Char('/') + kept[i]);
    }
}

/// Reads one segment from an offset on.
class SegmentScan
{
public:
    SegmentScan(const QString &folder, const SegmentName &segment, bool isSealed)
        : m_folder(folder)
        , m_segment(segment)
        , m_isSealed(isSealed)
        , m_file(segment.path)
    {
    }

    Result<JournalBatch> read(qint64 offset, int maxEvents)
    {
        if (!m_file.open(QIODevice::ReadOnly | QIODevice::Unbuffered)) {
            return readError(m_segment.path, m_file.errorString());
        }
        m_batch.mark = {m_segment.number, m_segment.identity, offset};
        if (!checkHead()) {
            return std::move(m_batch);
        }
        while (std::ssize(m_batch.events) < maxEvents) {
            const qint64 before = m_batch.mark.offset;
            TRY(readWindow(maxEvents));
            if (m_batch.isSegmentComplete || m_batch.mark.offset == before) {
                break;
            }
        }
        return std::move(m_batch);
    }

private:
    bool checkHead()
    {
        if (m_file.read(segmentHeadBytes) == segmentHead(m_segment.identity)) {
            return true;
        }
        if (m_isSealed && m_file.size() >= segmentHeadBytes) {
            setAside(m_folder, m_segment, 0);
        }
        m_batch.isSegmentComplete = m_isSealed;
        return false;
    }

    Status readWindow(int maxEvents)
    {
        QByteArray window = TRY(bytesAt(m_batch.mark.offset, windowBytes));
        if (window.size() >= recordHeadBytes) {
            const auto length = qFromLittleEndian<quint32>(window.constData());
            if (length <= maxRecordBytes && recordHeadBytes + length > window.size()) {
                window = TRY(bytesAt(m_batch.mark.offset, recordHeadBytes + length));
            }
        }
        qsizetype position = 0;
        while (std::ssize(m_batch.events) < maxEvents) {
            const qsizetype used = takeRecord(QByteArrayView(window).sliced(position));
            if (used == 0) {
                break;
            }
            position += used;
        }
        if (position == 0 && m_isSealed) {
            return skipUnreadable();
        }
        return ok();
    }

    Result<QByteArray> bytesAt(qint64 offset, qint64 count)
    {
        if (!m_file.seek(offset)) {
            return readError(m_segment.path, m_file.errorString());
        }
        const QByteArray bytes = m_file.read(count);
        if (bytes.isEmpty() && m_file.error() != QFileDevice::NoError) {
            return readError(m_segment.path, m_file.errorString());
        }
        return bytes;
    }

    /// Takes one whole record and gives its length; 0 if there is none here.
    qsizetype takeRecord(QByteArrayView bytes)
    {
        if (bytes.size() < recordHeadBytes) {
            return 0;
        }
        const auto length = qFromLittleEndian<quint32>(bytes.data());
        if (length == 0 || length > maxRecordBytes || bytes.size() < recordHeadBytes + length) {
            return 0;
        }
        const qsizetype used = recordHeadBytes + static_cast<qsizetype>(length);
        if (!isSound(bytes.first(used))) {
            return 0;  // Perhaps still being written; if not, it shows when the file is closed.
        }
        auto event = decodePayload(bytes.sliced(recordHeadBytes, length));
        if (!event) {
            return 0;
        }
        m_batch.mark.offset += used;
        m_batch.events.push_back(std::move(*event));
        m_batch.ends.push_back(m_batch.mark.offset);
        return used;
    }

    /// Nothing readable here in a closed segment: its end, a torn record as a crash leaves it, or
    /// damage, which shows by sound records further on or by bytes that never were a record.
    Status skipUnreadable()
    {
        const QByteArray rest = TRY(bytesAt(m_batch.mark.offset, salvageBytes));
        const qsizetype next = nextRecord(rest);
        const bool hasLength = rest.size() >= recordHeadBytes;
        const quint32 length = hasLength ? qFromLittleEndian<quint32>(rest.constData()) : 0;
        const bool isTorn = !hasLength || (length > 0 && length <= maxRecordBytes);
        if (next > 0 || (!isTorn && !isAllZero(rest))) {
            setAside(m_folder, m_segment, m_batch.mark.offset);
        }
        m_batch.mark.offset += next;
        m_batch.isSegmentComplete = next == 0;
        return ok();
    }

    /// Offset of the next sound record behind the start of `bytes`; 0 if there is none.
    static qsizetype nextRecord(QByteArrayView bytes)
    {
        qint64 effort = salvageEffort;
        for (qsizetype i = 1; i + recordHeadBytes < bytes.size() && effort > 0; ++i) {
            const QByteArrayView here = bytes.sliced(i);
            const auto length = qFromLittleEndian<quint32>(here.data());
            if (length == 0 || length > here.size() - recordHeadBytes
                || here[recordHeadBytes] != char(recordVersion)) {
                continue;
            }
            effort -= length;
            if (isSound(here.first(recordHeadBytes + static_cast<qsizetype>(length)))) {
                return i;
            }
        }
        return 0;
    }

    static bool isSound(QByteArrayView record)
    {
        const QByteArrayView payload = record.sliced(recordHeadBytes);
        const uLong sum = ::crc32_z(0, reinterpret_cast<const Bytef *>(payload.data()),
                                    static_cast<z_size_t>(payload.size()));
        return sum == qFromLittleEndian<quint32>(record.data() + 4);
    }

    const QString &m_folder;
    const SegmentName &m_segment;
    const bool m_isSealed;
    QFile m_file;
    JournalBatch m_batch;
};

}  // namespace

JournalReader::JournalReader(QString folder, const EventJournal *live)
    : m_folder(std::move(folder))
    , m_live(live)
{
}

Result<JournalBatch> JournalReader::read(const JournalMark &from, int maxEvents)
{
    // Asked before looking at the files: a segment below it is closed, whatever happens meanwhile.
    const quint64 active = m_live ? m_live->activeSegment() : std::numeric_limits<quint64>::max();
    const std::vector<SegmentName> segments = segmentsIn(m_folder);
    if (segments.empty()) {
        return JournalBatch{};
    }
    const SegmentName &oldest = segments.front();
    const bool isKnown = from.segment == oldest.number && from.identity == oldest.identity;
    const qint64 offset = std::max(isKnown ? from.offset : 0, segmentHeadBytes);
    return SegmentScan(m_folder, oldest, oldest.number < active).read(offset, maxEvents);
}

Result<JournalMark> JournalReader::oldest()
{
    if (!QDir(m_folder).isReadable()) {
        return readError(m_folder, QStringLiteral("the folder cannot be read"));
    }
    const std::vector<SegmentName> segments = segmentsIn(m_folder);
    if (segments.empty()) {
        return JournalMark{};
    }
    return JournalMark{segments.front().number, segments.front().identity, segmentHeadBytes};
}

Status JournalReader::finish(const JournalMark &mark)
{
    const QString path = segmentPath(m_folder, mark.segment, mark.identity);
    if (!QFile::remove(path) && QFile::exists(path)) {
        return readError(path, QStringLiteral("the file cannot be removed"));
    }
    return ok();
}

}  // namespace portcullis::tracking
