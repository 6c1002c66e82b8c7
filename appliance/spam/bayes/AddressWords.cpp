// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/AddressWords.h"

#include "appliance/spam/bayes/ByteRegex.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

using View = QByteArrayView;

constexpr size_t maxAddresses = 2'000;  ///< Of one field.

#define PORTCULLIS_ADDRESS_GRAMMAR                                                                 \
    "(?(DEFINE)"                                                                                   \
    " (?<quoted> \" (?: [^\"\\\\]++ | \\\\. )*+ \" )"                                              \
    " (?<comment> \\( (?: [^()\\\\]++ | \\\\. )*+ \\) )"                                           \
    " (?<mailbox> (?: (?&quoted) | [^@\\s<>()\\[\\],:;]+ ) @"                                      \
    "   (?: [^\"\\s<>()\\[\\],:;]+ | \\[ [0-9:.]+ \\] ) )"                                         \
    " (?<phrase> (?: (?&quoted) | [^\",;<]++ )+ )"                                                 \
    ")"
// Groups behind the four of the grammar: 5 phrase before <>, 6 what stands in <>, 7 address alone,
// 8 phrase alone, 9 comment.
constexpr char entryPattern[] = PORTCULLIS_ADDRESS_GRAMMAR
    "\\s* (?:"
    " (?: ((?&phrase)) \\s* )? < \\s* ( [^>@]* \\S+ | \\s* ) \\s* >"
    "  (?: \\s* < \\s* (?: (?&quoted)? \\S+ | \\s* ) \\s* > )*"
    " | (?: ((?&mailbox)) | ((?&phrase)) )"
    ") (?: \\s* ((?&comment)) )? \\s* (?: [,;] | \\z )";
constexpr char mailboxPattern[] = PORTCULLIS_ADDRESS_GRAMMAR "(?&mailbox) \\z";
constexpr char commentPattern[] = "\\( (?: [^()\\\\]++ | \\\\. )*+ \\)";
#undef PORTCULLIS_ADDRESS_GRAMMAR
constexpr size_t beforeBrackets = 5;
constexpr size_t inBrackets = 6;
constexpr size_t addressAlone = 7;
constexpr size_t phraseAlone = 8;
constexpr size_t commentBehind = 9;

bool isMailbox(View text)
{
    static const ByteRegex mailbox(mailboxPattern);
    return !mailbox.matchAt(text, 0).empty();
}

QByteArray withoutComments(const QByteArray &text)
{
    static const ByteRegex comment(commentPattern);
    return comment.replaceAll(text, QByteArray());
}

bool isSpaceOctet(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// "Friends: anna@example.org, …;" loses the name of the group, and a list that is empty its end.
QByteArray withoutGroupName(QByteArray value)
{
    const auto end = std::find_if(value.cbegin(), value.cend(),
                                  [](char c) { return View("\"()<>").contains(c); });
    const qsizetype length = end - value.cbegin();
    const qsizetype colon = length > 0 ? View(value).first(length).lastIndexOf(':') : -1;
    if (colon < 1) {
        return value;
    }
    qsizetype start = colon + 1;
    while (start < value.size() && isSpaceOctet(value[start])) {
        ++start;
    }
    return start < value.size() && value[start] == ';' ? QByteArray() : value.sliced(start);
}

bool hasRightQuotes(const QByteArray &address)
{
    return !address.startsWith("\"\"@") && address.count('"') != 1;
}

/// Quotes and escapes resolved, comments outside of quotes removed.
QByteArray plainPhrase(View phrase)
{
    QByteArray plain;
    for (qsizetype at = 0; at < phrase.size();) {
        const bool isQuoted = phrase[at] == '"';
        qsizetype end = isQuoted ? at + 1 : at;
        while (end < phrase.size() && phrase[end] != '"') {
            end += isQuoted && phrase[end] == '\\' ? 2 : 1;
        }
        end = std::min(end, phrase.size());
        if (isQuoted) {
            QByteArray inside = phrase.sliced(at + 1, end - at - 1).toByteArray();
            plain += inside.replace('\\', QByteArray());
            at = end + 1;
        } else {
            plain += withoutComments(phrase.sliced(at, end - at).toByteArray());
            at = end;
        }
    }
    return plain;
}

bool hasDomain(const QByteArray &address)
{
    const QByteArray domain = address.mid(address.indexOf('@') + 1);
    return domain.contains('.') && !domain.startsWith('.') && !domain.endsWith('.')
           && !domain.contains("..") && !domain.contains('@');
}

NamedAddress namedAddressOf(const std::vector<View> &groups)
{
    NamedAddress entry;
    if (!groups[inBrackets].isNull()) {
        entry.address = withoutComments(groups[inBrackets].toByteArray());
        if (!isMailbox(entry.address)) {
            entry.address = QByteArray();
        }
    } else if (!groups[addressAlone].isNull()) {
        entry.address = groups[addressAlone].toByteArray();
    }
    if (!hasRightQuotes(entry.address)) {
        entry.address = QByteArray();
    }
    const View phrase = groups[beforeBrackets].isNull() ? groups[phraseAlone]
                                                        : groups[beforeBrackets];
    if (!phrase.isNull()) {
        entry.phrase = plainPhrase(phrase);
        if (entry.address.isNull() && isMailbox(entry.phrase) && hasRightQuotes(entry.phrase)
            && hasDomain(entry.phrase)) {
            entry.address = entry.phrase;
            entry.phrase = QByteArray();
        } else if (entry.phrase.isEmpty() || entry.phrase == entry.address) {
            entry.phrase = QByteArray();
        }
    }
    if (entry.phrase.isNull() && !groups[commentBehind].isNull()) {
        entry.phrase = groups[commentBehind].sliced(1).chopped(1).toByteArray();
    }
    const qsizetype second = entry.address.indexOf('@', entry.address.indexOf('@') + 1);
    if (second > 0) {
        entry.address.truncate(second);
    }
    return entry;
}

}  // namespace

std::vector<NamedAddress> addressesOf(const QByteArray &value)
{
    static const ByteRegex entry(entryPattern);
    QByteArray list = value;
    while (!list.isEmpty() && isSpaceOctet(list.back())) {
        list.chop(1);
    }
    list.replace("\\\\", QByteArray());
    list = withoutGroupName(list);
    std::vector<NamedAddress> entries;
    for (qsizetype at = 0; at < list.size() && entries.size() < maxAddresses;) {
        const std::vector<View> groups = entry.matchAt(list, at);
        if (groups.empty() || groups.front().isEmpty()) {
            break;
        }
        entries.push_back(namedAddressOf(groups));
        at += groups.front().size();
    }
    return entries;
}

}  // namespace portcullis::spam
