// SPDX-License-Identifier: GPL-2.0-or-later
// Any reverse-path becomes a key that a database keeps as it is, that is bounded, and that does not
// change when it is made again of what it says.
#include "appliance/policy/greylist/Triplet.h"

#include <QtCore/QString>

#include <cstdint>
#include <cstdlib>

using namespace portcullis;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mail::AddressLimits wide;
    wide.localPart = 256;
    wide.path = 1024;
    const QByteArrayView text(data, static_cast<qsizetype>(size));
    const auto address = mail::Address::parsePath(text, wide);
    if (!address) {
        return 0;
    }
    policy::greylist::GreylistLimits limits;
    for (const size_t octets : {limits.keyOctets, size_t{10}}) {
        limits.keyOctets = octets;
        for (const QByteArray &key : {policy::greylist::normalisedSender(*address, limits),
                                      policy::greylist::normalisedRecipient(*address, limits)}) {
            const bool isStorable = QString::fromUtf8(key).toUtf8() == key && !key.contains('\0');
            if (!isStorable || key.size() > static_cast<qsizetype>(octets)) {
                std::abort();
            }
        }
    }
    const QByteArray key = policy::greylist::normalisedSender(*address);
    if (address->isNull() != key.isEmpty()) {
        std::abort();
    }
    const auto known = policy::greylist::knownSenderOf({"n", key, "r"});
    if (known && !known->sender.startsWith('@')) {
        std::abort();
    }
    return 0;
}
