// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/HashListMail.h"

#include "appliance/spam/uri/UriCharacters.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

constexpr qsizetype longestLocalPart = 64;  // RFC 5321 §4.5.3.1.1
constexpr qsizetype longestHostLabel = 61;
constexpr int mostLabels = 4;
constexpr qsizetype longestLink = 255;  // How far from its scheme an address is part of a link.

bool isLocalByte(char c)
{
    return uri::isAlphanumeric(c)
           || (c != '\0' && QByteArrayView("!#$%&'*+/=?^_`{|}~-").contains(c));
}

/// Where the local part before the sign begins; `sign` itself: there is none.
qsizetype localPartStart(QByteArrayView text, qsizetype sign)
{
    qsizetype start = sign;
    while (start > 0 && sign - start <= longestLocalPart) {
        const char c = text[start - 1];
        const bool isDotInside = c == '.' && start < sign && text[start] != '.';
        if (!isLocalByte(c) && !isDotInside) {
            break;
        }
        --start;
    }
    // Too long: what follows a dot may still do.
    while (sign - start > longestLocalPart) {
        const qsizetype dot = text.indexOf('.', start);
        start = dot < 0 || dot > sign ? sign : dot + 1;
    }
    if (start < sign && text[start] == '.') {
        ++start;
    }
    return start;
}

/// Where the domain behind the sign ends; `start` itself: it is none with a valid top level domain.
qsizetype domainEnd(QByteArrayView text, qsizetype start, const DomainTable &domains)
{
    qsizetype at = start;
    for (int label = 0; label <= mostLabels; ++label) {
        qsizetype end = at;
        while (end < text.size() && (uri::isAlphanumeric(text[end]) || text[end] == '-')) {
            ++end;
        }
        const bool isLabel = end > at && end - at <= longestHostLabel && text[at] != '-'
                             && text[end - 1] != '-';
        const bool goesOn = end + 1 < text.size() && text[end] == '.'
                            && uri::isAlphanumeric(text[end + 1]);
        if (!isLabel) {
            return start;
        }
        if (!goesOn) {
            return label > 0 && domains.isValidTld(text.sliced(at, end - at)) ? end : start;
        }
        at = end + 1;
    }
    return start;
}

bool isInLink(QByteArrayView text, qsizetype start)
{
    const qsizetype from = std::max<qsizetype>(0, start - longestLink);
    for (qsizetype at = start; at > from && !uri::isSpace(text[at - 1]); --at) {
        if (uri::httpLength(text.sliced(at - 1)) > 0) {
            return true;
        }
    }
    return false;
}

/// "<a@b.c>", "a@b.c wrote:" but not "mailto:a@b.c>" and "a@b.c tel:".
bool isQuoted(QByteArrayView text, qsizetype start, qsizetype end)
{
    constexpr QByteArrayView scheme("mailto:");
    if (start >= scheme.size() && text.sliced(start - scheme.size(), scheme.size()) == scheme) {
        return false;
    }
    if (end < text.size() && text[end] == '>') {
        return true;
    }
    constexpr qsizetype mostSpaces = 10;
    constexpr qsizetype longestWord = 11;
    qsizetype word = end;
    while (word < text.size() && word - end < mostSpaces && uri::isSpace(text[word])) {
        ++word;
    }
    qsizetype wordEnd = word;
    while (wordEnd < text.size() && wordEnd - word <= longestWord && uri::isLetter(text[wordEnd])) {
        ++wordEnd;
    }
    if (word == end || wordEnd - word < 2 || wordEnd - word > longestWord || wordEnd >= text.size()
        || text[wordEnd] != ':') {
        return false;
    }
    constexpr std::array<QByteArrayView, 6> labels{"fax", "facsi", "tel", "phone", "email", "mail"};
    return std::ranges::none_of(labels, [&](QByteArrayView label) {
        return uri::startsCaseless(text.sliced(word), label);
    });
}

bool areHex(QByteArrayView text)
{
    return std::ranges::all_of(text, [](char c) { return uri::hexValue(c) >= 0; });
}

/// Identifiers that mail systems use as local parts: "0123abcd.89abcdef", UUIDs.
bool startsWithMachineId(QByteArrayView local)
{
    const auto hasHexRuns = [local](std::initializer_list<qsizetype> lengths, char separator) {
        qsizetype at = 0;
        for (const qsizetype length : lengths) {
            const bool isFirst = at == 0;
            if (!isFirst && (at >= local.size() || local[at++] != separator)) {
                return false;
            }
            if (at + length > local.size() || !areHex(local.sliced(at, length))) {
                return false;
            }
            at += length;
        }
        return at == local.size();
    };
    return hasHexRuns({8, 8}, '.') || hasHexRuns({8, 4, 4, 4, 12}, '-');
}

}  // namespace

std::vector<QByteArray> mailboxesIn(QByteArrayView text,
                                    const DomainTable &domains,
                                    const MailboxFilter &filter)
{
    std::vector<QByteArray> found;
    qsizetype free = 0;  // Behind the last one.
    for (qsizetype sign = text.indexOf('@'); sign >= 0; sign = text.indexOf('@', sign + 1)) {
        const qsizetype start = std::max(localPartStart(text, sign), free);
        const qsizetype end = domainEnd(text, sign + 1, domains);
        if (start >= sign || end == sign + 1) {
            continue;
        }
        free = end;
        const bool isSkipped = (filter.skipsUris && isInLink(text, start))
                               || (filter.skipsQuotes && isQuoted(text, start, end));
        if (!isSkipped) {
            found.push_back(text.sliced(start, end - start).toByteArray());
        }
    }
    return found;
}

bool isImpersonal(QByteArrayView mailbox)
{
    constexpr std::array<QByteArrayView, 10> roles{
        "abuse",   "support", "sales",      "info",       "helpdesk",
        "contact", "kontakt", "postmaster", "hostmaster", "domainmaster"};
    const qsizetype sign = mailbox.indexOf('@');
    const QByteArray local = uri::toLower(sign < 0 ? mailbox : mailbox.first(sign));
    if (std::ranges::find(roles, QByteArrayView(local)) != roles.end()) {
        return true;
    }
    constexpr QByteArrayView request("request-");
    const bool isRequest = local.startsWith(request) && local.size() == request.size() + 16
                           && areHex(QByteArrayView(local).sliced(request.size()));
    const qsizetype first = local.indexOf('=', 1);
    const qsizetype second = first < 0 ? -1 : local.indexOf('=', first + 2);
    const bool isForwarded = second > 0 && second + 1 < local.size();
    return local.startsWith("undisclosed") || local == "bounce-" || local == "bounced-" || isRequest
           || isForwarded || startsWithMachineId(local);
}

}  // namespace portcullis::spam
