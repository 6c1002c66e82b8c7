// SPDX-License-Identifier: GPL-2.0-or-later
// Both directions of the worker protocol: what can be read is what was written, byte for byte.
#include "appliance/policy/spf/protocol/Wire.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::policy::spf;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    if (const auto task = wire::decodeTask(bytes)) {
        if (wire::encode(*task) != bytes) {
            std::abort();
        }
    }
    if (const auto reply = wire::decodeReply(bytes)) {
        if (wire::encode(*reply) != bytes) {
            std::abort();
        }
    }
    return 0;
}
