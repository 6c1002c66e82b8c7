// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/text/TextPart.h"

#include <QtCore/QByteArrayView>

#include <vector>

namespace portcullis::spam {

struct TextLimits;

/// The header of a message and where its body begins.
struct HeaderBlock {
    QByteArrayView mboxLine;
    QByteArrayView pristine;  ///< All field lines and the empty line after them.
    QByteArrayView body;
    std::vector<HeaderLine> fields;
    bool lacksSeparator = false;  ///< The body began, or the text ended, without an empty line.
    bool isTruncated = false;     ///< A name or value was too long.
};

/// `text` has LF line ends and outlives the result.
HeaderBlock readHeaderBlock(QByteArrayView text, const TextLimits &limits);

/// A field name made of printable ASCII and its colon (RFC 5322 §3.6.8), with space between or not.
bool beginsField(QByteArrayView line, bool allowsSpace);

}  // namespace portcullis::spam
