// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::spam {

struct ImageSize {
    quint32 width = 0;
    quint32 height = 0;
    friend bool operator==(const ImageSize &, const ImageSize &) = default;
};

// What the first octets of a picture say of its size; nothing: it is none, or has none.
std::optional<ImageSize> gifSize(QByteArrayView data);   ///< GIF 87a and 89a.
std::optional<ImageSize> pngSize(QByteArrayView data);   ///< RFC 2083 §4.1.1.
std::optional<ImageSize> jpegSize(QByteArrayView data);  ///< ITU-T T.81 §B.2.2: the frame header.

}  // namespace portcullis::spam
