// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/LogWriter.h"

#include "appliance/spool/Crc32c.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace portcullis::spool {

namespace {

constexpr std::array<char, frameAlignment> padding{};

}  // namespace

LogWriter::LogWriter(Folder &folder, Index &index, const SpoolSettings &settings)
    : m_folder(folder)
    , m_index(index)
    , m_settings(settings)
{
}

bool LogWriter::hasRoomFor(qint64 frameBytes) const
{
    return m_segment && m_batchEnd + frameBytes <= m_segment->size();
}

Status LogWriter::roll(qint64 frameBytes, Need need)
{
    seal();
    const qint64 least = SegmentHeader::size + frameBytes;
    qint64 wanted = std::max(m_settings.segmentBytes, least);
    if (need == Need::Ordinary) {
        // Removals and retries must go on when new mail is refused already.
        const qint64 free = m_folder.room().bytes - m_settings.minFreeBytes;
        if (free < least) {
            return Error::transient("spool.full",
                                    QStringLiteral("%1 bytes are left of the disk").arg(free));
        }
        wanted = std::clamp(free, least, wanted);
    }
    m_segment = TRY(m_folder.createSegment(wanted, least, need == Need::Essential));
    m_flushedEnd = SegmentHeader::size;
    m_writtenEnd = SegmentHeader::size;
    m_batchEnd = SegmentHeader::size;
    m_index.addSegment(m_segment, true);
    m_folder.keepReserve();
    return ok();
}

void LogWriter::seal()
{
    if (!m_segment) {
        return;
    }
    // Failing to give space back loses nothing; the segment goes as a whole one day.
    (void)m_segment->truncate(m_writtenEnd).has_value();
    m_index.noteUsed(m_segment->number(), m_writtenEnd, false);
    m_segment.reset();
}

void LogWriter::close()
{
    seal();
}

char *LogWriter::extendArena(qint64 bytes)
{
    const qsizetype offset = m_arena.size();
    m_arena.resize(offset + bytes);
    m_pieces.push_back({offset, {}, bytes});
    return m_arena.data() + offset;
}

void LogWriter::placeContents(StagedFrame &frame, quint64 segment, qint64 offset)
{
    std::vector<ContentPlace> places;
    places.reserve(frame.contents.size());
    for (const NewContent &content : frame.contents) {
        places.push_back({segment, static_cast<quint64>(offset),
                          static_cast<quint64>(content.content.size()), content.crc});
        offset += aligned(content.content.size());
    }
    for (StagedItem &item : frame.items) {
        if (item.content >= 0) {
            item.head.content = places[static_cast<size_t>(item.content)];
        }
        if (item.head.firstSegment == 0) {
            item.head.firstSegment = segment;
        }
    }
}

void LogWriter::appendItems(StagedFrame &frame, qint64 frameOffset, char *at) const
{
    qint64 offset = frameOffset + FrameHeader::size;
    for (StagedItem &item : frame.items) {
        const qint64 total = item.head.totalSize();
        item.offset = offset;
        item.head.encodeTo(at);
        char *text = at + ItemHead::size;
        std::memcpy(text, item.domains.constData(), static_cast<size_t>(item.domains.size()));
        text += item.domains.size();
        std::memcpy(text, item.body.constData(), static_cast<size_t>(item.body.size()));
        text += item.body.size();
        std::memset(text, 0, static_cast<size_t>(at + total - text));
        at += total;
        offset += total;
    }
}

void LogWriter::append(StagedFrame &frame)
{
    const qint64 itemBytes = frame.itemBytes();
    const qint64 offset = m_batchEnd;
    frame.segment = m_segment->number();
    placeContents(frame, frame.segment, offset + FrameHeader::size + itemBytes);

    char *at = extendArena(FrameHeader::size + itemBytes);
    appendItems(frame, offset, at + FrameHeader::size);

    FrameHeader header;
    header.tag = segmentTag(m_folder.spoolId(), frame.segment);
    header.offset = static_cast<quint64>(offset);
    header.sequence = ++m_sequence;
    header.flushedTo = static_cast<quint64>(m_flushedEnd);
    header.payload = static_cast<quint64>(frame.size() - FrameHeader::size);
    header.itemBytes = static_cast<quint32>(itemBytes);
    header.itemCount = static_cast<quint32>(frame.items.size());
    header.itemCrc = crc32c(QByteArrayView(at + FrameHeader::size, itemBytes));
    header.encodeTo(at);

    for (const NewContent &content : frame.contents) {
        const QByteArrayView bytes = content.content.view();
        m_contents.push_back(content.content);
        m_pieces.push_back({0, bytes, bytes.size()});
        if (const qint64 rest = aligned(bytes.size()) - bytes.size(); rest > 0) {
            m_pieces.push_back({0, QByteArrayView(padding.data(), rest), rest});
        }
    }
    m_batchEnd = header.end();
}

Status LogWriter::write()
{
    std::vector<iovec> vectors;
    vectors.reserve(m_pieces.size());
    for (const Piece &piece : m_pieces) {
        const char *start = piece.bytes.isNull() ? m_arena.constData() + piece.arenaOffset
                                                 : piece.bytes.data();
        if (piece.size > 0) {
            vectors.push_back({const_cast<char *>(start), static_cast<size_t>(piece.size)});
        }
    }
    const Status written = m_segment->write(vectors, m_writtenEnd);
    m_arena.resize(0);
    m_pieces.clear();
    m_contents.clear();
    if (written) {
        m_writtenEnd = m_batchEnd;
        m_index.noteUsed(m_segment->number(), m_writtenEnd, true);
        return written;
    }
    // What a failed write has left must not be found later behind a shorter, newer one.
    m_batchEnd = m_writtenEnd;
    TRY(m_segment->truncate(m_writtenEnd));
    // Lazy changes written before are promised with the next flush, and this segment gets no other.
    TRY(flush());
    seal();
    return written;
}

Status LogWriter::flush()
{
    if (!needsFlush()) {
        return ok();
    }
    TRY(m_segment->flush());
    m_flushedEnd = m_writtenEnd;
    return ok();
}

}  // namespace portcullis::spool
