// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/ImageSize.h"

#include <QtCore/QtEndian>

namespace portcullis::spam {

namespace {

std::optional<ImageSize> unlessEmpty(quint32 width, quint32 height)
{
    if (width == 0 || height == 0) {
        return std::nullopt;
    }
    return ImageSize{width, height};
}

/// SOF0 … SOF15 without the tables that share their range (DHT, JPG, DAC).
constexpr bool startsFrame(quint8 marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

std::optional<ImageSize> gifSize(QByteArrayView data)
{
    if (data.size() < 10 || !(data.startsWith("GIF87a") || data.startsWith("GIF89a"))) {
        return std::nullopt;
    }
    return unlessEmpty(qFromLittleEndian<quint16>(data.data() + 6),
                       qFromLittleEndian<quint16>(data.data() + 8));
}

std::optional<ImageSize> pngSize(QByteArrayView data)
{
    constexpr qsizetype chunkHeader = 8;
    if (!data.startsWith("\x89PNG\r\n\x1A\n")) {
        return std::nullopt;
    }
    // IHDR comes first; what is no chunk is stepped over, as the peer does.
    for (qsizetype at = chunkHeader; at + chunkHeader <= data.size(); at += chunkHeader) {
        const QByteArrayView type = data.sliced(at + 4, 4);
        if (type == "IEND") {
            break;
        }
        if (type == "IHDR" && qFromBigEndian<quint32>(data.data() + at) == 13) {
            if (data.size() - at < 2 * chunkHeader) {
                break;
            }
            return unlessEmpty(qFromBigEndian<quint32>(data.data() + at + 8),
                               qFromBigEndian<quint32>(data.data() + at + 12));
        }
    }
    return std::nullopt;
}

std::optional<ImageSize> jpegSize(QByteArrayView data)
{
    if (!data.startsWith("\xFF\xD8")) {
        return std::nullopt;
    }
    qsizetype at = 2;
    while (data.size() - at >= 4 && data[at] == '\xFF') {
        const auto marker = static_cast<quint8>(data[at + 1]);
        const auto length = qFromBigEndian<quint16>(data.data() + at + 2);
        if (marker == 0xDA || marker == 0xD9 || length < 2) {
            break;
        }
        if (startsFrame(marker)) {
            if (data.size() - at < 9) {
                break;
            }
            return unlessEmpty(qFromBigEndian<quint16>(data.data() + at + 7),
                               qFromBigEndian<quint16>(data.data() + at + 5));
        }
        at += 2 + length;
    }
    return std::nullopt;
}

}  // namespace portcullis::spam
