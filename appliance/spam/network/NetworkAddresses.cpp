// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/NetworkAddresses.h"

#include "appliance/spam/relays/NetworkSet.h"

#include <algorithm>

namespace portcullis::spam {

QByteArray reversedAddress(QByteArrayView address)
{
    const auto bits = addressBits(address);
    if (!bits) {
        return {};
    }
    QByteArray result;
    if (!address.contains(':')) {
        for (size_t at = bits->size(); at > 12; --at) {
            result += (result.isEmpty() ? "" : ".") + QByteArray::number((*bits)[at - 1]);
        }
        return result;
    }
    for (auto octet = bits->rbegin(); octet != bits->rend(); ++octet) {
        result += (result.isEmpty() ? "" : ".") + QByteArray::number(*octet & 15, 16) + '.'
                  + QByteArray::number(*octet >> 4, 16);
    }
    return result;
}

QByteArray listedName(const QByteArray &addressOrName)
{
    const QByteArray reversed = reversedAddress(addressOrName);
    return reversed.isEmpty() ? addressOrName : reversed;
}

}  // namespace portcullis::spam
