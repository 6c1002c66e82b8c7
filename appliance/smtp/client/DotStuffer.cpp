// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/DotStuffer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace portcullis::smtp {

namespace {

constexpr QByteArrayView dot(".", 1);
constexpr QByteArrayView lineEnd("\r\n", 2);
constexpr QByteArrayView endOfData(".\r\n", 3);

qsizetype find(QByteArrayView bytes, char wanted, qsizetype from = 0)
{
    const auto *start = bytes.data() + from;
    const void *hit = std::memchr(start, wanted, static_cast<size_t>(bytes.size() - from));
    return hit == nullptr ? -1 : static_cast<const char *>(hit) - bytes.data();
}

}  // namespace

DotStuffer::DotStuffer(QByteArrayView message)
    : m_rest(message)
{
}

std::vector<QByteArrayView> DotStuffer::next(qsizetype maxBytes)
{
    std::vector<QByteArrayView> slices;
    // Two at least, or a CRLF would never be seen whole.
    const qsizetype most = std::max(maxBytes, qsizetype(2));
    const QByteArrayView block = m_rest.first(std::min(m_rest.size(), most));
    qsizetype sliceStart = 0;
    qsizetype position = 0;
    // Where the next CR and LF are; each octet is searched once, whatever the mixture.
    qsizetype carriageReturn = find(block, '\r');
    qsizetype lineFeed = find(block, '\n');
    const auto cutSlice = [&](qsizetype end) {
        if (end > sliceStart) {
            slices.push_back(block.sliced(sliceStart, end - sliceStart));
        }
        sliceStart = end;
    };
    bool endsInsidePair = false;
    while (position < block.size()) {
        if (m_isLineStart && block[position] == '.') {
            cutSlice(position);
            slices.push_back(dot);
        }
        m_isLineStart = false;
        if (carriageReturn >= 0 && carriageReturn < position) {
            carriageReturn = find(block, '\r', position);
        }
        if (lineFeed >= 0 && lineFeed < position) {
            lineFeed = find(block, '\n', position);
        }
        if (carriageReturn >= 0 && (lineFeed < 0 || carriageReturn < lineFeed)) {
            if (carriageReturn + 1 == lineFeed) {
                position = lineFeed + 1;
                m_isLineStart = true;
                continue;
            }
            if (carriageReturn + 1 == block.size() && block.size() < m_rest.size()) {
                endsInsidePair = true;  // Whether LF follows is for the next block to see.
                break;
            }
            cutSlice(carriageReturn);  // Bare CR.
            slices.push_back(lineEnd);
            position = carriageReturn + 1;
            sliceStart = position;
            m_isLineStart = true;
            continue;
        }
        if (lineFeed < 0) {
            break;
        }
        cutSlice(lineFeed);  // Bare LF.
        slices.push_back(lineEnd);
        position = lineFeed + 1;
        sliceStart = position;
        m_isLineStart = true;
    }
    const qsizetype end = endsInsidePair ? block.size() - 1 : block.size();
    cutSlice(end);
    m_rest = m_rest.sliced(end);
    if (m_rest.isEmpty()) {
        if (!m_isLineStart) {
            slices.push_back(lineEnd);
        }
        slices.push_back(endOfData);
        m_isFinished = true;
    }
    return slices;
}

bool hasEightBitData(QByteArrayView bytes)
{
    constexpr quint64 highBits = 0x8080808080808080ULL;
    const char *data = bytes.data();
    qsizetype left = bytes.size();
    for (; left >= 64; left -= 64, data += 64) {
        std::array<quint64, 8> words{};
        std::memcpy(words.data(), data, sizeof(words));
        quint64 seen = 0;
        for (const quint64 word : words) {
            seen |= word;
        }
        if ((seen & highBits) != 0) {
            return true;
        }
    }
    return std::any_of(data, data + left, [](char c) { return static_cast<signed char>(c) < 0; });
}

QByteArrayView headerOf(QByteArrayView message)
{
    if (message.startsWith("\r\n")) {
        return message.first(0);
    }
    const qsizetype end = message.indexOf(QByteArrayView("\r\n\r\n"));
    return end < 0 ? message : message.first(end + 2);
}

}  // namespace portcullis::smtp
