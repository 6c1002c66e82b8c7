// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::spam {

/// What becomes of octets that the charset has no place for.
enum class Strictness : quint8 {
    Strict,    ///< The conversion fails.
    Replacing  ///< U+FFFD stands for them.
};

std::optional<QByteArray> fromWindows1252(QByteArrayView text, Strictness strictness);
/// Malformed sequences are replaced as Unicode advises: one U+FFFD for each maximal subpart.
std::optional<QByteArray> fromUtf8(const QByteArray &text, Strictness strictness);
/// `charset` as iconv knows it. Converters are kept, one a name and thread.
std::optional<QByteArray> fromIconv(QByteArrayView text,
                                    const QByteArray &charset,
                                    Strictness strictness);

}  // namespace portcullis::spam
