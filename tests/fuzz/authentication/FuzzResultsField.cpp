// SPDX-License-Identifier: GPL-2.0-or-later
// Anybody's Authentication-Results: read in bounds, and one that reads as ours is found to be ours.
#include "appliance/authentication/AuthenticationResults.h"

#include <cstdlib>

using namespace portcullis;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArrayView value(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const mail::HeaderField field("Authentication-Results", value, {0, value.size()});
    const bool isOurs = authentication::claimsToBeOurs(field, "mx.example.org");
    const auto parsed = authentication::parseAuthenticationResults(value);
    if (!parsed || (parsed->authservId.toLower() == "mx.example.org" && !isOurs)) {
        // Unreadable, too, must count as a claim.
        if (!isOurs) {
            std::abort();
        }
    }
    return 0;
}
