// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// The name under which iconv knows what a message calls a charset; empty: the peer knows no such charset
/// (Perl's Encode with Debian's modules), even if iconv would. What is unknown is guessed from the text,
/// so knowing more than the peer would make other texts of it.
QByteArray iconvCharset(QByteArrayView label);

}  // namespace portcullis::spam
