// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QList>

namespace portcullis::spam {

/// The word of `known` that `word` was perhaps meant to be: the one with fewest letters wrong, at most a
/// third of them and two; empty: none is near.
[[nodiscard]] QByteArray nearestWord(const QByteArray &word, const QList<QByteArray> &known);

/// "; did you mean 'describe'?" or nothing.
[[nodiscard]] QByteArray spellingHint(const QByteArray &word, const QList<QByteArray> &known);

}  // namespace portcullis::spam
