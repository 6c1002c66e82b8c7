// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

namespace portcullis::spam {

/// HTML as the tokenizer is to see it: "&nbsp;" is a space, "<br/>" is "<br>", and typographic quotes are
/// quotes, since some authors' editors put them round attributes.
QByteArray preparedSource(QByteArrayView html);

}  // namespace portcullis::spam
