// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>
#include <QtCore/QString>

#include <vector>

/// Media types by content and by name, from the freedesktop database (QMimeDatabase). Chosen over
/// libmagic because its names are the ones administrators' rules use, it costs 1 … 70 µs a part, and
/// it is thread-safe. Thread-safe.
namespace portcullis::mail {

/// Type by content; application/octet-stream where nothing fits.
QByteArray detectType(QByteArrayView content);

/// Type by the extension of a file name; empty where it is unknown.
QByteArray typeOfName(const QString &fileName);

/// A type with all names it goes by: database aliases, and names used by other gateways' rules.
std::vector<QByteArray> typeAliases(const QByteArray &type);

/// No control characters but white space and escape in the first 64 KiB.
bool isPrintable(QByteArrayView content);

}  // namespace portcullis::mail
