// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::spam {

/// A Content-Type value as SpamAssassin 4.0.1 reads it: parameters are found anywhere, quotes need not
/// close, and what begins with "text" is text/plain unless it is known to be something else.
struct ContentType {
    QByteArray type;
    std::optional<QByteArray> boundary;
    std::optional<QByteArray> charset;
    QByteArray name;         ///< name or filename, continuations joined (RFC 2231 §3).
    bool isMissing = false;  ///< No value, or none that says a type.
};

/// `value` is the decoded value of the last Content-Type field, empty if there is none.
ContentType readContentType(QByteArrayView value);

/// The file name in a Content-Disposition value; empty: none.
QByteArray dispositionName(QByteArrayView value);

}  // namespace portcullis::spam
