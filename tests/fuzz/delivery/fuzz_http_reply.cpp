// SPDX-License-Identifier: GPL-2.0-or-later
// The reply of a hostile policy host, in pieces. The first octet chooses their size.
#include "appliance/delivery/HttpReplyReader.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace portcullis::delivery;
    if (size == 0) {
        return 0;
    }
    const QByteArrayView input(reinterpret_cast<const char *>(data) + 1,
                               static_cast<qsizetype>(size) - 1);
    const qsizetype piece = data[0] + 1;
    constexpr HttpReplyLimits limits{2048, 4096};
    HttpReplyReader inPieces(limits);
    for (qsizetype start = 0; start < input.size(); start += piece) {
        inPieces.receive(input.sliced(start, std::min(piece, input.size() - start)));
    }
    HttpReplyReader atOnce(limits);
    atOnce.receive(input);
    for (HttpReplyReader *reader : {&inPieces, &atOnce}) {
        reader->end();
        if (reader->body().size() > limits.body
            || reader->isDone() == reader->failure().has_value()) {
            std::abort();
        }
    }
    // However the network cuts it, it reads the same.
    if (inPieces.isDone() != atOnce.isDone()
        || (atOnce.isDone()
            && (inPieces.body() != atOnce.body() || inPieces.status() != atOnce.status()
                || inPieces.contentType() != atOnce.contentType()))) {
        std::abort();
    }
    return 0;
}
