// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/SegmentReader.h"

#include "appliance/spool/Crc32c.h"

#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::spool {

namespace {

constexpr qint64 windowBytes = 4096;         ///< A header and the items of a usual message.
constexpr qint64 searchBlock = 1024 * 1024;  ///< Read at a time when looking for a frame.
constexpr qint64 tagOffset = 8;              ///< Of the tag in a frame header.

}  // namespace

SegmentReader::SegmentReader(const SegmentSource &source, quint64 segment, quint64 spoolId)
    : m_source(source)
    , m_segment(segment)
    , m_tag(segmentTag(spoolId, segment))
{
}

QByteArrayView SegmentReader::window(qint64 offset, qint64 length)
{
    const bool isInside = offset >= m_windowOffset
                          && offset + length <= m_windowOffset + m_window.size();
    if (!isInside) {
        auto bytes = m_source.read(offset, std::max(length, windowBytes));
        m_window = bytes ? std::move(*bytes) : QByteArray();
        m_windowOffset = offset;
    }
    const qint64 from = offset - m_windowOffset;
    return QByteArrayView(m_window).sliced(from, std::min(length, m_window.size() - from));
}

std::optional<SegmentReader::PendingFrame> SegmentReader::frameAt(qint64 offset)
{
    const auto header = FrameHeader::decoded(window(offset, FrameHeader::size), m_tag, offset);
    if (!header || header->end() > m_source.size()) {
        return {};
    }
    const QByteArrayView items = window(offset + FrameHeader::size, header->itemBytes);
    if (items.size() != static_cast<qsizetype>(header->itemBytes)
        || crc32c(items) != header->itemCrc) {
        return {};
    }
    return PendingFrame{*header, items.toByteArray()};
}

qint64 SegmentReader::nextFrame(qint64 from)
{
    const qint64 size = m_source.size();
    qint64 step = searchBlock;
    for (qint64 at = from; at + FrameHeader::size <= size;) {
        const auto block = m_source.read(at, std::min(step, size - at));
        if (!block || block->size() < FrameHeader::size) {
            // A bad sector: go on in its smallest steps.
            at += std::exchange(step, windowBytes) == windowBytes ? windowBytes : 0;
            continue;
        }
        for (qint64 i = 0; i + FrameHeader::size <= block->size(); i += frameAlignment) {
            if (qFromLittleEndian<quint64>(block->constData() + i + tagOffset) == m_tag
                && frameAt(at + i)) {
                return at + i;
            }
        }
        at += aligned(block->size() - FrameHeader::size + 1);
    }
    return size;
}

qint64 SegmentReader::endOfData(qint64 from) const
{
    qint64 end = m_source.size();
    while (end > from) {
        const qint64 start = std::max(from, end - searchBlock);
        const auto block = m_source.read(start, end - start);
        if (!block) {
            return end;
        }
        for (qint64 i = block->size(); i > 0; --i) {
            if ((*block)[i - 1] != '\0') {
                return start + i;
            }
        }
        end = start;
    }
    return from;
}

bool SegmentReader::hasSoundContents(const PendingFrame &frame) const
{
    QByteArrayView items(frame.items);
    for (quint32 i = 0; i < frame.header.itemCount; ++i) {
        const auto head = ItemHead::decoded(items);
        if (!head) {
            return false;
        }
        items = items.sliced(head->totalSize());
        const ContentPlace &place = head->content;
        if (head->kind != ItemKind::Put || place.segment != m_segment
            || place.offset < frame.header.offset) {
            continue;  // Elsewhere, and flushed before.
        }
        const auto end = static_cast<quint64>(frame.header.end());
        if (place.offset > end || place.length > end - place.offset) {
            return false;
        }
        quint32 crc = 0;
        for (quint64 done = 0; done < place.length;) {
            const auto step = std::min<quint64>(searchBlock, place.length - done);
            const auto bytes = m_source.read(static_cast<qint64>(place.offset + done),
                                             static_cast<qint64>(step));
            if (!bytes || bytes->isEmpty()) {
                return false;
            }
            crc = crc32c(*bytes, crc);
            done += static_cast<quint64>(bytes->size());
        }
        if (crc != place.crc) {
            return false;
        }
    }
    return true;
}

void SegmentReader::emitFrame(const PendingFrame &frame,
                              const OnItem &onItem,
                              const OnDefect &onDefect)
{
    QByteArrayView items(frame.items);
    qint64 offset = static_cast<qint64>(frame.header.offset) + FrameHeader::size;
    for (quint32 i = 0; i < frame.header.itemCount; ++i) {
        const auto head = ItemHead::decoded(items);
        if (!head) {
            onDefect(static_cast<qint64>(frame.header.offset), frame.header.end(), Defect::Damaged);
            return;
        }
        Item item{*head, offset, {}, {}};
        item.domains = items.sliced(ItemHead::size, head->domainBytes);
        item.body = items.sliced(ItemHead::size + head->domainBytes, head->bodyBytes);
        onItem(item);
        items = items.sliced(head->totalSize());
        offset += head->totalSize();
    }
}

void SegmentReader::emitFlushed(quint64 flushedTo, const OnItem &onItem, const OnDefect &onDefect)
{
    size_t done = 0;
    while (done < m_pending.size()
           && static_cast<quint64>(m_pending[done].header.end()) <= flushedTo) {
        emitFrame(m_pending[done], onItem, onDefect);
        ++done;
    }
    m_pending.erase(m_pending.begin(), m_pending.begin() + static_cast<std::ptrdiff_t>(done));
}

SegmentReader::Outcome SegmentReader::walk(const OnItem &onItem, const OnDefect &onDefect)
{
    Outcome outcome;
    outcome.hasHeader = SegmentHeader::decoded(window(0, SegmentHeader::size)).has_value();
    const qint64 size = m_source.size();
    qint64 at = SegmentHeader::size;
    outcome.usedEnd = std::min(at, size);
    std::optional<std::pair<qint64, qint64>> hole;
    while (at + FrameHeader::size <= size) {
        auto frame = frameAt(at);
        if (!frame) {
            const qint64 next = nextFrame(at + frameAlignment);
            if (next >= size) {
                break;
            }
            hole = {at, next};
            at = next;
            continue;
        }
        if (hole) {
            const bool wasFlushed = frame->header.flushedTo > static_cast<quint64>(hole->first);
            onDefect(hole->first, hole->second, wasFlushed ? Defect::Damaged : Defect::Unfinished);
            hole.reset();
        }
        emitFlushed(frame->header.flushedTo, onItem, onDefect);
        at = frame->header.end();
        outcome.usedEnd = at;
        ++outcome.frames;
        m_pending.push_back(std::move(*frame));
    }
    for (const PendingFrame &frame : m_pending) {
        if (hasSoundContents(frame)) {
            emitFrame(frame, onItem, onDefect);
        } else {
            onDefect(static_cast<qint64>(frame.header.offset), frame.header.end(),
                     Defect::Unfinished);
        }
    }
    m_pending.clear();
    const qint64 end = endOfData(std::min(at, size));
    if (end > at) {
        onDefect(at, end, Defect::Unfinished);
        outcome.usedEnd = end;
    }
    return outcome;
}

}  // namespace portcullis::spool
