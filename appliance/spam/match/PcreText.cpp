// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/match/RegexCursor.h"
#include "appliance/spam/match/RegexTree.h"

#include <algorithm>
#include <cctype>

namespace portcullis::spam {

namespace {

/// Where the class that begins at `at` ends.
qsizetype afterBracket(const QByteArray &text, qsizetype at)
{
    ++at;
    if (at < text.size() && text[at] == '^') {
        ++at;
    }
    for (bool isFirst = true; at < text.size(); isFirst = false) {
        if (text[at] == '\\') {
            at += 2;
        } else if (text.mid(at, 2) == "[:" && text.indexOf(":]", at) > 0) {
            at = text.indexOf(":]", at) + 2;
        } else if (text[at++] == ']' && !isFirst) {
            break;
        }
    }
    return std::min(at, text.size());
}

}  // namespace

QByteArray pcreText(const QByteArray &source)
{
    QByteArray text;
    text.reserve(source.size());
    for (qsizetype at = 0; at < source.size();) {
        qsizetype end = at + 1;
        if (source[at] == '\\') {
            end = std::min(at + 2, source.size());
        } else if (source[at] == '[') {
            end = afterBracket(source, at);
        } else if (source[at] == '(' && source.mid(at + 1, 1) == "?") {
            end = at + 2;
            while (end < source.size() && isOneOf(source[end], "^imsxnauldp-")) {
                ++end;
            }
            if (end < source.size() && (source[end] == ':' || source[end] == ')')) {
                text += "(?";
                for (qsizetype i = at + 2; i < end; ++i) {
                    if (!isOneOf(source[i], "auldp")) {
                        text += source[i];
                    }
                }
                at = end;
                continue;
            }
            end = at + 2;
        } else if (source[at] == '{' && source.mid(at + 1, 1) == ",") {
            qsizetype digits = at + 2;
            while (digits < source.size()
                   && std::isdigit(static_cast<uchar>(source[digits])) != 0) {
                ++digits;
            }
            if (digits > at + 2 && digits < source.size() && source[digits] == '}') {
                text += "{0,";
                at += 2;
                continue;
            }
        }
        text += QByteArrayView(source).sliced(at, end - at);
        at = end;
    }
    return text;
}

}  // namespace portcullis::spam
