// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>

#include <vector>

namespace portcullis::rules {

/// A file name as given, and as the recipient's system will see it where that differs: without control,
/// direction and zero-width characters, cut at a NUL, without the dots and spaces at the end that
/// Windows drops. `evil.exe .` is an .exe (C3).
std::vector<QByteArray> nameReadings(const QByteArray &name);

/// The last component of each path, for those that have one ('/' or '\').
std::vector<QByteArray> lastComponents(const std::vector<QByteArray> &paths);

}  // namespace portcullis::rules
