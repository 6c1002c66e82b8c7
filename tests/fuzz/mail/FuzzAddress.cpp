// SPDX-License-Identifier: GPL-2.0-or-later
// An address that is accepted has one canonical form, which is accepted again and means the same.
#include "appliance/mail/Address.h"

#include <cstdlib>

using portcullis::mail::Address;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const QByteArrayView text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const qsizetype length = Address::pathLength(text);
    if (length < 0 || length > text.size()) {
        std::abort();
    }
    for (const auto &address : {Address::parsePath(text), Address::parse(text)}) {
        if (!address || address->isNull() || address->domain().isEmpty()) {
            continue;
        }
        const QByteArray canonical = address->toString();
        const auto again = Address::parse(canonical);
        if (!again || *again != *address || canonical.contains('\0') || canonical.contains('\n')
            || canonical.contains('\r')
            || Address::pathLength('<' + canonical + '>') != canonical.size() + 2) {
            std::abort();
        }
    }
    return 0;
}
