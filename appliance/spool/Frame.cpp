// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Frame.h"

#include "appliance/spool/Crc32c.h"

#include <QtCore/QtEndian>

namespace portcullis::spool {

namespace {

constexpr quint64 segmentMagic = 0x4C4F4F5053474D50;  // "PMGSPOOL"
constexpr quint32 frameMagic = 0x66474D50;            // "PMGf"
constexpr quint32 formatVersion = 1;
constexpr qint64 segmentCrcAt = 56;
constexpr qint64 frameCrcAt = 60;

template<typename Number>
void put(char *at, Number value)
{
    qToLittleEndian(value, at);
}

template<typename Number>
Number get(QByteArrayView bytes, qint64 at)
{
    return qFromLittleEndian<Number>(bytes.data() + at);
}

}  // namespace

QByteArray SegmentHeader::encoded() const
{
    QByteArray bytes(size, '\0');
    char *at = bytes.data();
    put(at, segmentMagic);
    put(at + 8, formatVersion);
    put(at + 16, spoolId);
    put(at + 24, number);
    put(at + segmentCrcAt, crc32c(QByteArrayView(bytes).first(segmentCrcAt)));
    return bytes;
}

std::optional<SegmentHeader> SegmentHeader::decoded(QByteArrayView bytes)
{
    if (bytes.size() < size || get<quint64>(bytes, 0) != segmentMagic
        || get<quint32>(bytes, 8) != formatVersion
        || get<quint32>(bytes, segmentCrcAt) != crc32c(bytes.first(segmentCrcAt))) {
        return {};
    }
    return SegmentHeader{get<quint64>(bytes, 16), get<quint64>(bytes, 24)};
}

quint64 segmentTag(quint64 spoolId, quint64 segment)
{
    // splitmix64: neighbouring segments get tags that have nothing in common.
    quint64 mixed = spoolId + segment * 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
}

void FrameHeader::encodeTo(char *at) const
{
    put(at, frameMagic);
    put(at + 4, formatVersion);
    put(at + 8, tag);
    put(at + 16, offset);
    put(at + 24, sequence);
    put(at + 32, flushedTo);
    put(at + 40, payload);
    put(at + 48, itemBytes);
    put(at + 52, itemCount);
    put(at + 56, itemCrc);
    put(at + frameCrcAt, crc32c(QByteArrayView(at, frameCrcAt)));
}

std::optional<FrameHeader> FrameHeader::decoded(QByteArrayView bytes, quint64 tag, qint64 offset)
{
    if (bytes.size() < size || get<quint32>(bytes, 0) != frameMagic
        || get<quint32>(bytes, 4) != formatVersion || get<quint64>(bytes, 8) != tag
        || get<quint64>(bytes, 16) != static_cast<quint64>(offset)
        || get<quint32>(bytes, frameCrcAt) != crc32c(bytes.first(frameCrcAt))) {
        return {};
    }
    FrameHeader header;
    header.tag = tag;
    header.offset = static_cast<quint64>(offset);
    header.sequence = get<quint64>(bytes, 24);
    header.flushedTo = get<quint64>(bytes, 32);
    header.payload = get<quint64>(bytes, 40);
    header.itemBytes = get<quint32>(bytes, 48);
    header.itemCount = get<quint32>(bytes, 52);
    header.itemCrc = get<quint32>(bytes, 56);
    constexpr quint64 sane = 1ULL << 40;
    if (header.payload > sane || header.payload % frameAlignment != 0
        || header.itemBytes > header.payload) {
        return {};
    }
    return header;
}

void ItemHead::encodeTo(char *at) const
{
    put(at, static_cast<quint8>(kind));
    put(at + 1, static_cast<quint8>(stage));
    put(at + 2, static_cast<quint8>(direction));
    put(at + 3, quint8(0));
    put(at + 4, bodyCrc);
    put(at + 8, number);
    put(at + 16, firstSegment);
    put(at + 24, content.segment);
    put(at + 32, content.offset);
    put(at + 40, content.length);
    put(at + 48, content.crc);
    put(at + 52, domainBytes);
    put(at + 56, receivedAt);
    put(at + 64, nextAttempt);
    put(at + 72, bodyBytes);
    put(at + 76, quint32(0));
}

std::optional<ItemHead> ItemHead::decoded(QByteArrayView bytes)
{
    if (bytes.size() < size) {
        return {};
    }
    const auto kind = get<quint8>(bytes, 0);
    const auto stage = get<quint8>(bytes, 1);
    const auto direction = get<quint8>(bytes, 2);
    if (kind < 1 || kind > 2 || stage >= stageCount || direction > 1) {
        return {};
    }
    ItemHead head;
    head.kind = static_cast<ItemKind>(kind);
    head.stage = static_cast<Stage>(stage);
    head.direction = static_cast<mail::Direction>(direction);
    head.bodyCrc = get<quint32>(bytes, 4);
    head.number = get<quint64>(bytes, 8);
    head.firstSegment = get<quint64>(bytes, 16);
    head.content.segment = get<quint64>(bytes, 24);
    head.content.offset = get<quint64>(bytes, 32);
    head.content.length = get<quint64>(bytes, 40);
    head.content.crc = get<quint32>(bytes, 48);
    head.domainBytes = get<quint32>(bytes, 52);
    head.receivedAt = get<qint64>(bytes, 56);
    head.nextAttempt = get<qint64>(bytes, 64);
    head.bodyBytes = get<quint32>(bytes, 72);
    if (head.totalSize() > bytes.size()) {
        return {};
    }
    return head;
}

QByteArray queueIdOf(quint64 number)
{
    return QByteArray::number(number, 16).toUpper().rightJustified(13, '0');
}

std::optional<quint64> numberOf(QByteArrayView queueId)
{
    if (queueId.size() < 12 || queueId.size() > 16) {
        return {};
    }
    quint64 number = 0;
    for (const char digit : queueId) {
        const bool isDecimal = digit >= '0' && digit <= '9';
        if (!isDecimal && (digit < 'A' || digit > 'F')) {
            return {};
        }
        number = number << 4 | static_cast<quint64>(isDecimal ? digit - '0' : digit - 'A' + 10);
    }
    return number;
}

}  // namespace portcullis::spool
