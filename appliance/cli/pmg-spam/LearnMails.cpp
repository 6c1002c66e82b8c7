// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmg-spam/LearnMails.h"

#include <QtCore/QDir>
#include <QtCore/QFile>

namespace portcullis::cli::spamrules {

namespace {

constexpr qint64 lineBytes = 1 << 20;  ///< Longer lines are read in pieces.

Error fileError(const QString &path, const QString &reason)
{
    return Error::permanent("learn.file", path + QStringLiteral(": ") + reason);
}

}  // namespace

MailFiles::MailFiles(MailFileLimits limits, Visitor visit)
    : m_limits(limits)
    , m_visit(std::move(visit))
{
}

Status MailFiles::read(const QString &path)
{
    return path != QLatin1String("-") && QFileInfo(path).isDir() ? readFolder(path, 0)
                                                                 : readFile(path);
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MailFileLimits::depth
Status MailFiles::readFolder(const QString &path, int depth)
{
    const auto entries = QDir(path).entryInfoList(
        QDir::Files | QDir::Dirs | QDir::NoDotAndDotDot | QDir::NoSymLinks, QDir::Name);
    for (const QFileInfo &entry : entries) {
        if (!entry.isDir()) {
            TRY(readFile(entry.filePath()));
        } else if (entry.fileName() != QLatin1String("tmp") && depth < m_limits.depth) {
            // In a Maildir, tmp has what is still being written.
            TRY(readFolder(entry.filePath(), depth + 1));
        }
    }
    return ok();
}

Status MailFiles::readFile(const QString &path)
{
    QFile file(path);
    const bool isOpen = path == QLatin1String("-") ? file.open(stdin, QIODevice::ReadOnly)
                                                   : file.open(QIODevice::ReadOnly);
    if (!isOpen) {
        return fileError(path, file.errorString());
    }
    QByteArray message;
    bool isMailbox = false;
    bool isFirst = true;
    bool isAfterBlank = true;
    while (true) {
        const QByteArray line = file.readLine(lineBytes);
        if (line.isEmpty()) {
            break;
        }
        const bool isSeparator = isAfterBlank && line.startsWith("From ");
        isMailbox = isMailbox || (isFirst && isSeparator);
        if (isMailbox && isSeparator && !isFirst) {
            TRY(give(message));
        }
        isFirst = false;
        isAfterBlank = line == "\n" || line == "\r\n";
        const bool hasRoom = m_limits.messageBytes == 0 || message.size() <= m_limits.messageBytes;
        if (hasRoom) {
            message.append(line);
        }
    }
    if (file.error() != QFileDevice::NoError) {
        return fileError(path, file.errorString());
    }
    return message.isEmpty() ? ok() : give(message);
}

Status MailFiles::give(QByteArray &message)
{
    const QByteArray whole = std::exchange(message, {});
    if (m_limits.messageBytes > 0 && whole.size() > m_limits.messageBytes) {
        ++m_tooLarge;
        return ok();
    }
    return m_visit(whole);
}

}  // namespace portcullis::cli::spamrules
