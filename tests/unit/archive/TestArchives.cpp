// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/archive/TestArchives.h"

#include <zlib.h>

#include <array>

namespace portcullis::archive::testing {

namespace {

quint32 crcOf(const QByteArray &bytes)
{
    return static_cast<quint32>(::crc32(0, reinterpret_cast<const Bytef *>(bytes.constData()),
                                        static_cast<uInt>(bytes.size())));
}

QByteArray deflated(const QByteArray &bytes)
{
    // qCompress: four bytes of length, then zlib's two of header and four of checksum around the data.
    return qCompress(bytes).mid(6).chopped(4);
}

QByteArray octal(quint64 value, int digits)
{
    return QByteArray::number(value, 8).rightJustified(digits, '0') + '\0';
}

}  // namespace

void appendNumber(QByteArray &bytes, quint64 value, int size)
{
    for (int i = 0; i < size; ++i) {
        bytes += i < 8 ? static_cast<char>((value >> (8 * i)) & 0xff) : '\0';
    }
}

void ZipWriter::add(const ZipPart &part)
{
    const QByteArray name = part.localName.isEmpty() ? part.name : part.localName;
    QByteArray packed = part.packed;
    if (packed.isEmpty()) {
        packed = part.isDeflated ? deflated(part.content) : part.content;
    }
    const quint32 crc = crcOf(part.content);
    const qsizetype offset = m_bytes.size() - m_base;
    m_bytes += "PK\3\4";
    appendNumber(m_bytes, 20, 2);
    appendNumber(m_bytes, part.flags, 2);
    appendNumber(m_bytes, part.isDeflated ? 8 : 0, 2);
    appendNumber(m_bytes, 0, 4);
    appendNumber(m_bytes, crc, 4);
    appendNumber(m_bytes, static_cast<quint64>(packed.size()), 4);
    appendNumber(
        m_bytes,
        static_cast<quint64>(part.claimedSize < 0 ? part.content.size() : part.claimedSize), 4);
    appendNumber(m_bytes, static_cast<quint64>(name.size()), 2);
    appendNumber(m_bytes, 0, 2);
    m_bytes += name + packed;
    m_last = part;
    m_lastPacked = packed;
    m_lastCrc = crc;
    m_lastOffset = offset;
    if (part.isListed) {
        list(part, packed, crc, offset);
    }
}

void ZipWriter::listAgain(const QByteArray &name)
{
    ZipPart part = m_last;
    part.name = name;
    list(part, m_lastPacked, m_lastCrc, m_lastOffset);
}

void ZipWriter::list(const ZipPart &part, const QByteArray &packed, quint32 crc, qsizetype offset)
{
    ++m_count;
    m_directory += "PK\1\2";
    appendNumber(m_directory, 20, 2);
    appendNumber(m_directory, 20, 2);
    appendNumber(m_directory, part.flags, 2);
    appendNumber(m_directory, part.isDeflated ? 8 : 0, 2);
    appendNumber(m_directory, 0, 4);
    appendNumber(m_directory, crc, 4);
    appendNumber(m_directory, static_cast<quint64>(packed.size()), 4);
    appendNumber(
        m_directory,
        static_cast<quint64>(part.claimedSize < 0 ? part.content.size() : part.claimedSize), 4);
    appendNumber(m_directory, static_cast<quint64>(part.name.size()), 2);
    appendNumber(m_directory, 0, 2 + 2 + 2 + 2 + 4);
    appendNumber(m_directory, static_cast<quint64>(offset), 4);
    m_directory += part.name;
}

QByteArray ZipWriter::finish(const QByteArray &comment) const
{
    QByteArray bytes = m_bytes + m_directory + "PK\5\6";
    appendNumber(bytes, 0, 4);
    appendNumber(bytes, static_cast<quint64>(m_count), 2);
    appendNumber(bytes, static_cast<quint64>(m_count), 2);
    appendNumber(bytes, static_cast<quint64>(m_directory.size()), 4);
    appendNumber(bytes, static_cast<quint64>(m_bytes.size() - m_base), 4);
    appendNumber(bytes, static_cast<quint64>(comment.size()), 2);
    return bytes + comment;
}

QByteArray zipOf(const QList<ZipPart> &parts)
{
    ZipWriter writer;
    for (const ZipPart &part : parts) {
        writer.add(part);
    }
    return writer.finish();
}

QByteArray deflatedZeros(int megabytes)
{
    const QByteArray zeros(1024 * 1024, '\0');
    QByteArray block(65536, '\0');
    z_stream stream = {};
    deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(zeros.constData()));
    stream.avail_in = static_cast<uInt>(zeros.size());
    stream.next_out = reinterpret_cast<Bytef *>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    deflate(&stream, Z_FULL_FLUSH);
    block.truncate(block.size() - static_cast<qsizetype>(stream.avail_out));
    deflateEnd(&stream);
    return block.repeated(megabytes) + QByteArray("\3\0", 2);
}

QByteArray tarMember(const QByteArray &name,
                     const QByteArray &content,
                     char type,
                     const QByteArray &linkTarget)
{
    QByteArray header = name.leftJustified(100, '\0') + octal(0644, 7) + octal(0, 7) + octal(0, 7)
                        + octal(static_cast<quint64>(content.size()), 11) + octal(0, 11)
                        + QByteArray(8, ' ') + type + linkTarget.leftJustified(100, '\0')
                        + QByteArray("ustar\0"
                                     "00",
                                     8);
    header = header.leftJustified(512, '\0');
    quint64 sum = 0;
    for (const char c : header) {
        sum += static_cast<unsigned char>(c);
    }
    header.replace(148, 8, octal(sum, 6) + ' ');
    const qsizetype padding = (512 - content.size() % 512) % 512;
    return header + content + QByteArray(padding, '\0');
}

QByteArray tarOf(const QList<QByteArray> &members)
{
    QByteArray bytes;
    for (const QByteArray &member : members) {
        bytes += member;
    }
    return bytes + QByteArray(1024, '\0');
}

}  // namespace portcullis::archive::testing
