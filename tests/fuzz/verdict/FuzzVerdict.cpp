// SPDX-License-Identifier: GPL-2.0-or-later
// The filter handles hostile mail and may be taken over: what it answers must not hurt smtpd.
#include "appliance/verdict/Codec.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace portcullis::verdict;
    if (size < 1) {
        return 0;
    }
    FrameLimits limits;
    limits.metadata = 1 << 16;
    limits.contentSize = 1 << 16;
    limits.totalSize = 1 << 18;
    FrameReader reader(QStringLiteral("/tmp"), limits);
    const qsizetype step = 1 + data[0] % 64;
    const QByteArrayView bytes(data + 1, static_cast<qsizetype>(size - 1));
    for (qsizetype at = 0; at < bytes.size(); at += step) {
        if (!reader.feed(bytes.sliced(at, std::min(step, bytes.size() - at)))) {
            return 0;
        }
    }
    if (reader.isComplete()) {
        Frame frame = reader.take();
        static_cast<void>(decodeRequest(frame));
        static_cast<void>(decodeResponse(std::move(frame)));
    }
    return 0;
}
