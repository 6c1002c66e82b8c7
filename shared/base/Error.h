// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>

namespace portcullis {

/// Whether the same request may succeed later: the classes 4 and 5 of RFC 3463 §2.
enum class Persistence { Transient, Permanent };

/// Why something failed. Errors are values: they travel up in a Result until somebody decides.
///
/// `id` is stable and documented (`clamav.timeout`), the console translates it; `detail` is for the
/// log and for administrators, never contains secrets or message content.
struct Error {
    QByteArray id;
    Persistence persistence = Persistence::Transient;
    QString detail;

    [[nodiscard]] bool isTransient() const { return persistence == Persistence::Transient; }

    /// "detail [id]", for logs and commands.
    [[nodiscard]] QString toString() const;

    static Error transient(QByteArray id, QString detail);
    static Error permanent(QByteArray id, QString detail);

    /// An Error for a failed system call, with errno's text; transient.
    static Error fromErrno(QByteArray id, const QString &what, int errorNumber);
};

}  // namespace portcullis
