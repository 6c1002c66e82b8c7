// SPDX-License-Identifier: GPL-2.0-or-later
// The part of Folder that keeps what cannot be read: nothing that may be mail is thrown away.
#include "appliance/base/Log.h"
#include "appliance/spool/Folder.h"

#include <QtCore/QDateTime>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace portcullis::spool {

namespace {

constexpr const char *reportName = "report.jsonl";
constexpr size_t maxRemembered = 1000;  ///< Reports in memory; the file has all.
constexpr qint64 copyBlock = 1024 * 1024;
constexpr qint64 maxReportBytes = 16 * 1024 * 1024;

bool writeFully(int file, QByteArrayView bytes)
{
    while (!bytes.isEmpty()) {
        const ssize_t written = ::write(file, bytes.data(), static_cast<size_t>(bytes.size()));
        if (written <= 0) {
            return false;
        }
        bytes = bytes.sliced(written);
    }
    return true;
}

/// False if it could not be copied (disk full). What cannot be read is left out: it is gone.
bool copyRange(const SegmentFile &from, qint64 offset, qint64 length, int to)
{
    for (qint64 done = 0; done < length;) {
        const qint64 step = std::min(copyBlock, length - done);
        const auto block = from.read(offset + done, step);
        if (block && !writeFully(to, *block)) {
            return false;
        }
        done += step;
    }
    return ::fsync(to) == 0;
}

}  // namespace

void Folder::setAside(const SegmentFile &file, Damage damage)
{
    if (m_settings.isReadOnly) {
        remember(std::move(damage));
        return;
    }
    const QByteArray name = damage.file.toUtf8() + '-' + QByteArray::number(damage.offset) + '-'
                            + QByteArray::number(damage.length) + ".bin";
    {
        const std::scoped_lock lock(m_mutex);
        if (m_setAsideBytes + damage.length > m_settings.maxSetAsideBytes) {
            damage.reason += QStringLiteral(" (not copied: corrupt/ is full)");
        } else if (const Descriptor copy(::openat(m_corrupt.get(), name.constData(),
                                                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
                   copy.isOpen()) {
            if (copyRange(file, damage.offset, damage.length, copy.get())) {
                damage.savedAs = QStringLiteral("corrupt/") + QString::fromUtf8(name);
                m_setAsideBytes += damage.length;
            } else {
                ::unlinkat(m_corrupt.get(), name.constData(), 0);
                damage.reason += QStringLiteral(" (could not be copied)");
            }
        } else if (errno == EEXIST) {
            damage.savedAs = QStringLiteral("corrupt/") + QString::fromUtf8(name);
        }
    }
    remember(std::move(damage));
}

void Folder::moveAside(const QByteArray &name, const QString &reason)
{
    Damage damage;
    damage.file = QString::fromUtf8(name);
    damage.reason = reason;
    struct stat status {
    };
    if (::fstatat(m_folder.get(), name.constData(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        damage.length = status.st_size;
    }
    if (!m_settings.isReadOnly) {
        // The time makes the name new: RENAME_NOREPLACE is not known to every file system.
        const QByteArray target = name + '-'
                                  + QByteArray::number(QDateTime::currentMSecsSinceEpoch(), 16);
        if (::renameat(m_folder.get(), name.constData(), m_corrupt.get(), target.constData())
            == 0) {
            damage.savedAs = QStringLiteral("corrupt/") + QString::fromUtf8(target);
        }
    }
    remember(std::move(damage));
}

void Folder::remember(Damage damage)
{
    log::write(log::Severity::Error, "spool.damaged", damage.queueId,
               {{"file", damage.file.toUtf8()},
                {"offset", QByteArray::number(damage.offset)},
                {"length", QByteArray::number(damage.length)},
                {"reason", damage.reason.toUtf8()},
                {"saved", damage.savedAs.toUtf8()}});
    const std::scoped_lock lock(m_mutex);
    if (m_corrupt.isOpen()) {
        const QJsonObject line{
            {QStringLiteral("time"), QDateTime::currentDateTimeUtc().toString(Qt::ISODateWithMs)},
            {QStringLiteral("file"), damage.file},
            {QStringLiteral("offset"), damage.offset},
            {QStringLiteral("length"), damage.length},
            {QStringLiteral("queue_id"), QString::fromLatin1(damage.queueId)},
            {QStringLiteral("reason"), damage.reason},
            {QStringLiteral("saved_as"), damage.savedAs}};
        const Descriptor report(::openat(m_corrupt.get(), reportName,
                                         O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                                         0600));
        struct stat status {
        };
        if (report.isOpen() && ::fstat(report.get(), &status) == 0
            && status.st_size < maxReportBytes) {
            writeFully(report.get(), QJsonDocument(line).toJson(QJsonDocument::Compact) + '\n');
        }
    }
    if (m_damages.size() < maxRemembered) {
        m_damages.push_back(std::move(damage));
    }
}

std::vector<Damage> Folder::damages() const
{
    const std::scoped_lock lock(m_mutex);
    return m_damages;
}

}  // namespace portcullis::spool
