// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a segment: the reader must end, and never give an item that is not in the bytes. The
// checksums are repaired first, so that the fuzzer reaches what lies behind them.
#include "appliance/spool/Crc32c.h"
#include "appliance/spool/EntryCodec.h"
#include "appliance/spool/SegmentReader.h"

#include <QtCore/QtEndian>

#include <algorithm>
#include <cstdlib>

using namespace portcullis::spool;

namespace {

constexpr quint64 spoolId = 42;
constexpr quint64 segmentNumber = 1;

class MemorySegment final : public SegmentSource
{
public:
    explicit MemorySegment(QByteArray bytes)
        : m_bytes(std::move(bytes))
    {
    }
    [[nodiscard]] qint64 size() const override { return m_bytes.size(); }
    [[nodiscard]] portcullis::Result<QByteArray> read(qint64 offset, qint64 length) const override
    {
        if (offset < 0 || length < 0) {
            std::abort();
        }
        return m_bytes.mid(offset, length);
    }

private:
    QByteArray m_bytes;
};

/// Makes headers that the fuzzer has begun with the magic valid, and their items too.
void repair(QByteArray &bytes)
{
    for (qint64 at = 64; at + FrameHeader::size <= bytes.size(); at += frameAlignment) {
        char *header = bytes.data() + at;
        if (QByteArrayView(header, 4) != "PMGf") {
            continue;
        }
        qToLittleEndian(quint32(1), header + 4);
        qToLittleEndian(segmentTag(spoolId, segmentNumber), header + 8);
        qToLittleEndian(static_cast<quint64>(at), header + 16);
        const auto itemBytes = static_cast<qint64>(qFromLittleEndian<quint32>(header + 48));
        if (at + FrameHeader::size + itemBytes <= bytes.size()) {
            qToLittleEndian(crc32c(QByteArrayView(header + FrameHeader::size, itemBytes)),
                            header + 56);
        }
        qToLittleEndian(crc32c(QByteArrayView(header, 60)), header + 60);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QByteArray bytes(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    if (size > 0 && data[0] % 2 == 0) {
        repair(bytes);
    }
    const MemorySegment segment(bytes);
    SegmentReader reader(segment, segmentNumber, spoolId);
    qint64 last = 0;
    const auto onItem = [&](const SegmentReader::Item &item) {
        const bool isInside = item.offset >= SegmentHeader::size
                              && item.offset + item.head.totalSize() <= segment.size();
        if (!isInside) {
            std::abort();
        }
        Entry entry;
        if (decodeBody(item.body, entry)) {
            normalise(entry);
            Entry again;
            if (!decodeBody(encodeBody(entry), again)) {
                std::abort();
            }
            (void)pendingDomains(entry);
        }
    };
    const auto onDefect = [&](qint64 from, qint64 to, SegmentReader::Defect) {
        if (from < 0 || to <= from || to > segment.size()) {
            std::abort();
        }
        last = std::max(last, to);
    };
    const SegmentReader::Outcome outcome = reader.walk(onItem, onDefect);
    if (outcome.usedEnd > std::max<qint64>(segment.size(), 0)) {
        std::abort();
    }
    return 0;
}
