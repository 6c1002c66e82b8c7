// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/SegmentFile.h"

#include "appliance/spool/Crc32c.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace portcullis::spool {

namespace {

constexpr quint64 mapFrom = 1024 * 1024;   ///< Smaller contents are read into memory.
constexpr qint64 checkBlock = 256 * 1024;  ///< Bytes read at a time while a CRC is checked.
constexpr qint64 maxRead = 1LL << 31;      ///< Nothing of ours is longer.

/// A mapped part of a segment that keeps the file from being closed.
struct MappedRange {
    MappedRange(std::shared_ptr<const SegmentFile> segment, void *address, size_t length)
        : m_segment(std::move(segment))
        , m_address(address)
        , m_length(length)
    {
    }
    ~MappedRange() { ::munmap(m_address, m_length); }
    Q_DISABLE_COPY_MOVE(MappedRange)

private:
    std::shared_ptr<const SegmentFile> m_segment;
    void *m_address;
    size_t m_length;
};

Error damagedContent(const SegmentFile &file, const ContentPlace &place)
{
    return Error::permanent("spool.damaged",
                            QStringLiteral("content in segment %1 at %2 fails its checksum")
                                .arg(file.number())
                                .arg(place.offset));
}

Status checkInBlocks(const SegmentFile &file, const ContentPlace &place)
{
    quint32 crc = 0;
    for (quint64 done = 0; done < place.length;) {
        const auto step = std::min<quint64>(checkBlock, place.length - done);
        const QByteArray block = TRY(
            file.read(static_cast<qint64>(place.offset + done), static_cast<qint64>(step)));
        if (block.isEmpty()) {
            return damagedContent(file, place);
        }
        crc = crc32c(block, crc);
        done += static_cast<quint64>(block.size());
    }
    return crc == place.crc ? ok() : Status(damagedContent(file, place));
}

}  // namespace

Error storageError(const QString &what, int errorNumber)
{
    const bool isFull = errorNumber == ENOSPC || errorNumber == EDQUOT || errorNumber == EFBIG;
    return Error::fromErrno(isFull ? "spool.full" : "spool.storage", what, errorNumber);
}

Descriptor::~Descriptor()
{
    if (m_number >= 0) {
        ::close(m_number);
    }
}

SegmentFile::SegmentFile(Descriptor file, quint64 number, qint64 size)
    : m_file(std::move(file))
    , m_number(number)
    , m_size(size)
{
}

Result<QByteArray> SegmentFile::read(qint64 offset, qint64 length) const
{
    if (offset < 0 || length < 0 || length > maxRead) {
        return Error::permanent("spool.damaged", QStringLiteral("a place outside of a segment"));
    }
    QByteArray bytes(length, Qt::Uninitialized);
    qint64 done = 0;
    while (done < length) {
        const ssize_t got = ::pread(m_file.get(), bytes.data() + done,
                                    static_cast<size_t>(length - done), offset + done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return Error::fromErrno("spool.storage", QStringLiteral("reading a segment"), errno);
        }
        if (got == 0) {
            break;
        }
        done += got;
    }
    bytes.truncate(done);
    return bytes;
}

Result<mail::Content> SegmentFile::content(const std::shared_ptr<const SegmentFile> &file,
                                           const ContentPlace &place)
{
    if (place.length < mapFrom) {
        QByteArray bytes = TRY(
            file->read(static_cast<qint64>(place.offset), static_cast<qint64>(place.length)));
        if (static_cast<quint64>(bytes.size()) != place.length || crc32c(bytes) != place.crc) {
            return damagedContent(*file, place);
        }
        return mail::Content(std::move(bytes));
    }
    // Checked by reading, not through the mapping: a bad sector is then an error and no SIGBUS.
    TRY(checkInBlocks(*file, place));
    const auto page = static_cast<quint64>(::sysconf(_SC_PAGESIZE));
    const quint64 start = place.offset / page * page;
    const quint64 shift = place.offset - start;
    void *address = ::mmap(nullptr, place.length + shift, PROT_READ, MAP_SHARED, file->m_file.get(),
                           static_cast<off_t>(start));
    if (address == MAP_FAILED) {
        return Error::fromErrno("spool.storage", QStringLiteral("mapping a message"), errno);
    }
    auto range = std::make_shared<const MappedRange>(file, address, place.length + shift);
    const QByteArrayView view(static_cast<const char *>(address) + shift,
                              static_cast<qsizetype>(place.length));
    return mail::Content(std::shared_ptr<const void>(std::move(range)), view);
}

Status SegmentFile::write(std::span<iovec> pieces, qint64 offset) const
{
    while (!pieces.empty()) {
        const auto count = static_cast<int>(std::min<size_t>(pieces.size(), IOV_MAX));
        const ssize_t written = ::pwritev(m_file.get(), pieces.data(), count, offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return storageError(QStringLiteral("writing to the spool"), written < 0 ? errno : EIO);
        }
        offset += written;
        auto left = static_cast<size_t>(written);
        while (!pieces.empty() && left >= pieces.front().iov_len) {
            left -= pieces.front().iov_len;
            pieces = pieces.subspan(1);
        }
        if (left > 0) {
            pieces.front().iov_base = static_cast<char *>(pieces.front().iov_base) + left;
            pieces.front().iov_len -= left;
        }
    }
    return ok();
}

Status SegmentFile::flush() const
{
    // Whatever the number says: after a failed flush nobody knows what is stored (attack F4), and
    // the kernel forgets the error once it was told. Never `spool.full`.
    if (::fdatasync(m_file.get()) != 0) {
        return Error::fromErrno("spool.storage", QStringLiteral("flushing the spool"), errno);
    }
    return ok();
}

Status SegmentFile::truncate(qint64 size) const
{
    if (::ftruncate(m_file.get(), size) != 0) {
        return storageError(QStringLiteral("cutting a segment"), errno);
    }
    return ok();
}

}  // namespace portcullis::spool
