// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/learning/LearnJournal.h"

#include <QtCore/QFile>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace portcullis::spam {

namespace {

constexpr quint32 frameMagic = 0x314a4c50;  // "PLJ1"

struct FrameHead {
    quint32 magic = 0;
    quint32 length = 0;
    quint64 checksum = 0;
};

quint64 frameChecksum(QByteArrayView record)
{
    quint64 sum = 14695981039346656037ULL;
    for (const char byte : record) {
        sum = (sum ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
    }
    return sum;
}

/// A descriptor that closes itself, and gives its lock back with that.
class JournalFile
{
public:
    JournalFile(const QByteArray &path, int flags)
        : m_descriptor(open(path.constData(), flags | O_CLOEXEC, 0660))
    {
    }
    ~JournalFile()
    {
        if (m_descriptor >= 0) {
            close(m_descriptor);
        }
    }
    Q_DISABLE_COPY_MOVE(JournalFile)
    [[nodiscard]] int get() const { return m_descriptor; }

private:
    int m_descriptor;
};

Error journalError(const char *what, const QByteArray &path)
{
    const int number = errno;
    return Error::fromErrno("learn.journal",
                            QString::fromLatin1(what) + QLatin1Char(' ') + QFile::decodeName(path),
                            number);
}

/// A journal that an administrator's command made must be open to the workers' user: it belongs to
/// whoever has the folder.
void giveToFolderOwner(int file, const struct stat &journal, const QByteArray &path)
{
    struct stat folder {
    };
    if (geteuid() == 0 && stat(path.left(path.lastIndexOf('/')).constData(), &folder) == 0
        && folder.st_uid != journal.st_uid) {
        static_cast<void>(fchown(file, folder.st_uid, folder.st_gid) == 0);
    }
}

QByteArray pathIn(const QString &folder, const char *name)
{
    return QFile::encodeName(folder) + name;
}

}  // namespace

QByteArray journalFrame(QByteArrayView record)
{
    const FrameHead head{frameMagic, quint32(record.size()), frameChecksum(record)};
    QByteArray frame(reinterpret_cast<const char *>(&head), sizeof head);
    frame.append(record);
    return frame;
}

QByteArrayView nextJournalRecord(QByteArrayView bytes, qint64 &position, qsizetype recordBytes)
{
    const QByteArrayView magic(reinterpret_cast<const char *>(&frameMagic), sizeof frameMagic);
    while (bytes.size() - position >= qint64(sizeof(FrameHead))) {
        FrameHead head;
        std::memcpy(&head, bytes.data() + position, sizeof head);
        const qint64 start = position + qint64(sizeof head);
        if (head.magic == frameMagic && head.length <= quint64(recordBytes)
            && qint64(head.length) <= bytes.size() - start) {
            const QByteArrayView record = bytes.sliced(start, head.length);
            if (frameChecksum(record) == head.checksum) {
                position = start + head.length;
                return record;
            }
        }
        // What a full disk or a killed writer left: look for the next head.
        const qsizetype next = bytes.indexOf(magic, position + 1);
        position = next < 0 ? bytes.size() : next;
    }
    position = bytes.size();
    return {};
}

LearnJournal::LearnJournal(const QString &folder, JournalLimits limits)
    : m_path(pathIn(folder, "/learn.journal"))
    , m_limits(limits)
{
}

Status LearnJournal::append(QByteArrayView record) const
{
    const QByteArray frame = journalFrame(record);
    // A few attempts, for the file may be taken away between opening and locking it.
    for (int attempt = 0; attempt < 3; ++attempt) {
        const JournalFile file(m_path, O_WRONLY | O_APPEND | O_CREAT);
        if (file.get() < 0 || flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
            if (file.get() >= 0 && errno == EWOULDBLOCK) {
                continue;
            }
            return journalError("open", m_path);
        }
        struct stat ours {
        };
        struct stat present {
        };
        if (fstat(file.get(), &ours) != 0 || stat(m_path.constData(), &present) != 0
            || ours.st_ino != present.st_ino) {
            continue;
        }
        giveToFolderOwner(file.get(), ours, m_path);
        if (ours.st_size + frame.size() > m_limits.fileBytes
            || record.size() > m_limits.recordBytes) {
            return Error::transient("learn.journal-full",
                                    QStringLiteral("the journal of learning is full"));
        }
        // One write: appends of several processes do not mix.
        const ssize_t written = write(file.get(), frame.constData(), size_t(frame.size()));
        if (written != frame.size()) {
            return journalError("write", m_path);
        }
        return ok();
    }
    return Error::transient("learn.journal", QStringLiteral("the journal is being taken away"));
}

JournalDrain::JournalDrain(const QString &folder, JournalLimits limits)
    : m_path(pathIn(folder, "/learn.journal"))
    , m_takenPath(pathIn(folder, "/learn.taken"))
    , m_limits(limits)
{
}

Result<bool> JournalDrain::take()
{
    if (access(m_takenPath.constData(), F_OK) == 0) {
        return true;
    }
    m_position = 0;
    if (rename(m_path.constData(), m_takenPath.constData()) != 0) {
        return errno == ENOENT ? Result<bool>(false) : journalError("rename", m_path);
    }
    return true;
}

Result<bool> JournalDrain::drain(const Apply &apply)
{
    if (!TRY(take())) {
        return false;
    }
    const JournalFile file(m_takenPath, O_RDWR);
    if (file.get() < 0) {
        return journalError("open", m_takenPath);
    }
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        return false;  // Somebody is still writing his last record: the next call.
    }
    QFile reader;
    if (!reader.open(file.get(), QIODevice::ReadOnly)) {
        return Error::transient("learn.journal", reader.errorString());
    }
    const QByteArray bytes = reader.readAll();
    TRY(applyFrom(bytes, apply));
    if (unlink(m_takenPath.constData()) != 0) {
        return journalError("remove", m_takenPath);
    }
    m_position = 0;
    return !bytes.isEmpty();
}

Status JournalDrain::applyFrom(QByteArrayView bytes, const Apply &apply)
{
    while (m_position < bytes.size()) {
        std::vector<QByteArray> batch;
        qsizetype batchBytes = 0;
        qint64 position = m_position;
        while (qsizetype(batch.size()) < m_limits.batchRecords
               && batchBytes < m_limits.batchBytes) {
            const QByteArrayView record = nextJournalRecord(bytes, position, m_limits.recordBytes);
            if (record.isNull()) {
                break;
            }
            batch.push_back(record.toByteArray());
            batchBytes += record.size();
        }
        if (!batch.empty()) {
            TRY(apply(batch));
        }
        m_position = position;
    }
    return ok();
}

}  // namespace portcullis::spam
