// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/match/Pattern.h"
#include "appliance/spam/text/MessageText.h"

#include <vector>

namespace portcullis::spam {

/// What a `mimeheader` test found, before negation.
struct MimeHeaderResult {
    int hits = 0;
    std::vector<QByteArray> matched;  ///< Texts that matched, for captures.
};

/// Matches an expression against a header field of every MIME part (MIMEHeader(3)): of the first part
/// that matches, or of all joined with tflags `concat`; `range=` limits the parts.
MimeHeaderResult matchMimeHeaders(const Test &test, const Pattern &pattern, MessageText &text);

}  // namespace portcullis::spam
