// SPDX-License-Identifier: GPL-2.0-or-later
// Any TXT record as a key: usable only within the limits, never good for a signature of nothing.
#include "appliance/authentication/KeyRecord.h"

#include <cstdlib>

using namespace portcullis::authentication;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const AuthenticationLimits limits;
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    const KeyRecord record = readKey({TxtAnswer::Kind::Records, {text}}, limits);
    const bool isUsable = record.state == KeyRecord::State::Usable;
    const bool isRsa = record.kind == KeyRecord::Kind::Rsa;
    if (isUsable && isRsa
        && (record.bits < limits.minimumKeyBits || record.bits > limits.maximumKeyBits)) {
        std::abort();
    }
    if (isUsable == !record.reason.isEmpty()) {
        std::abort();
    }
    (void)record.verifies(QByteArray(32, 'd'), QByteArray(record.bits / 8, 's'));
    return 0;
}
