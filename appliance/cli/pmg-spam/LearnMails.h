// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <functional>

namespace portcullis::cli::spamrules {

/// What bounds the reading of files to learn from.
struct MailFileLimits {
    qint64 messageBytes = 262'144;  ///< Larger mails are passed over: spam is small. 0: no bound.
    int depth = 20;                 ///< Of folders within folders.
};

/// Reads mails from files of one mail, mbox files, Maildirs and folders of any of these.
class MailFiles
{
public:
    using Visitor = std::function<Status(const QByteArray &message)>;

    MailFiles(MailFileLimits limits, Visitor visit);

    /// `path` "-" is standard input. Error `learn.file` (permanent).
    Status read(const QString &path);
    [[nodiscard]] qint64 tooLarge() const { return m_tooLarge; }

private:
    Status readFolder(const QString &path, int depth);
    Status readFile(const QString &path);
    Status give(QByteArray &message);

    MailFileLimits m_limits;
    Visitor m_visit;
    qint64 m_tooLarge = 0;
};

}  // namespace portcullis::cli::spamrules
