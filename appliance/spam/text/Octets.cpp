// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/Octets.h"

namespace portcullis::spam::octets {

bool hasEightBit(QByteArrayView text)
{
    const char *at = text.data();
    const char *const end = at + text.size();
    constexpr quint64 highBits = 0x8080808080808080;
    for (; end - at >= 8; at += 8) {
        quint64 eight = 0;
        std::memcpy(&eight, at, 8);
        if ((eight & highBits) != 0) {
            return true;
        }
    }
    for (; at != end; ++at) {
        if (quint8(*at) > 127) {
            return true;
        }
    }
    return false;
}

QByteArray withLineFeeds(QByteArrayView text)
{
    qsizetype at = text.indexOf("\r\n");
    if (at < 0) {
        return QByteArray::fromRawData(text.data(), text.size());
    }
    QByteArray result(text.size(), Qt::Uninitialized);
    char *out = result.data();
    qsizetype from = 0;
    for (; at >= 0; at = find(text, '\r', at + 1)) {
        if (at + 1 < text.size() && text[at + 1] == '\n') {
            std::memcpy(out, text.data() + from, size_t(at - from));
            out += at - from;
            from = at + 1;
        }
    }
    std::memcpy(out, text.data() + from, size_t(text.size() - from));
    out += text.size() - from;
    result.truncate(out - result.constData());
    return result;
}

}  // namespace portcullis::spam::octets
