// SPDX-License-Identifier: GPL-2.0-or-later
// libspf2 as the worker drives it: whatever task arrives, it ends with a reply.
#include "appliance/daemons/pmg-spf-worker/Evaluator.h"

#include <cstdint>
#include <cstdlib>

using namespace portcullis::policy::spf;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static Evaluator evaluator;
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    if (const auto task = wire::decodeTask(bytes)) {
        const wire::Reply reply = evaluator.run(*task);
        if (!wire::decodeReply(wire::encode(reply))) {
            std::abort();
        }
    }
    return 0;
}
