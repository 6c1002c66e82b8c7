// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/language/LanguageText.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

bool isBlankOctet(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool isAsciiLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isWordOctetOfAscii(char c)
{
    return isAsciiLetter(c) || (c >= '0' && c <= '9') || c == '_';
}

/// "Re: Fwd: AW: …"
qsizetype endOfPrefixes(QByteArrayView text)
{
    constexpr int mostPrefixes = 10;
    qsizetype done = 0;
    for (int i = 0; i < mostPrefixes; ++i) {
        qsizetype end = done;
        while (end < text.size() && isAsciiLetter(text[end])) {
            ++end;
        }
        const qsizetype letters = end - done;
        if (letters < 2 || letters > 12 || end >= text.size() || text[end] != ':') {
            break;
        }
        for (++end; end < text.size() && isBlankOctet(text[end]);) {
            ++end;
        }
        done = end;
    }
    return done;
}

/// Octets that are no space from `begin` on, at most `most`.
qsizetype runLength(QByteArrayView text, qsizetype begin, qsizetype most)
{
    qsizetype length = 0;
    while (length < most && begin + length < text.size() && !isBlankOctet(text[begin + length])) {
        ++length;
    }
    return length;
}

/// The length of a link that begins at `i`; 0: none does.
qsizetype linkAt(QByteArrayView text, qsizetype i)
{
    constexpr qsizetype longestLink = 1'024;
    constexpr qsizetype longestHost = 128;
    const QByteArrayView rest = text.sliced(i);
    if (rest.startsWith("www.") && (i == 0 || !isWordOctetOfAscii(text[i - 1]))) {
        const qsizetype length = runLength(text, i + 4, longestHost);
        return length > 0 ? 4 + length : 0;
    }
    if (!rest.startsWith("http")) {
        return 0;
    }
    const qsizetype scheme = rest.sliced(4).startsWith('s') ? 5 : 4;
    for (const char *separator : {"://", ":&#x2F;&#x2F;", "%3A%2F%2F"}) {
        if (rest.sliced(scheme).startsWith(separator)) {
            const qsizetype start = scheme + static_cast<qsizetype>(qstrlen(separator));
            const qsizetype length = runLength(text, i + start, longestLink);
            return length > 0 ? start + length : 0;
        }
    }
    return 0;
}

QByteArray withoutLinks(QByteArrayView text)
{
    QByteArray kept;
    kept.reserve(text.size());
    for (qsizetype i = 0; i < text.size();) {
        const bool mayBegin = text[i] == 'h' || text[i] == 'w';
        const qsizetype link = mayBegin ? linkAt(text, i) : 0;
        if (link > 0) {
            kept += ' ';
            i += link;
        } else {
            kept += text[i++];
        }
    }
    return kept;
}

QByteArray withoutAddresses(QByteArrayView text)
{
    constexpr qsizetype longestName = 64;
    constexpr qsizetype longestHost = 128;
    QByteArray kept;
    kept.reserve(text.size());
    qsizetype done = 0;
    for (qsizetype at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
        qsizetype begin = at;
        while (begin > done && at - begin < longestName && !isBlankOctet(text[begin - 1])) {
            --begin;
        }
        const bool hasHost = at + 1 < text.size() && isAsciiLetter(text[at + 1]);
        const qsizetype host = hasHost ? runLength(text, at + 2, longestHost) : 0;
        if (begin == at || host == 0) {
            continue;
        }
        kept += text.sliced(done, begin - done).toByteArray() + ' ';
        done = at + 2 + host;
        at = done - 1;
    }
    return kept + text.sliced(done).toByteArray();
}

}  // namespace

QByteArray languageText(const std::vector<QByteArray> &body, qsizetype most)
{
    // Much more than is kept need not be looked at: links rarely make up most of a text.
    const qsizetype looked = most * 16;
    QByteArray text;
    for (const QByteArray &paragraph : body) {
        text += (text.isEmpty() ? "" : "\n") + paragraph;
        if (text.size() > looked) {
            break;
        }
    }
    text.remove(0, endOfPrefixes(text));
    return withoutLinks(withoutAddresses(withoutLinks(text))).left(most);
}

}  // namespace portcullis::spam
