// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::spam {

/// What of a body tells its language: without "Re:" and the like in front of the Subject, without links
/// and addresses, not more than `most` octets.
QByteArray languageText(const std::vector<QByteArray> &body, qsizetype most);

}  // namespace portcullis::spam
