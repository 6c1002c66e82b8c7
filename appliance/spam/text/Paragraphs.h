// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <vector>

/// How the texts of a message become the pieces that body and rawbody rules see.
namespace portcullis::spam {

/// At most about so many characters of UTF-8: cut behind a line end or a space soon after the bound.
QByteArrayView cutRendered(QByteArrayView text, qsizetype characters);
/// At most about so many octets: cut behind a line end, a tag or a space soon after the bound.
QByteArrayView cutRaw(QByteArrayView text, qsizetype size);

/// Text with each run of space made one space, and each run with two line ends or more made a paragraph's
/// end, in lines of at most 2 KB behind the lines of `subject`. NULs end paragraphs too. `isWide`: the
/// text is characters, so that U+00A0 and its like are space; else it becomes Latin-1.
std::vector<QByteArray> paragraphs(QByteArrayView subject, const QByteArray &text, bool isWide);

/// Appends a part's text in chunks of 2 to 4 KB, cut behind line ends, tags or spaces if possible.
void appendChunks(QByteArrayView text, std::vector<QByteArray> &chunks);

}  // namespace portcullis::spam
