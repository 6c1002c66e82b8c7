// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <vector>

/// The files of the journal: what writer and reader must agree on. Internal to tracking.
namespace portcullis::tracking {

constexpr char segmentMagic[] = "PMGEVT1\n";
constexpr qint64 segmentHeadBytes = 16;  ///< Magic, then the identity, little-endian.

/// A segment as its name tells: `00000000000000000007-0123456789ABCDEF.events`.
struct SegmentName {
    quint64 number = 0;
    quint64 identity = 0;
    QString path;
    qint64 size = 0;
};

QString segmentPath(const QString &folder, quint64 number, quint64 identity);
QByteArray segmentHead(quint64 identity);

/// The segments in a folder by rising number; other files are not looked at.
std::vector<SegmentName> segmentsIn(const QString &folder);

/// Records in a file, counted by their lengths alone.
quint64 countRecords(const QString &path);

}  // namespace portcullis::tracking
