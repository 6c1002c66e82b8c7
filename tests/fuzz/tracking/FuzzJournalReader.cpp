// SPDX-License-Identifier: GPL-2.0-or-later
// A journal segment of any content: reading it to its end must end, and what it gives must encode.
#include "appliance/base/Log.h"
#include "appliance/tracking/JournalReader.h"
#include "appliance/tracking/Segment.h"

#include <QtCore/QFile>
#include <QtCore/QTemporaryDir>

#include <cstdlib>

using portcullis::tracking::JournalMark;
using portcullis::tracking::JournalReader;

namespace {

const QString &folder()
{
    static const QTemporaryDir directory;
    static const QString path = directory.path();
    portcullis::log::setTarget({"fuzz", "/dev/null", false, portcullis::log::Severity::Critical});
    return path;
}

void writeSegment(const QByteArray &records)
{
    QFile file(portcullis::tracking::segmentPath(folder(), 1, 1));
    if (!file.open(QIODevice::WriteOnly)) {
        std::abort();
    }
    file.write(portcullis::tracking::segmentHead(1));
    file.write(records);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArray bytes(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    if (auto event = portcullis::tracking::decodePayload(bytes)) {
        QByteArray record;
        portcullis::tracking::encodeRecord(*event, record);
    }
    writeSegment(bytes);
    JournalReader reader(folder());
    JournalMark mark;
    for (bool isComplete = false; !isComplete;) {
        const auto batch = reader.read(mark, 100);
        if (!batch || (batch->events.empty() && !batch->isSegmentComplete)) {
            std::abort();  // A closed segment always goes on or ends.
        }
        mark = batch->mark;
        isComplete = batch->isSegmentComplete;
    }
    if (!reader.finish(mark)) {
        std::abort();
    }
    QFile::remove(portcullis::tracking::segmentPath(folder(), 1, 1) + QStringLiteral(".damaged"));
    return 0;
}
