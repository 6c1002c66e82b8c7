// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/FreeMailAddresses.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

constexpr qsizetype longestLocalPart = 64;  // RFC 5321 §4.5.3.1.1
constexpr qsizetype longestDomainLabel = 61;
constexpr int mostLabels = 4;  // Before the top level domain.
constexpr qsizetype longestUriEnd = 255;

bool isLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isAlnum(char c)
{
    return isLetter(c) || (c >= '0' && c <= '9');
}

/// RFC 5322 §3.2.3
bool isAtext(char c)
{
    return isAlnum(c) || (c != '\0' && QByteArrayView("!#$%&'*+/=?^_`{|}~-").contains(c));
}

bool isWhite(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool startsCaseless(QByteArrayView text, QByteArrayView lowerCase)
{
    return text.size() >= lowerCase.size()
           && qstrnicmp(text.data(), lowerCase.data(), static_cast<size_t>(lowerCase.size())) == 0;
}

bool endsCaseless(QByteArrayView text, QByteArrayView lowerCase)
{
    return text.size() >= lowerCase.size()
           && startsCaseless(text.last(lowerCase.size()), lowerCase);
}

/// Where the host name that begins at `begin` ends; -1: it is none with a valid top level domain.
qsizetype endOfHost(QByteArrayView text, qsizetype begin, const DomainTable &domains)
{
    qsizetype label = begin;
    for (int labels = 0;; ++labels) {
        qsizetype end = label;
        while (end < text.size() && (isAlnum(text[end]) || text[end] == '-')) {
            ++end;
        }
        const bool goesOn = end + 1 < text.size() && text[end] == '.' && isAlnum(text[end + 1]);
        if (!goesOn) {
            const bool isTld = labels > 0 && domains.isValidTld(text.sliced(label, end - label));
            return isTld ? end : -1;
        }
        const bool isLabel = end > label && end - label <= longestDomainLabel
                             && isAlnum(text[label]) && isAlnum(text[end - 1]);
        if (!isLabel || labels == mostLabels) {
            return -1;
        }
        label = end + 1;
    }
}

/// All places where a local part that ends at `at` may begin, the earliest first.
std::vector<qsizetype> localPartStarts(QByteArrayView text, qsizetype at, qsizetype from)
{
    std::vector<qsizetype> starts;
    const qsizetype earliest = std::max(from, at - longestLocalPart);
    qsizetype i = at;
    while (i > earliest && isAtext(text[i - 1])) {
        --i;
        if (i == 0 || !isAtext(text[i - 1])) {
            starts.push_back(i);
            if (i - 1 > earliest && text[i - 1] == '.' && isAtext(text[i - 2])) {
                --i;  // Over the dot, to the atom before it.
            }
        }
    }
    std::reverse(starts.begin(), starts.end());
    return starts;
}

/// What makes an address one that is quoted: ">" or, after some space, a word with a colon, unless the
/// word announces a number or an address.
bool isQuoteAfter(QByteArrayView rest, qsizetype *length)
{
    if (rest.startsWith('>')) {
        *length = 1;
        return true;
    }
    constexpr qsizetype mostSpace = 10;
    qsizetype space = 0;
    while (space < rest.size() && space <= mostSpace && isWhite(rest[space])) {
        ++space;
    }
    if (space == 0 || space > mostSpace) {
        return false;
    }
    const QByteArrayView after = rest.sliced(space);
    for (const char *word : {"fax", "facsi", "tel", "phone", "mail", "email", "e-mail", "-mail"}) {
        if (startsCaseless(after, word)) {
            return false;
        }
    }
    const qsizetype letters = std::find_if_not(after.begin(), after.end(), isLetter)
                              - after.begin();
    constexpr qsizetype longestWord = 11;
    *length = space + letters + 1;
    return letters >= 2 && letters <= longestWord && letters < after.size()
           && after[letters] == ':';
}

/// The end of a link with "@" in it that begins at `begin` ("http://…"); -1: it has none.
qsizetype endOfUriWithAddress(QByteArrayView text, qsizetype begin)
{
    qsizetype end = begin;
    constexpr qsizetype longestUri = 2 * longestUriEnd + 3;
    while (end < text.size() && end - begin < longestUri && !isWhite(text[end])) {
        ++end;
    }
    const QByteArrayView uri = text.sliced(begin, end - begin);
    qsizetype found = -1;
    for (qsizetype i = std::min(longestUriEnd, uri.size() - 1); i >= 0 && found < 0; --i) {
        if (uri[i] == '@') {
            found = i + 1;
        } else if (uri.sliced(i).startsWith("%40")) {
            found = i + 3;
        }
    }
    return found < 0 ? -1 : begin + std::min(found + longestUriEnd, uri.size());
}

QByteArray withoutUris(QByteArrayView line)
{
    QByteArray kept;
    qsizetype done = 0;
    for (qsizetype i = line.indexOf("://"); i >= 0; i = line.indexOf("://", i + 1)) {
        const QByteArrayView before = line.first(i).sliced(std::min(done, i));
        const qsizetype scheme = endsCaseless(before, "https")  ? 5
                                 : endsCaseless(before, "http") ? 4
                                                                : 0;
        const qsizetype end = scheme == 0 ? -1 : endOfUriWithAddress(line, i + 3);
        if (end < 0) {
            continue;
        }
        qsizetype begin = i - scheme;
        if (begin > done && line[begin - 1] == '<') {
            --begin;
        }
        kept += line.sliced(done, begin - done).toByteArray() + ' ';
        done = end;
        i = end - 1;
    }
    return kept + line.sliced(done).toByteArray();
}

}  // namespace

FoundAddress nextAddress(QByteArrayView text, qsizetype from, const DomainTable &domains)
{
    for (qsizetype at = text.indexOf('@', from); at >= 0; at = text.indexOf('@', at + 1)) {
        const qsizetype end = endOfHost(text, at + 1, domains);
        const std::vector<qsizetype> starts = end < 0 ? std::vector<qsizetype>()
                                                      : localPartStarts(text, at, from);
        if (!starts.empty()) {
            return {starts.front(), end,
                    text.sliced(starts.front(), end - starts.front()).toByteArray().toLower()};
        }
    }
    return {};
}

QByteArray withoutQuotedAddresses(QByteArrayView line, const DomainTable &domains)
{
    const QByteArray text = withoutUris(line);
    QByteArray kept;
    qsizetype done = 0;
    for (qsizetype at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
        const qsizetype end = endOfHost(text, at + 1, domains);
        qsizetype quote = 0;
        if (end < 0 || !isQuoteAfter(QByteArrayView(text).sliced(end), &quote)) {
            continue;
        }
        for (qsizetype begin : localPartStarts(text, at, done)) {
            if (endsCaseless(QByteArrayView(text).first(begin), "mailto:")) {
                continue;
            }
            if (begin > done && text[begin - 1] == '<') {
                --begin;
            }
            kept += text.sliced(done, begin - done) + ' ';
            done = end + quote;
            break;
        }
    }
    return kept + text.sliced(done);
}

namespace {

bool isHex(QByteArrayView text)
{
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

/// "0a1b2c3d.4e5f6071" or "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f": numbers, not names.
bool isHexName(QByteArrayView local)
{
    const char separator = local.size() == 17 ? '.' : '-';
    static const std::array<std::vector<qsizetype>, 2> shapes{std::vector<qsizetype>{8, 8},
                                                              {8, 4, 4, 4, 12}};
    for (const std::vector<qsizetype> &shape : shapes) {
        qsizetype begin = 0;
        bool fits = true;
        for (size_t i = 0; i < shape.size() && fits; ++i) {
            fits = begin + shape[i] <= local.size() && isHex(local.sliced(begin, shape[i]));
            begin += shape[i];
            if (fits && i + 1 < shape.size()) {
                fits = begin < local.size() && local[begin] == separator;
                ++begin;
            }
        }
        if (fits && begin == local.size()) {
            return true;
        }
    }
    return false;
}

/// Two or three "=" with something around each of them, as in forwarders' and VERP addresses.
bool hasFilledParts(QByteArrayView local, int parts)
{
    for (; parts > 1; --parts) {
        const qsizetype equals = local.indexOf('=', 1);
        if (equals < 0) {
            return false;
        }
        local = local.sliced(equals + 1);
    }
    return !local.isEmpty();
}

bool isWordCharacter(char c)
{
    return isAlnum(c) || c == '_';
}

/// What may stand between the words of "do not reply": no hyphen, as with the peer.
bool isGap(char c)
{
    const char lower = (c >= 'A' && c <= 'Z') ? static_cast<char>(c + ('a' - 'A')) : c;
    return c == '.' || (lower >= '_' && lower <= 't');
}

/// Without `word` and one character of gap behind it; both ways to read it.
std::vector<QByteArrayView> withoutWord(QByteArrayView text, QByteArrayView word)
{
    std::vector<QByteArrayView> readings;
    if (endsCaseless(text, word)) {
        readings.push_back(text.chopped(word.size()));
    }
    if (!text.isEmpty() && isGap(text.back()) && endsCaseless(text.chopped(1), word)) {
        readings.push_back(text.chopped(word.size() + 1));
    }
    return readings;
}

bool beginsWord(QByteArrayView before)
{
    return before.isEmpty() || !isWordCharacter(before.back());
}

/// Ends in "noreply", "donotreply", "no_replies" …, at the beginning of a word.
bool isNoReply(QByteArrayView local)
{
    const qsizetype word = endsCaseless(local, "reply")     ? 5
                           : endsCaseless(local, "replies") ? 7
                                                            : 0;
    if (word == 0) {
        return false;
    }
    for (QByteArrayView before : withoutWord(local.chopped(word), "no")) {
        if (beginsWord(before)) {
            return true;
        }
        for (QByteArrayView start : withoutWord(before, "do")) {
            if (beginsWord(start)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

bool isRoleAddress(QByteArrayView address)
{
    static const std::array<const char *, 12> roles{
        "abuse",   "support",    "sales",      "info",         "helpdesk", "contact",
        "kontakt", "postmaster", "hostmaster", "domainmaster", "bounced-", "bounce-"};
    const qsizetype first = address.indexOf('@');
    if (first < 0) {
        return false;
    }
    const QByteArrayView local = address.first(first);
    for (const char *role : roles) {
        if (local.compare(QByteArrayView(role), Qt::CaseInsensitive) == 0) {
            return true;
        }
    }
    constexpr qsizetype requestDigits = 16;
    const QByteArrayView request("request-");
    const bool isRequest = startsCaseless(local, request)
                           && local.size() == request.size() + requestDigits
                           && isHex(local.sliced(request.size()));
    return startsCaseless(local, "undisclosed") || isRequest || isHexName(local)
           || hasFilledParts(address.first(address.lastIndexOf('@')), 3);
}

bool isBulkSender(QByteArrayView reversePath)
{
    const qsizetype at = reversePath.lastIndexOf('@');
    if (at < 0) {
        return false;
    }
    const QByteArrayView local = reversePath.first(at);
    for (const char *name : {"postmaster", "hostmaster", "domainmaster", "double-bounce"}) {
        if (local.compare(QByteArrayView(name), Qt::CaseInsensitive) == 0) {
            return true;
        }
    }
    for (const char *start :
         {"sentto-", "owner-", "return-", "bounce-", "bounced-", "grbounce-", "grbounced-"}) {
        if (startsCaseless(local, start) && local.size() > qsizetype(qstrlen(start))) {
            return true;
        }
    }
    for (const char *end : {"-request", "-bounce", "-bounces", "-admin", "-owner"}) {
        if (endsCaseless(local, end)) {
            return true;
        }
    }
    return isNoReply(local) || hasFilledParts(local, 2);
}

}  // namespace portcullis::spam
