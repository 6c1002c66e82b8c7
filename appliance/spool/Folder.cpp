// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Folder.h"

#include "appliance/spool/Crc32c.h"

#include <QtCore/QFile>
#include <QtCore/QRandomGenerator>
#include <QtCore/QtEndian>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace portcullis::spool {

namespace {

constexpr const char *lockName = "lock";
constexpr const char *identityName = "identity";
constexpr const char *newIdentityName = "identity.new";
constexpr const char *reserveName = "reserve";
constexpr const char *corruptName = "corrupt";
constexpr qint64 identityBytes = 48;
constexpr qint64 identitySlotDistance = 4096;          ///< The two copies lie in different sectors.
constexpr quint64 identityMagic = 0x313044494C4F4F50;  // "POOLID01"
constexpr qint64 reserveBytes = 512 * 1024;            ///< Room for some thousand removals.
constexpr qint64 smallestSegment = 64 * 1024;
constexpr qsizetype segmentDigits = 10;

QByteArray nativePath(const QString &path)
{
    return QFile::encodeName(path);
}

std::optional<quint64> segmentNumberOf(const QByteArray &name)
{
    if (name.size() != segmentDigits + 4 || !name.endsWith(".seg")) {
        return {};
    }
    bool isNumber = false;
    const quint64 number = name.first(segmentDigits).toULongLong(&isNumber);
    return isNumber && number > 0 ? std::optional(number) : std::nullopt;
}

std::vector<QByteArray> namesIn(int folder)
{
    std::vector<QByteArray> names;
    DIR *listing = ::fdopendir(::dup(folder));
    if (listing == nullptr) {
        return names;
    }
    ::rewinddir(listing);
    while (const dirent *item = ::readdir(listing)) {  // NOLINT(concurrency-mt-unsafe) own stream
        const QByteArray name(static_cast<const char *>(item->d_name));
        if (name != "." && name != "..") {
            names.push_back(name);
        }
    }
    ::closedir(listing);
    std::sort(names.begin(), names.end());
    return names;
}

/// Reserves the blocks, so that a commit does not meet a full disk half-way.
int reserveSpace(int file, qint64 bytes)
{
    if (::fallocate(file, 0, 0, bytes) == 0) {
        return 0;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS) {
        return ::ftruncate(file, bytes) == 0 ? 0 : errno;
    }
    return errno;
}

}  // namespace

Folder::Folder(const SpoolSettings &settings)
    : m_settings(settings)
{
}

QByteArray Folder::segmentName(quint64 number)
{
    return QByteArray::number(number).rightJustified(segmentDigits, '0') + ".seg";
}

Result<std::unique_ptr<Folder>> Folder::open(const SpoolSettings &settings)
{
    std::unique_ptr<Folder> folder(new Folder(settings));
    const QByteArray path = nativePath(settings.folder);
    if (!settings.isReadOnly && ::mkdir(path.constData(), 0700) != 0 && errno != EEXIST) {
        return storageError(QStringLiteral("making %1").arg(settings.folder), errno);
    }
    folder->m_folder = Descriptor(::open(path.constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder->m_folder.isOpen()) {
        return storageError(QStringLiteral("opening %1").arg(settings.folder), errno);
    }
    if (!settings.isReadOnly) {
        TRY(folder->takeLock());
        ::mkdirat(folder->m_folder.get(), corruptName, 0700);
        folder->m_corrupt = Descriptor(
            ::openat(folder->m_folder.get(), corruptName, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        folder->keepReserve();
    }
    TRY(folder->readIdentity());
    return folder;
}

Status Folder::takeLock()
{
    m_lock = Descriptor(
        ::openat(m_folder.get(), lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!m_lock.isOpen()) {
        return storageError(QStringLiteral("opening the lock of the spool"), errno);
    }
    if (::flock(m_lock.get(), LOCK_EX | LOCK_NB) != 0) {
        QByteArray owner(32, '\0');
        owner.truncate(std::max<ssize_t>(0, ::pread(m_lock.get(), owner.data(), 31, 0)));
        return Error::permanent("spool.locked",
                                QStringLiteral("%1 is in use by process %2")
                                    .arg(m_settings.folder, QString::fromLatin1(owner.trimmed())));
    }
    const QByteArray pid = QByteArray::number(::getpid()) + '\n';
    if (::ftruncate(m_lock.get(), 0) != 0
        || ::pwrite(m_lock.get(), pid.constData(), static_cast<size_t>(pid.size()), 0) < 0) {
        return ok();  // The lock holds; only the hint who has it is missing (disk full).
    }
    return ok();
}

Status Folder::readIdentity()
{
    m_identityFile = Descriptor(
        ::openat(m_folder.get(), identityName,
                 (m_settings.isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW));
    for (const qint64 at : {qint64(0), identitySlotDistance}) {
        QByteArray slot(identityBytes, '\0');
        const char *bytes = slot.constData();
        if (!m_identityFile.isOpen()
            || ::pread(m_identityFile.get(), slot.data(), identityBytes, at) != identityBytes
            || qFromLittleEndian<quint64>(bytes) != identityMagic
            || qFromLittleEndian<quint32>(bytes + 40) != crc32c(QByteArrayView(bytes, 40))) {
            continue;
        }
        const Identity found{
            qFromLittleEndian<quint64>(bytes + 8), qFromLittleEndian<quint64>(bytes + 16),
            qFromLittleEndian<quint64>(bytes + 24), qFromLittleEndian<quint64>(bytes + 32)};
        if (m_identity.spoolId == 0 || found.generation > m_identity.generation) {
            m_identity = found;
        }
    }
    m_spoolId = m_identity.spoolId;
    if (m_spoolId != 0) {
        return ok();
    }
    m_spoolId = adoptSpoolId();
    if (m_settings.isReadOnly) {
        return ok();
    }
    return createIdentity(m_spoolId != 0 ? m_spoolId
                                         : QRandomGenerator::system()->generate64() | 1);
}

quint64 Folder::adoptSpoolId() const
{
    std::map<quint64, int> votes;
    for (const QByteArray &name : namesIn(m_folder.get())) {
        if (!segmentNumberOf(name)) {
            continue;
        }
        const Descriptor file(
            ::openat(m_folder.get(), name.constData(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        QByteArray bytes(SegmentHeader::size, '\0');
        if (::pread(file.get(), bytes.data(), SegmentHeader::size, 0) == SegmentHeader::size) {
            if (const auto header = SegmentHeader::decoded(bytes)) {
                ++votes[header->spoolId];
            }
        }
    }
    const auto most = std::max_element(
        votes.begin(), votes.end(),
        [](const auto &a, const auto &b) { return a.second < b.second; });
    return most == votes.end() ? 0 : most->first;
}

Status Folder::createIdentity(quint64 spoolId)
{
    m_spoolId = spoolId;
    m_identity = Identity{spoolId, 0, 0, 1};
    m_identityFile = Descriptor(::openat(m_folder.get(), newIdentityName,
                                         O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                         0600));
    if (!m_identityFile.isOpen()) {
        return storageError(QStringLiteral("making the identity of the spool"), errno);
    }
    TRY(writeIdentity());
    TRY(writeIdentity());  // Both copies.
    if (::renameat(m_folder.get(), newIdentityName, m_folder.get(), identityName) != 0) {
        return storageError(QStringLiteral("making the identity of the spool"), errno);
    }
    return syncFolder();
}

Status Folder::writeIdentity()
{
    ++m_identity.generation;
    QByteArray slot(identityBytes, '\0');
    char *bytes = slot.data();
    qToLittleEndian(identityMagic, bytes);
    qToLittleEndian(m_identity.spoolId, bytes + 8);
    qToLittleEndian(m_identity.generation, bytes + 16);
    qToLittleEndian(m_identity.reservedIds, bytes + 24);
    qToLittleEndian(m_identity.nextSegment, bytes + 32);
    qToLittleEndian(crc32c(QByteArrayView(bytes, 40)), bytes + 40);
    const qint64 at = m_identity.generation % 2 == 0 ? 0 : identitySlotDistance;
    if (::pwrite(m_identityFile.get(), bytes, identityBytes, at) != identityBytes) {
        return storageError(QStringLiteral("writing the identity of the spool"), errno);
    }
    if (::fdatasync(m_identityFile.get()) != 0) {
        return Error::fromErrno("spool.storage", QStringLiteral("flushing the identity"), errno);
    }
    return ok();
}

Status Folder::reserveIds(quint64 number)
{
    m_identity.reservedIds = std::max(m_identity.reservedIds, number);
    return writeIdentity();
}

Result<std::vector<std::shared_ptr<SegmentFile>>> Folder::openSegments()
{
    static const std::array<QByteArray, 5> known{lockName, identityName, newIdentityName,
                                                 reserveName, corruptName};
    std::vector<std::shared_ptr<SegmentFile>> segments;
    for (const QByteArray &name : namesIn(m_folder.get())) {
        const auto number = segmentNumberOf(name);
        if (!number) {
            if (std::find(known.begin(), known.end(), name) == known.end()) {
                moveAside(name, QStringLiteral("not a file of the spool"));
            }
            continue;
        }
        Descriptor file(::openat(m_folder.get(), name.constData(),
                                 (m_settings.isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC
                                     | O_NOFOLLOW | O_NONBLOCK));
        struct stat status {
        };
        const bool isThere = file.isOpen() && ::fstat(file.get(), &status) == 0;
        // A file that another user has put here proves nothing about mail that we accepted.
        const bool isOurs = isThere && S_ISREG(status.st_mode)
                            && (status.st_uid == ::geteuid() || status.st_uid == 0
                                || m_settings.isReadOnly);
        if (!isOurs) {
            moveAside(name, isThere ? QStringLiteral("wrong owner or kind of file")
                                    : QStringLiteral("cannot be opened"));
            continue;
        }
        m_identity.nextSegment = std::max(m_identity.nextSegment, *number + 1);
        auto segment = std::make_shared<SegmentFile>(std::move(file), *number, status.st_size);
        const auto bytes = segment->read(0, SegmentHeader::size);
        const auto header = bytes ? SegmentHeader::decoded(*bytes) : std::nullopt;
        if (header && (header->spoolId != m_spoolId || header->number != *number)) {
            moveAside(name, QStringLiteral("segment of another spool, or renamed"));
            continue;
        }
        segments.push_back(std::move(segment));
    }
    return segments;
}

// NOLINTNEXTLINE(misc-no-recursion) once: the reserve is gone then
Result<std::shared_ptr<SegmentFile>> Folder::createSegment(qint64 bytes,
                                                           qint64 minBytes,
                                                           bool mayUseReserve)
{
    const quint64 number = m_identity.nextSegment;
    const QByteArray name = segmentName(number);
    Descriptor file(::openat(m_folder.get(), name.constData(),
                             O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    int failure = file.isOpen() ? 0 : errno;
    if ((failure == ENOSPC || failure == EDQUOT) && mayUseReserve && m_hasReserve) {
        ::unlinkat(m_folder.get(), reserveName, 0);
        m_hasReserve = false;
        return createSegment(bytes, minBytes, mayUseReserve);
    }
    if (failure != 0) {
        return storageError(QStringLiteral("making a segment"), failure);
    }
    const qint64 least = std::max(minBytes, smallestSegment);
    qint64 size = std::max(bytes, least);
    while ((failure = reserveSpace(file.get(), size)) != 0) {
        const bool isShort = failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
        if (isShort && size / 2 >= least) {
            size /= 2;
        } else if (isShort && mayUseReserve && m_hasReserve) {
            ::unlinkat(m_folder.get(), reserveName, 0);
            m_hasReserve = false;
        } else {
            ::unlinkat(m_folder.get(), name.constData(), 0);
            return storageError(QStringLiteral("reserving space for a segment"), failure);
        }
    }
    auto segment = std::make_shared<SegmentFile>(std::move(file), number, size);
    QByteArray header = SegmentHeader{m_spoolId, number}.encoded();
    iovec piece{header.data(), static_cast<size_t>(header.size())};
    if (const Status begun = segment->write({&piece, 1}, 0); !begun) {
        // The number is used again: a full disk must not leave a file in the way.
        ::unlinkat(m_folder.get(), name.constData(), 0);
        return begun.error();
    }
    TRY(segment->flush());
    TRY(syncFolder());
    ++m_identity.nextSegment;
    return segment;
}

Status Folder::removeSegment(quint64 number)
{
    // Flushed one by one: were an older segment to come back after a power cut while the newer one
    // that holds the removals is gone, delivered mail would be sent again.
    if (::unlinkat(m_folder.get(), segmentName(number).constData(), 0) != 0 && errno != ENOENT) {
        return storageError(QStringLiteral("removing a segment"), errno);
    }
    return syncFolder();
}

void Folder::keepReserve()
{
    if (m_hasReserve) {
        return;
    }
    const Descriptor file(
        ::openat(m_folder.get(), reserveName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    m_hasReserve = file.isOpen() && reserveSpace(file.get(), reserveBytes) == 0;
    if (file.isOpen() && !m_hasReserve) {
        ::unlinkat(m_folder.get(), reserveName, 0);
    }
}

Status Folder::syncFolder() const
{
    if (::fsync(m_folder.get()) != 0) {
        return Error::fromErrno("spool.storage", QStringLiteral("flushing the spool's folder"),
                                errno);
    }
    return ok();
}

Folder::Room Folder::room() const
{
    struct statvfs status {
    };
    if (::fstatvfs(m_folder.get(), &status) != 0) {
        return {};
    }
    return {static_cast<qint64>(status.f_bavail) * static_cast<qint64>(status.f_frsize),
            status.f_files == 0 || status.f_favail > 0};
}

}  // namespace portcullis::spool
