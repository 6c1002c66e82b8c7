// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/tracking/Segment.h"

#include "appliance/tracking/JournalReader.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::tracking {

namespace {

constexpr char segmentSuffix[] = ".events";

}  // namespace

QString segmentPath(const QString &folder, quint64 number, quint64 identity)
{
    return QStringLiteral("%1/%2-%3%4")
        .arg(folder)
        .arg(number, 20, 10, QLatin1Char('0'))
        .arg(identity, 16, 16, QLatin1Char('0'))
        .arg(QLatin1String(segmentSuffix));
}

QByteArray segmentHead(quint64 identity)
{
    QByteArray head(segmentMagic);
    head.resize(segmentHeadBytes);
    qToLittleEndian(identity, head.data() + segmentHeadBytes - 8);
    return head;
}

std::vector<SegmentName> segmentsIn(const QString &folder)
{
    std::vector<SegmentName> segments;
    const QFileInfoList files = QDir(folder).entryInfoList(
        {QLatin1Char('*') + QLatin1String(segmentSuffix)}, QDir::Files, QDir::Unsorted);
    for (const QFileInfo &file : files) {
        const QStringList parts = file.completeBaseName().split(QLatin1Char('-'));
        bool isNumber = false;
        bool isIdentity = false;
        SegmentName segment;
        segment.number = parts.value(0).toULongLong(&isNumber);
        segment.identity = parts.value(1).toULongLong(&isIdentity, 16);
        segment.path = file.absoluteFilePath();
        segment.size = file.size();
        if (parts.size() == 2 && isNumber && isIdentity) {
            segments.push_back(segment);
        }
    }
    std::sort(segments.begin(), segments.end(), [](const SegmentName &a, const SegmentName &b) {
        return std::pair(a.number, a.identity) < std::pair(b.number, b.identity);
    });
    return segments;
}

quint64 countRecords(const QString &path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly) || !file.seek(segmentHeadBytes)) {
        return 0;
    }
    quint64 count = 0;
    while (true) {
        const QByteArray head = file.read(recordHeadBytes);
        if (head.size() < recordHeadBytes) {
            return count;
        }
        const auto length = qFromLittleEndian<quint32>(head.constData());
        if (length == 0 || length > maxRecordBytes || !file.seek(file.pos() + length)
            || file.pos() > file.size()) {
            return count;
        }
        ++count;
    }
}

}  // namespace portcullis::tracking
