// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/config/ConfigFile.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtCore/QFileInfo>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace portcullis::config {

namespace {

constexpr mode_t newFileMode = 0640;  ///< Services read it as members of group pmg.

/// A descriptor that closes itself.
class OwnedDescriptor
{
public:
    explicit OwnedDescriptor(int descriptor)
        : m_descriptor(descriptor)
    {
    }
    ~OwnedDescriptor()
    {
        if (m_descriptor >= 0) {
            ::close(m_descriptor);
        }
    }
    OwnedDescriptor(const OwnedDescriptor &) = delete;
    OwnedDescriptor &operator=(const OwnedDescriptor &) = delete;
    [[nodiscard]] int get() const { return m_descriptor; }

private:
    int m_descriptor;
};

Error unwritable(const QString &path)
{
    return Error::fromErrno("config.unwritable", path, errno);
}

bool writeAll(int descriptor, const QByteArray &bytes)
{
    qsizetype done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(descriptor, bytes.constData() + done,
                                        static_cast<size_t>(bytes.size() - done));
        if (written < 0 && errno != EINTR) {
            return false;
        }
        done += written > 0 ? written : 0;
    }
    return true;
}

/// Owner and mode of the file that is replaced; a new file gets the folder's group.
void inheritOwner(int descriptor, const QByteArray &path)
{
    struct stat present {
    };
    const bool exists = ::stat(path.constData(), &present) == 0;
    ::fchmod(descriptor, exists ? present.st_mode & 07777 : newFileMode);
    struct stat folder {
    };
    const QByteArray parent = path.first(path.lastIndexOf('/'));
    if (!exists && ::stat(parent.constData(), &folder) == 0) {
        present.st_uid = static_cast<uid_t>(-1);
        present.st_gid = folder.st_gid;
    }
    // Only root can give files away; without it the file is ours, which is right then.
    [[maybe_unused]] const int ignored = ::fchown(descriptor, present.st_uid, present.st_gid);
}

Status syncFolder(const QByteArray &folder)
{
    const OwnedDescriptor descriptor(
        ::open(folder.constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) {
        return unwritable(QFile::decodeName(folder));
    }
    return ok();
}

}  // namespace

QByteArray digestOf(const QByteArray &bytes)
{
    return QCryptographicHash::hash(bytes, QCryptographicHash::Sha1).toHex();
}

QByteArray fileStamp(const QString &path)
{
    struct stat status {
    };
    if (::stat(QFile::encodeName(path).constData(), &status) != 0) {
        return "-;";
    }
    return QByteArray::number(static_cast<qulonglong>(status.st_ino)) + ','
           + QByteArray::number(static_cast<qlonglong>(status.st_size)) + ','
           + QByteArray::number(static_cast<qlonglong>(status.st_mtim.tv_sec)) + '.'
           + QByteArray::number(static_cast<qlonglong>(status.st_mtim.tv_nsec)) + ','
           + QByteArray::number(static_cast<qlonglong>(status.st_ctim.tv_sec)) + '.'
           + QByteArray::number(static_cast<qlonglong>(status.st_ctim.tv_nsec)) + ';';
}

QString dkimKeyFile(const Paths &paths, const QByteArray &selector)
{
    return QStringLiteral("%1/dkim/%2.private").arg(paths.etc(), QString::fromLatin1(selector));
}

QString dkimDomainsFile(const Paths &paths)
{
    return paths.etc() + QStringLiteral("/dkim/domains");
}

Result<QByteArray> readConfigFile(const QString &path)
{
    const schema::FileLimits limits;
    QFile file(path);
    if (!file.exists()) {
        return QByteArray();
    }
    if (!QFileInfo(path).isFile()) {
        return Error::transient("config.unreadable", QStringLiteral("%1: not a file").arg(path));
    }
    if (!file.open(QIODevice::ReadOnly)) {
        return Error::transient("config.unreadable",
                                QStringLiteral("%1: %2").arg(path, file.errorString()));
    }
    QByteArray bytes = file.read(limits.maxBytes + 1);
    if (file.error() != QFile::NoError) {
        return Error::transient("config.unreadable",
                                QStringLiteral("%1: %2").arg(path, file.errorString()));
    }
    if (bytes.size() > limits.maxBytes) {
        return Error::permanent(
            "config.syntax",
            QStringLiteral("%1: larger than %2 bytes").arg(path).arg(limits.maxBytes));
    }
    return bytes;
}

Status writeConfigFile(const QString &path, const QByteArray &bytes)
{
    const QByteArray target = QFile::encodeName(path);
    const QByteArray folder = target.first(target.lastIndexOf('/'));
    QByteArray name = folder + "/." + target.sliced(target.lastIndexOf('/') + 1) + ".XXXXXX";
    const OwnedDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
    if (file.get() < 0) {
        return unwritable(path);
    }
    inheritOwner(file.get(), target);
    if (!writeAll(file.get(), bytes) || ::fsync(file.get()) != 0
        || ::rename(name.constData(), target.constData()) != 0) {
        const Error error = unwritable(path);
        ::unlink(name.constData());
        return error;
    }
    return syncFolder(folder);
}

Result<std::unique_ptr<ConfigLock>> ConfigLock::take(const QString &path,
                                                     std::chrono::milliseconds patience)
{
    const QFileInfo info(path);
    const QString lockPath = info.path() + QStringLiteral("/.") + info.fileName()
                             + QStringLiteral(".lock");
    const int descriptor = ::open(QFile::encodeName(lockPath).constData(),
                                  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return unwritable(lockPath);
    }
    std::unique_ptr<ConfigLock> lock(new ConfigLock(descriptor));
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return unwritable(lockPath);
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error::transient("config.locked",
                                    QStringLiteral("%1: somebody else is changing it").arg(path));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return lock;
}

ConfigLock::~ConfigLock()
{
    ::close(m_descriptor);
}

}  // namespace portcullis::config
