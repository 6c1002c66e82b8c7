// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/NetworkAddresses.h"

#include "appliance/spam/relays/NetworkSet.h"
#include "appliance/spam/text/MessageText.h"

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

std::vector<QByteArray> senderMailboxes(MessageText &text)
{
    std::vector<QByteArray> result;
    const auto add = [&result](const QByteArray &mailbox) {
        if (!mailbox.isEmpty()
            && std::find(result.begin(), result.end(), mailbox) == result.end()) {
            result.push_back(mailbox);
        }
    };
    for (const QByteArray &mailbox : text.headerList("Resent-From:first:addr")) {
        add(mailbox);
    }
    if (!result.empty()) {
        return result;
    }
    for (const char *field : {"From:addr", "Envelope-Sender:addr", "Resent-Sender:addr",
                              "X-Envelope-From:addr", "EnvelopeFrom:addr"}) {
        for (const QByteArray &mailbox : text.headerList(field)) {
            add(mailbox);
        }
    }
    return result;
}

}  // namespace portcullis::spam
