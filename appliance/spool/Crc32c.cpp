// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Crc32c.h"

#include <array>
#include <cstring>

namespace portcullis::spool {

namespace {

constexpr std::array<quint32, 256> makeCrcTable()
{
    std::array<quint32, 256> table{};
    for (quint32 byte = 0; byte < 256; ++byte) {
        quint32 value = byte;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
        }
        table[byte] = value;
    }
    return table;
}

constexpr std::array<quint32, 256> crcTable = makeCrcTable();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) quint32 crc32cSse42(QByteArrayView bytes, quint32 crc)
{
    quint64 value = ~crc;
    const char *at = bytes.data();
    qsizetype left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        quint64 word = 0;
        std::memcpy(&word, at, sizeof word);
        value = __builtin_ia32_crc32di(value, word);
    }
    auto rest = static_cast<quint32>(value);
    for (; left > 0; --left, ++at) {
        rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
    }
    return ~rest;
}
#endif

}  // namespace

quint32 crc32cPortable(QByteArrayView bytes, quint32 crc)
{
    quint32 value = ~crc;
    for (const char byte : bytes) {
        value = (value >> 8) ^ crcTable[(value ^ static_cast<unsigned char>(byte)) & 0xFF];
    }
    return ~value;
}

quint32 crc32c(QByteArrayView bytes, quint32 crc)
{
#if defined(__x86_64__)
    static const bool hasInstruction = __builtin_cpu_supports("sse4.2") != 0;
    if (hasInstruction) {
        return crc32cSse42(bytes, crc);
    }
#endif
    return crc32cPortable(bytes, crc);
}

}  // namespace portcullis::spool
