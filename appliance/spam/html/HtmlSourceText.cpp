// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlSourceText.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <array>

namespace portcullis::spam {

namespace {

constexpr std::array<bool, 256> sourceStops = [] {
    std::array<bool, 256> stops{};
    stops['&'] = stops['/'] = stops[0xE2] = true;
    return stops;
}();

/// Where the "<" of a tag without attributes stands that ends a text ("<br", "<br "); -1: none.
qsizetype bareTagEnd(QByteArrayView text)
{
    qsizetype end = text.size();
    while (end > 0 && isAsciiSpace(text[end - 1])) {
        --end;
    }
    qsizetype start = end;
    while (start > 0
           && (isPerlWord(static_cast<unsigned char>(text[start - 1]), PerlText::Octets)
               || static_cast<unsigned char>(text[start - 1]) >= 0x80)) {
        --start;
    }
    return start < end && start > 0 && text[start - 1] == '<' ? end : -1;
}

}  // namespace

QByteArray preparedSource(QByteArrayView html)
{
    constexpr QByteArrayView space("&nbsp;");
    QByteArray result;
    result.reserve(html.size() + 1);
    qsizetype from = 0;
    const auto flush = [&](qsizetype to) { result.append(html.data() + from, to - from); };
    for (qsizetype at = 0; at < html.size(); ++at) {
        const auto c = static_cast<unsigned char>(html[at]);
        if (!sourceStops[c]) {
            continue;
        }
        if (c == '&' && html.sliced(at).startsWith(space)) {
            flush(at);
            result.append(' ');
            from = at + space.size();
            at = from - 1;
        } else if (c == '/' && at + 1 < html.size() && html[at + 1] == '>') {
            flush(at);
            const qsizetype end = bareTagEnd(result);
            if (end >= 0) {
                result.truncate(end);
                from = at + 1;
            } else {
                from = at;
            }
        } else if (c == 0xE2 && at + 2 < html.size() && html[at + 1] == '\x80'
                   && (html[at + 2] == '\x9C' || html[at + 2] == '\x9D')) {
            flush(at);
            result.append('"');
            from = at + 3;
            at = from - 1;
        }
    }
    flush(html.size());
    return result;
}

}  // namespace portcullis::spam
