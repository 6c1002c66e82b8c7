// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/text/MessageText.h"

namespace portcullis::spam {

/// How the HTML and the plain text of multipart/alternative differ, in words.
struct AlternativeDifference {
    double percent = 0;    ///< Largest share of words of HTML that the text does not have as often.
    double htmlWords = 0;  ///< Different ones, in the last alternative that has HTML.
    double textWords = 0;
};

AlternativeDifference alternativeDifference(MessageText &text);

}  // namespace portcullis::spam
