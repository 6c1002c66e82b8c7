// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/protocol/Wire.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::archive;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    if (const auto head = wire::decodeRequestHead(bytes)) {
        if (wire::encode(*head) != bytes) {
            std::abort();
        }
    }
    if (const auto listing = wire::decodeListing(bytes)) {
        if (wire::encode(*listing) != bytes) {
            std::abort();
        }
    }
    return 0;
}
