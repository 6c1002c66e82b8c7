// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArrayView>

namespace portcullis::spool {

/// CRC-32C (Castagnoli, RFC 3720 §12.1) of `bytes`, continuing from `crc`. Uses the processor's
/// instruction where there is one. Finds accidents, not forgeries.
[[nodiscard]] quint32 crc32c(QByteArrayView bytes, quint32 crc = 0);

/// The table version, for processors without the instruction and for tests.
[[nodiscard]] quint32 crc32cPortable(QByteArrayView bytes, quint32 crc = 0);

}  // namespace portcullis::spool
