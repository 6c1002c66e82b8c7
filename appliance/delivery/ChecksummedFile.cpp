// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/delivery/ChecksummedFile.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtCore/QSaveFile>

namespace portcullis::delivery {

namespace {

constexpr qsizetype checksumSize = 32;

QByteArray checksumOf(QByteArrayView content)
{
    return QCryptographicHash::hash(QByteArray::fromRawData(content.data(), content.size()),
                                    QCryptographicHash::Sha256);
}

}  // namespace

Status writeChecksummed(const QString &path, const QByteArray &content)
{
    QSaveFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(checksumOf(content)) != checksumSize
        || file.write(content) != content.size() || !file.commit()) {
        return Error::transient("file.write", path + QStringLiteral(": ") + file.errorString());
    }
    return ok();
}

Result<QByteArray> readChecksummed(const QString &path, qint64 most)
{
    QFile file(path);
    if (!file.exists()) {
        return QByteArray();
    }
    if (!file.open(QIODevice::ReadOnly) || file.size() > most) {
        return Error::transient("file.read", path + QStringLiteral(": ") + file.errorString());
    }
    const QByteArray all = file.readAll();
    if (all.size() < checksumSize
        || all.first(checksumSize) != checksumOf(QByteArrayView(all).sliced(checksumSize))) {
        return Error::transient("file.damaged", path + QStringLiteral(": the checksum is wrong"));
    }
    return all.sliced(checksumSize);
}

}  // namespace portcullis::delivery
