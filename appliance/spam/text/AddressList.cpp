// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/AddressList.h"

#include "appliance/spam/text/Octets.h"
#include "appliance/spam/uri/DomainTable.h"

namespace portcullis::spam {

namespace {

constexpr size_t mostEntries = 1'000;
/// Places where the "<…" of one entry may end that are tried, repeats included; more only occur in text
/// that is no address list. Counted per "<" instead, n of them would be combinations of mostRepeats.
constexpr int mostEnds = 64;
/// Of "<…>" behind "<…>".
constexpr int mostRepeats = 8;

constexpr bool isListSpecial(char c)
{
    return octets::isSpace(c) || QByteArrayView("<>()[],:;").contains(c);
}

/// Behind a quoted string, or -1 if it does not close.
qsizetype behindQuoted(QByteArrayView text, qsizetype at)
{
    for (qsizetype i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            return i + 1;
        }
    }
    return -1;
}

/// Behind a comment without another one inside, or -1.
qsizetype behindComment(QByteArrayView text, qsizetype at)
{
    for (qsizetype i = at + 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '(') {
            return -1;
        } else if (text[i] == ')') {
            return i + 1;
        }
    }
    return -1;
}

/// Behind local-part@domain, or -1.
qsizetype behindMailbox(QByteArrayView text, qsizetype at)
{
    if (at >= text.size()) {
        return -1;
    }
    qsizetype end = at;
    if (text[at] == '"') {
        end = behindQuoted(text, at);
    }
    if (end <= at) {
        end = at;
        while (end < text.size() && text[end] != '@' && !isListSpecial(text[end])) {
            ++end;
        }
    }
    if (end <= at || end >= text.size() || text[end] != '@') {
        return -1;
    }
    const qsizetype domain = ++end;
    while (end < text.size() && text[end] != '"' && !isListSpecial(text[end])) {
        ++end;
    }
    if (end > domain) {
        return end;
    }
    if (end < text.size() && text[end] == '[') {
        ++end;
        while (end < text.size()
               && (octets::isDigit(text[end]) || text[end] == ':' || text[end] == '.')) {
            ++end;
        }
        return end > domain + 1 && end < text.size() && text[end] == ']' ? end + 1 : -1;
    }
    return -1;
}

bool isMailbox(QByteArrayView text)
{
    const qsizetype end = behindMailbox(text, 0);
    return end == text.size() || (end >= 0 && end + 1 == text.size() && text[end] == '\n');
}

/// Behind a run of quoted strings and text without ",;<".
qsizetype behindPhrase(QByteArrayView text, qsizetype at)
{
    while (at < text.size()) {
        if (text[at] == '"') {
            const qsizetype end = behindQuoted(text, at);
            if (end < 0) {
                return at;
            }
            at = end;
        } else if (text[at] == ',' || text[at] == ';' || text[at] == '<') {
            return at;
        } else {
            ++at;
        }
    }
    return at;
}

struct Tail {
    qsizetype end = -1;  ///< Behind the separator; -1: an entry cannot end here.
    std::optional<QByteArrayView> comment;
};

std::optional<qsizetype> behindSeparator(QByteArrayView text, qsizetype at)
{
    at = octets::skipSpace(text, at);
    if (at == text.size()) {
        return at;
    }
    return text[at] == ',' || text[at] == ';' ? std::optional(at + 1) : std::nullopt;
}

/// A comment, if any, and then the separator or the end.
Tail tailAt(QByteArrayView text, qsizetype at)
{
    const qsizetype open = octets::skipSpace(text, at);
    if (open < text.size() && text[open] == '(') {
        const qsizetype close = behindComment(text, open);
        if (close >= 0) {
            const auto end = behindSeparator(text, close);
            if (end) {
                return {*end, text.sliced(open + 1, close - open - 2)};
            }
        }
    }
    const auto end = behindSeparator(text, at);
    return end ? Tail{*end, std::nullopt} : Tail{};
}

struct Bracket {
    QByteArrayView content;
    Tail tail;
};

/// How often "<…>" was read within an entry already, and how many ends may still be tried for it.
struct BracketBudget {
    int depth = 0;
    int ends = mostEnds;
};

std::optional<Bracket> bracketAt(QByteArrayView text, qsizetype open, BracketBudget &budget);

// NOLINTBEGIN(misc-no-recursion) depth bounded by mostRepeats

/// What may stand between "<…>" and the separator: the same once more, as some software writes it.
Tail tailBehindBracket(QByteArrayView text, qsizetype at, BracketBudget &budget)
{
    const qsizetype next = octets::skipSpace(text, at);
    if (next < text.size() && text[next] == '<' && budget.depth < mostRepeats) {
        ++budget.depth;
        const std::optional<Bracket> again = bracketAt(text, next, budget);
        --budget.depth;
        if (again) {
            return again->tail;
        }
    }
    return tailAt(text, at);
}

/// "<…>" from its opening: the longest text without space after its "@" wins, then shorter ones.
std::optional<Bracket> bracketAt(QByteArrayView text, qsizetype open, BracketBudget &budget)
{
    const qsizetype begin = octets::skipSpace(text, open + 1);
    qsizetype mark = begin;
    while (mark < text.size() && text[mark] != '>' && text[mark] != '@') {
        ++mark;
    }
    if (mark == text.size()) {
        return std::nullopt;
    }
    const auto tryEnd = [&](qsizetype contentEnd) -> std::optional<Bracket> {
        const qsizetype close = octets::skipSpace(text, contentEnd);
        if (close >= text.size() || text[close] != '>') {
            return std::nullopt;
        }
        const Tail tail = tailBehindBracket(text, close + 1, budget);
        return tail.end < 0 ? std::nullopt
                            : std::optional(Bracket{text.sliced(begin, contentEnd - begin), tail});
    };
    qsizetype runEnd = mark;
    while (runEnd < text.size() && !octets::isSpace(text[runEnd])) {
        ++runEnd;
    }
    for (qsizetype end = runEnd; end > mark && budget.ends > 0; --end) {
        if (end == runEnd || text[end] == '>') {
            --budget.ends;
            if (const auto found = tryEnd(end)) {
                return found;
            }
        }
    }
    if (text[mark] == '>') {
        const qsizetype contentEnd = begin
                                     + octets::trimmedEnd(text.sliced(begin, mark - begin)).size();
        return tryEnd(contentEnd);
    }
    return std::nullopt;
}

// NOLINTEND(misc-no-recursion)

QByteArray withoutComments(QByteArrayView text)
{
    QByteArray result;
    for (qsizetype at = 0; at < text.size();) {
        const qsizetype end = text[at] == '(' ? behindComment(text, at) : -1;
        if (end >= 0) {
            at = end;
        } else {
            result.append(text[at++]);
        }
    }
    return result;
}

/// Comments hold no other comments; a "(" that opens another one is text. Linear: see behindComment().
QByteArray plainPhrase(QByteArrayView phrase)
{
    QByteArray result;
    for (qsizetype at = 0; at < phrase.size();) {
        if (phrase[at] == '"') {
            const qsizetype end = behindQuoted(phrase, at);
            if (end < 0) {
                ++at;
                continue;
            }
            for (qsizetype i = at + 1; i < end - 1; ++i) {
                if (phrase[i] != '\\') {
                    result.append(phrase[i]);
                }
            }
            at = end;
            continue;
        }
        const qsizetype quote = octets::find(phrase, '"', at);
        const qsizetype end = quote < 0 ? phrase.size() : quote;
        result += withoutComments(phrase.sliced(at, end - at));
        at = end;
    }
    return result;
}

bool isPlausible(QByteArrayView address)
{
    return !address.startsWith("\"\"@") && address.count('"') != 1;
}

/// Nothing but user@host; what follows a second "@" goes.
QByteArray withoutSecondDomain(const QByteArray &address)
{
    const qsizetype at = address.indexOf('@');
    const qsizetype second = at < 0 ? -1 : address.indexOf('@', at + 1);
    return second < 0 ? address : address.first(second);
}

bool isAddressPhrase(const QByteArray &phrase)
{
    if (!isMailbox(phrase) || !isPlausible(phrase)) {
        return false;
    }
    const QByteArray host = phrase.sliced(phrase.indexOf('@') + 1);
    return isValidHostName(host.first(host.indexOf('@') < 0 ? host.size() : host.indexOf('@')));
}

struct Entry {
    std::optional<QByteArrayView> phrase;
    std::optional<QByteArrayView> bracketed;
    std::optional<QByteArrayView> bare;
    Tail tail;
};

/// Behind the quoted strings of a phrase and the texts between them: the last is the end of the phrase.
std::vector<qsizetype> endsWithinPhrase(QByteArrayView text, qsizetype at)
{
    const qsizetype end = behindPhrase(text, at);
    std::vector<qsizetype> ends;
    while (at < end) {
        if (text[at] == '"') {
            at = behindQuoted(text, at);
        } else {
            const qsizetype quote = octets::find(text.first(end), '"', at);
            at = quote < 0 ? end : quote;
        }
        ends.push_back(at);
    }
    return ends;
}

/// A phrase without address. What follows a quoted string may be a comment instead of more of the phrase:
/// `"name" (<a@b>)` has no address.
std::optional<Entry> phraseEntryAt(QByteArrayView text, qsizetype at)
{
    const std::vector<qsizetype> ends = endsWithinPhrase(text, at);
    int budget = mostEnds;
    for (auto end = ends.rbegin(); end != ends.rend() && budget > 0; ++end, --budget) {
        const Tail tail = tailAt(text, *end);
        if (tail.end >= 0) {
            return Entry{text.sliced(at, *end - at), std::nullopt, std::nullopt, tail};
        }
    }
    return std::nullopt;
}

std::optional<Entry> entryAt(QByteArrayView text, qsizetype begin)
{
    const qsizetype at = octets::skipSpace(text, begin);
    const qsizetype phraseEnd = behindPhrase(text, at);
    if (phraseEnd < text.size() && text[phraseEnd] == '<') {
        BracketBudget budget;
        if (const auto bracket = bracketAt(text, phraseEnd, budget)) {
            Entry entry;
            if (phraseEnd > at) {
                entry.phrase = text.sliced(at, phraseEnd - at);
            }
            entry.bracketed = bracket->content;
            entry.tail = bracket->tail;
            return entry;
        }
    }
    const qsizetype mailboxEnd = behindMailbox(text, at);
    if (mailboxEnd >= 0) {
        const Tail tail = tailAt(text, mailboxEnd);
        if (tail.end >= 0) {
            return Entry{std::nullopt, std::nullopt, text.sliced(at, mailboxEnd - at), tail};
        }
    }
    return phraseEntryAt(text, at);
}

ListedAddress resolve(const Entry &entry)
{
    ListedAddress result;
    if (entry.bracketed) {
        const QByteArray address = withoutComments(*entry.bracketed);
        if (isMailbox(address)) {
            result.address = address;
        }
    } else if (entry.bare) {
        result.address = entry.bare->toByteArray();
    }
    if (result.address && !isPlausible(*result.address)) {
        result.address.reset();
    }
    if (entry.phrase) {
        const QByteArray phrase = plainPhrase(*entry.phrase);
        if (!result.address && isAddressPhrase(phrase)) {
            result.address = phrase;
        } else if (!phrase.isEmpty() && phrase != result.address) {
            result.phrase = phrase;
        }
    }
    if (!result.phrase && entry.tail.comment) {
        result.phrase = entry.tail.comment->toByteArray();
    }
    if (result.address) {
        result.address = withoutSecondDomain(*result.address);
    }
    return result;
}

/// "group: a, b;" becomes what stands behind the colon. Sadly "name: a" does too.
QByteArrayView withoutGroup(QByteArrayView text)
{
    qsizetype colon = -1;
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (QByteArrayView("\"()<>").contains(text[i])) {
            break;
        }
        colon = text[i] == ':' && i > 0 ? i : colon;
    }
    if (colon < 0) {
        return text;
    }
    const QByteArrayView rest = text.sliced(octets::skipSpace(text, colon + 1));
    return rest.startsWith(';') ? rest.first(0) : rest;
}

/// Addresses in <> in what could not be read otherwise.
void addLeftOvers(QByteArrayView text, std::vector<ListedAddress> &result)
{
    for (qsizetype open = octets::find(text, '<'); open >= 0 && result.size() < mostEntries;
         open = octets::find(text, '<', open + 1)) {
        const qsizetype end = behindMailbox(text, open + 1);
        if (end < 0 || end >= text.size() || text[end] != '>') {
            continue;
        }
        const QByteArray address = text.sliced(open + 1, end - open - 1).toByteArray();
        if (isPlausible(address)) {
            result.push_back({withoutSecondDomain(address), std::nullopt});
        }
    }
}

}  // namespace

std::vector<ListedAddress> readAddressList(QByteArrayView value)
{
    std::vector<ListedAddress> result;
    QByteArray cleaned;
    QByteArrayView text = octets::trimmedEnd(value);
    if (text.contains("\\\\")) {
        cleaned = text.toByteArray().replace("\\\\", "");
        text = cleaned;
    }
    text = withoutGroup(text);
    if (octets::skipSpace(text, 0) == text.size()) {
        return result;
    }
    qsizetype at = 0;
    while (at < text.size() && result.size() < mostEntries) {
        const std::optional<Entry> entry = entryAt(text, at);
        if (!entry || entry->tail.end <= at) {
            break;
        }
        result.push_back(resolve(*entry));
        at = entry->tail.end;
    }
    if (octets::find(text, '@', at) >= 0) {
        addLeftOvers(text.sliced(at), result);
    }
    return result;
}

}  // namespace portcullis::spam
