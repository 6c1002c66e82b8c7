// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Result.h"

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

namespace portcullis::antivirus {

/// A message as a named file, for as long as a foreign program looks at it. Readable by our user
/// only; gone when the object is.
class ScratchFile
{
public:
    ScratchFile(ScratchFile &&other) noexcept
        : m_path(std::move(other.m_path))
    {
        other.m_path.clear();
    }
    ScratchFile &operator=(ScratchFile &&) = delete;
    ~ScratchFile();

    /// `folder` as given, or chosen by defaultFolder() if empty. Errors: `scratch.write` (transient).
    static Result<ScratchFile> write(const QString &folder, QByteArrayView bytes);

    /// /dev/shm if it is a tmpfs that we may write to, else /tmp.
    static QString defaultFolder();

    [[nodiscard]] const QByteArray &path() const { return m_path; }

private:
    explicit ScratchFile(QByteArray path)
        : m_path(std::move(path))
    {
    }
    QByteArray m_path;
};

}  // namespace portcullis::antivirus
