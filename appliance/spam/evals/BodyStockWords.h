// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

namespace portcullis::spam {

/// How many different labels of share recommendations a text has ("Symbol: …", "Target price: …"), also
/// with letters strewn in.
int countStockWords(const QByteArray &text);

}  // namespace portcullis::spam
