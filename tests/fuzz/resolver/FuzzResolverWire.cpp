// SPDX-License-Identifier: GPL-2.0-or-later
// Both ends of the resolver service: a worker that was taken over must not hurt the service, nor DNS
// data that arrives through the service the workers. What is read must be written the same again.
#include "appliance/base/ResolverWire.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace portcullis::resolverwire;
    const QByteArrayView bytes(data, static_cast<qsizetype>(size));
    static_cast<void>(payloadSize(bytes, FrameKind::Request));
    static_cast<void>(payloadSize(bytes, FrameKind::Response));
    const QByteArrayView payload = bytes.sliced(std::min(bytes.size(), headSize));
    if (const auto request = decodeRequest(payload)) {
        const auto again = decodeRequest(QByteArrayView(encode(*request)).sliced(headSize));
        if (!again || again->questions != request->questions) {
            std::abort();
        }
    }
    if (const auto response = decodeResponse(payload)) {
        const auto again = decodeResponse(QByteArrayView(encode(*response)).sliced(headSize));
        if (!again || again->answers.size() != response->answers.size()) {
            std::abort();
        }
        for (const auto &answer : response->answers) {
            if (answer) {
                static_cast<void>(portcullis::addressesOf(*answer));
                static_cast<void>(portcullis::mxHostsOf(*answer));
                static_cast<void>(portcullis::textsOf(*answer));
                static_cast<void>(portcullis::namesOf(*answer));
            }
        }
    }
    return 0;
}
