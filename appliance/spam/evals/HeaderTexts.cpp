// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderTexts.h"

#include "appliance/spam/evals/HeaderDates.h"
#include "appliance/spam/evals/MimeLocales.h"
#include "appliance/spam/relays/HopLine.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace portcullis::spam {

namespace {

bool isSpaceOctet(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool isBetweenOctets(char c, int least, int most)
{
    const int octet = static_cast<unsigned char>(c);
    return octet >= least && octet <= most;
}

// Length of the UTF-8 sequence at the beginning (RFC 3629 §4); 0: none.
qsizetype utf8Length(QByteArrayView text)
{
    struct Row {
        int first, last, secondFirst, secondLast, length;
    };
    static constexpr std::array rows{Row{0x00, 0x7F, 0, 0, 1},       Row{0xC2, 0xDF, 0x80, 0xBF, 2},
                                     Row{0xE0, 0xE0, 0xA0, 0xBF, 3}, Row{0xE1, 0xEC, 0x80, 0xBF, 3},
                                     Row{0xED, 0xED, 0x80, 0x9F, 3}, Row{0xEE, 0xEF, 0x80, 0xBF, 3},
                                     Row{0xF0, 0xF0, 0x90, 0xBF, 4}, Row{0xF1, 0xF3, 0x80, 0xBF, 4},
                                     Row{0xF4, 0xF4, 0x80, 0x8F, 4}};
    const auto row = std::find_if(rows.begin(), rows.end(), [text](const Row &candidate) {
        return isBetweenOctets(text.front(), candidate.first, candidate.last);
    });
    if (row == rows.end() || text.size() < row->length
        || (row->length > 1 && !isBetweenOctets(text[1], row->secondFirst, row->secondLast))) {
        return 0;
    }
    for (qsizetype i = 2; i < row->length; ++i) {
        if (!isBetweenOctets(text[i], 0x80, 0xBF)) {
            return 0;
        }
    }
    return row->length;
}

bool isUtf8Text(QByteArrayView text)
{
    while (!text.isEmpty()) {
        const qsizetype length = utf8Length(text);
        if (length == 0) {
            return false;
        }
        text = text.sliced(length);
    }
    return true;
}

bool isControlOctet(char c)
{
    return isBetweenOctets(c, 0x00, 0x1F) && c != '\t' && c != '\n' && c != '\r';
}

// Markers of answers and forwards in some languages.
QByteArrayView withoutAnswerMarks(QByteArrayView subject)
{
    static constexpr std::array marks{"re", "fwd", "fw", "aw", "antwort",
                                      "wg", "sv",  "vb", "vs", "vl"};
    for (bool isFound = true; isFound;) {
        isFound = false;
        for (const char *mark : marks) {
            HopLine at(subject);
            if (at.literalAnyCase(mark) && at.literal(":")) {
                subject = at.rest();
                while (!subject.isEmpty() && isSpaceOctet(subject.front())) {
                    subject = subject.sliced(1);
                }
                isFound = true;
                break;
            }
        }
    }
    return subject;
}

// ---- recipient in the subject -----------------------------------------------------------------------

QByteArrayView withoutLeadingSpace(QByteArrayView text)
{
    const auto begin = std::find_if_not(text.begin(), text.end(), isSpaceOctet);
    return text.sliced(begin - text.begin());
}

bool isEqualAnyCase(QByteArrayView left, QByteArrayView right)
{
    return left.compare(right, Qt::CaseInsensitive) == 0;
}

// "Re: anna", "Fw: hello anna".
bool isAnswerTo(QByteArrayView subject, QByteArrayView user)
{
    HopLine at(subject);
    HopLine forward(subject);
    if (!at.literalAnyCase("re:") && forward.literalAnyCase("fw:")) {
        at = forward;
    } else if (at.rest().size() == subject.size()) {
        return false;
    }
    const QByteArrayView rest = withoutLeadingSpace(at.rest());
    if (isEqualAnyCase(rest, user)) {
        return true;
    }
    const auto end = std::find_if_not(rest.begin(), rest.end(), isWordByte);
    const QByteArrayView next = rest.sliced(end - rest.begin());
    return end != rest.begin() && !next.isEmpty() && isSpaceOctet(next.front())
           && isEqualAnyCase(withoutLeadingSpace(next), user);
}

// "Anna, look at this": spelled as in the address.
bool isSpokenTo(QByteArrayView subject, QByteArrayView user)
{
    if (!subject.startsWith(user)) {
        return false;
    }
    const QByteArrayView rest = withoutLeadingSpace(subject.sliced(user.size()));
    return !rest.isEmpty() && QByteArrayView(",:;!?-").contains(rest.front())
           && (rest.size() == 1 || isSpaceOctet(rest[1]));
}

bool isOnlyRecipient(QByteArrayView subject, QByteArrayView user)
{
    if (isEqualAnyCase(subject, user)) {
        return true;
    }
    if (!subject.startsWith(',')) {
        return false;
    }
    const QByteArrayView rest = withoutLeadingSpace(subject.sliced(1));
    return rest.size() == user.size() + 1 && isEqualAnyCase(rest.chopped(1), user)
           && QByteArrayView(",:;!?-").contains(rest.back());
}

bool containsAsWords(const QByteArray &text, const QByteArray &words)
{
    const QByteArray lower = text.toLower();
    const QByteArray wanted = words.toLower();
    for (qsizetype at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + 1)) {
        const qsizetype end = at + wanted.size();
        const bool before = at > 0 && isWordByte(lower[at - 1]);
        const bool behind = end < lower.size() && isWordByte(lower[end]);
        if (before != isWordByte(wanted.front()) && behind != isWordByte(wanted.back())) {
            return true;
        }
    }
    return false;
}

// ---- Message-ID -------------------------------------------------------------------------------------

// The eight hexadecimal digits in Outlook's "<000a01c2e9d1$5f1a4c40$0100007f@" that count time; -1: none.
qint64 outlookTime(QByteArrayView id)
{
    constexpr qsizetype length = 32;
    constexpr QByteArrayView shape("<hhhhhhhhhhhh$hhhhhhhh$hhhhhhhh@");
    static_assert(shape.size() == length);
    if (id.size() < length) {
        return -1;
    }
    for (qsizetype i = 0; i < length; ++i) {
        const bool isHex = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
        if (shape[i] == 'h' ? !isHex : shape[i] != id[i]) {
            return -1;
        }
    }
    return id.sliced(5, 8).toByteArray().toLongLong(nullptr, 16);
}

// FILETIME's upper 32 bits without the topmost: one step is about seven minutes.
bool isOutlookTimeOf(qint64 token, qint64 seconds)
{
    constexpr double stepsPerSecond = 0.0023283064365387;
    constexpr double stepsBefore1970 = 27'111'902.8329849;
    constexpr qint64 tolerance = 250;
    const auto expected = static_cast<qint64>(static_cast<double>(seconds) * stepsPerSecond
                                              + stepsBefore1970);
    return std::abs(token - expected) < tolerance;
}

// ---- senders ----------------------------------------------------------------------------------------

// The last two labels of an address's domain; empty: it has none.
QByteArray lastTwoLabels(const QByteArray &address)
{
    const qsizetype at = address.lastIndexOf('@');
    if (at < 0) {
        return {};
    }
    const QByteArray domain = address.sliced(at + 1);
    const qsizetype last = domain.lastIndexOf('.');
    const qsizetype second = last > 0 ? domain.lastIndexOf('.', last - 1) : -1;
    const bool hasMore = second > 0 && second + 1 < last && last + 1 < domain.size();
    return hasMore ? domain.sliced(second + 1) : domain;
}

bool isFieldOfFreeText(QByteArrayView line)
{
    static constexpr std::array names{"X-VMS-To:",
                                      "X-UIDL:",
                                      "X-Face:",
                                      "To:",
                                      "Cc:",
                                      "From:",
                                      "Subject:",
                                      "References:",
                                      "In-Reply-To:",
                                      "Message-Id:",
                                      "X-Message-Id:",
                                      "Resent-Message-Id:",
                                      "X-Original-Message-Id:"};
    return std::any_of(names.begin(), names.end(),
                       [line](const char *name) { return HopLine(line).literalAnyCase(name); });
}

bool hasTemplateMark(QByteArrayView line)
{
    const auto isCapital = [](char c) { return c >= 'A' && c <= 'Z'; };
    for (qsizetype at = line.indexOf('%'); at >= 0; at = line.indexOf('%', at + 1)) {
        if (at + 2 < line.size() && isCapital(line[at + 1])
            && (isCapital(line[at + 2]) || line[at + 2] == '_' || line[at + 2] == '-')) {
            return true;
        }
    }
    return false;
}

std::vector<QByteArray> neighbouringRecipients(MessageText &text)
{
    constexpr size_t enough = 5;
    constexpr size_t most = 256;
    std::vector<QByteArray> said;
    for (const char *query : {"ToCc:addr", "Bcc:addr"}) {
        const std::vector<QByteArray> &list = text.headerList(query);
        said.insert(said.end(), list.begin(), list.end());
        if (said.size() >= enough) {
            break;
        }
    }
    std::vector<QByteArray> result;
    for (const QByteArray &address : said) {
        if (address.isEmpty() || address == "0" || result.size() == most) {
            break;
        }
        if (result.empty() || !isEqualAnyCase(address, result.back())) {
            result.push_back(address);
        }
    }
    return result;
}

}  // namespace

bool hasIllegalOctets(MessageText &text,
                      const QByteArray &query,
                      double leastShare,
                      double leastCount)
{
    const QByteArray raw = query.endsWith(":raw") ? query : query + ":raw";
    const QByteArray value = text.headerText(raw.constData());
    if (std::all_of(value.begin(), value.end(), isSpaceOctet)) {
        return false;
    }
    const auto isHigh = [](char c) { return isBetweenOctets(c, 0x80, 0xFF); };
    const bool isInternational = std::any_of(value.begin(), value.end(), isHigh)
                                 && isUtf8Text(value);
    if (isInternational && std::none_of(value.begin(), value.end(), isControlOctet)) {
        return false;  // RFC 6532
    }
    auto illegal = std::count_if(value.begin(), value.end(), [](char c) {
        return isControlOctet(c) || isBetweenOctets(c, 0x7F, 0xFF);
    });
    if (illegal > 0 && isEqualAnyCase(raw, "subject:raw")) {
        // One sign for cent, pound or "registered" is forgiven.
        const auto signs = std::count_if(value.begin(), value.end(), [](char c) {
            return c == '\xA2' || c == '\xA3' || c == '\xAE';
        });
        illegal -= signs == 1 ? 1 : 0;
    }
    const auto count = static_cast<double>(illegal);
    return count / static_cast<double>(value.size()) >= leastShare && count >= leastCount;
}

std::vector<QByteArray> charsetsOfEncodedWords(QByteArrayView raw)
{
    std::vector<QByteArray> charsets;
    HopLine at(raw);
    while (at.through("=?")) {
        const QByteArrayView rest = at.rest();
        const qsizetype end = rest.size() > 1 ? rest.indexOf('?', 1) : -1;
        if (end < 0 || end + 2 >= rest.size() || rest[end + 2] != '?') {
            continue;
        }
        HopLine text(rest, end + 3);
        if (text.through("?=")) {
            charsets.push_back(rest.first(end).toByteArray());
            at = text;
        }
    }
    return charsets;
}

bool isSubjectInCapitals(MessageText &text)
{
    constexpr qsizetype shortest = 10;
    const QByteArray whole = text.headerText("Subject").trimmed();
    const QByteArrayView subject = withoutAnswerMarks(whole);
    if (subject.size() < shortest || std::none_of(subject.begin(), subject.end(), isSpaceOctet)) {
        return false;
    }
    const auto isSmall = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto isCapital = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::any_of(subject.begin(), subject.end(), isSmall)
        || std::none_of(subject.begin(), subject.end(), isCapital)) {
        return false;
    }
    const QByteArray raw = text.headerText("Subject:raw");
    HopLine words(raw);
    while (words.through("=?")) {
        const QByteArrayView rest = words.rest();
        const qsizetype end = rest.indexOf('?');
        if (end > 0 && looksLikeCapitals(rest.first(end))) {
            return false;
        }
    }
    return true;
}

bool namesRecipientInSubject(MessageText &text, const QByteArray &part)
{
    const QByteArray address = text.headerText("To:addr");
    if (address.isEmpty()) {
        return false;
    }
    QByteArray subject = text.headerText("Subject");
    if (part == "address") {
        return containsAsWords(subject, address);
    }
    if (part != "user") {
        return false;
    }
    if (subject.endsWith('\n')) {
        subject.chop(1);
    }
    const qsizetype at = address.indexOf('@');
    const QByteArray user = at < 0 ? address : address.first(at);
    return isAnswerTo(subject, user) || isSpokenTo(subject, user) || isOnlyRecipient(subject, user);
}

bool hasUnresolvedTemplate(MessageText &text)
{
    const QByteArray all = text.headerText("ALL");
    QByteArrayView rest = all;
    while (!rest.isEmpty()) {
        const qsizetype end = rest.indexOf('\n');
        const QByteArrayView line = end < 0 ? rest : rest.first(end);
        if (hasTemplateMark(line) && !isFieldOfFreeText(line)) {
            return true;
        }
        rest = rest.sliced(end < 0 ? rest.size() : end + 1);
    }
    return false;
}

int countDifferentValues(MessageText &text, const QByteArray &field)
{
    const std::vector<QByteArray> values = text.headerValues(field.constData());
    return static_cast<int>(std::set<QByteArray>(values.begin(), values.end()).size());
}

bool hasWrongOutlookId(MessageText &text)
{
    const qint64 token = outlookTime(text.headerText("MESSAGEID"));
    if (token < 0 || isOutlookTimeOf(token, readMailDate(text.headerText("Date")).value_or(0))) {
        return false;
    }
    // The sender's clock may be wrong where the oldest Received is right.
    const std::vector<QByteArray> received = text.headerValues("Received");
    const QByteArrayView date = received.empty() ? QByteArrayView()
                                                 : dateInReceived(received.back());
    return !isOutlookTimeOf(token, readMailDate(date).value_or(0));
}

bool hasRatwareNameId(MessageText &text)
{
    constexpr qsizetype randomLetters = 28;
    const QByteArray id = text.headerText("MESSAGEID");
    HopLine at(id);
    while (at.through("<")) {
        const QByteArrayView rest = at.rest();
        const auto letters = std::find_if_not(rest.begin(), rest.end(),
                                              [](char c) { return c >= 'A' && c <= 'Z'; });
        const qsizetype end = rest.indexOf('>');
        if (letters - rest.begin() != randomLetters || end < randomLetters + 2 || *letters != '.') {
            continue;
        }
        const QByteArray address = rest.first(end).sliced(randomLetters + 1).toByteArray();
        const QByteArray from = text.headerText("From");
        const qsizetype mark = from.indexOf('<' + address + '>');
        const QByteArray name = mark < 0 ? QByteArray() : from.first(mark).trimmed();
        return name.size() > 2 && name.endsWith('"') && name.lastIndexOf('"', name.size() - 2) >= 0
               && name.lastIndexOf('"', name.size() - 2) < name.size() - 2;
    }
    return false;
}

bool hasRatwareEnvelopeFrom(MessageText &text, const DomainTable &domains)
{
    const QByteArray to = text.headerText("To:addr");
    const QByteArray from = text.headerText("EnvelopeFrom:addr");
    const qsizetype at = to.indexOf('@');
    const bool isRewritten = from.size() > 4 && isEqualAnyCase(from.first(3), "SRS")
                             && from[3] >= '0' && from[3] <= '9'
                             && QByteArrayView("=+-").contains(from[4]);
    if (from.isEmpty() || at < 1 || at + 1 >= to.size() || isRewritten) {
        return false;
    }
    const QByteArray user = to.first(at).toLower();
    const QByteArray host = to.sliced(at + 1);
    const QByteArray domain = domains.registeredDomain(host).toLower();
    const qsizetype dot = domain.lastIndexOf('.');
    if (dot < 0 || !domains.isValidTld(domain.sliced(dot + 1))) {
        return false;
    }
    // "example.com.anna@spammer.example" for anna@example.com, with any octet between.
    const QByteArray sender = from.toLower();
    for (qsizetype begin = sender.indexOf(domain); begin >= 0;
         begin = sender.indexOf(domain, begin + 1)) {
        const qsizetype behind = begin + domain.size() + 1;
        const bool startsWord = (begin > 0 && isWordByte(sender[begin - 1]))
                                != isWordByte(sender[begin]);
        if (startsWord && behind <= sender.size() && sender.sliced(behind).startsWith(user + '@')) {
            return true;
        }
    }
    return false;
}

bool hasEqualSenders(MessageText &text)
{
    return isEqualAnyCase(text.headerText("EnvelopeFrom:addr"), text.headerText("From:addr"));
}

bool hasDifferentSenderDomains(MessageText &text)
{
    const QByteArray from = lastTwoLabels(text.headerText("From:addr"));
    const QByteArray envelope = lastTwoLabels(text.headerText("EnvelopeFrom:addr"));
    return !from.isEmpty() && !envelope.isEmpty() && !isEqualAnyCase(from, envelope);
}

bool lacksRecipients(MessageText &text)
{
    return text.headerText("To").isEmpty() && text.headerText("Apparently-To").isEmpty();
}

RecipientOrder recipientOrder(MessageText &text)
{
    constexpr size_t leastSorted = 7;
    constexpr size_t leastSimilar = 5;
    constexpr qsizetype compared = 2;  // Octets at the beginning.
    const std::vector<QByteArray> addresses = neighbouringRecipients(text);
    RecipientOrder order;
    order.isSorted = addresses.size() >= leastSorted
                     && std::is_sorted(addresses.begin(), addresses.end());
    if (addresses.size() < leastSimilar) {
        return order;
    }
    // As with SpamAssassin, an address without host moves the hosts of those behind it up.
    std::vector<QByteArray> hosts;
    for (const QByteArray &address : addresses) {
        if (const qsizetype at = address.indexOf('@'); at >= 0) {
            hosts.push_back(address.sliced(at + 1));
        }
    }
    hosts.resize(addresses.size());
    double hits = 0;
    double pairs = 0;
    for (size_t i = 0; i < addresses.size(); ++i) {
        for (size_t j = i + 1; j < addresses.size(); ++j) {
            hits += addresses[i].left(compared) == addresses[j].left(compared) ? 1 : 0;
            hits += hosts[i].left(compared) == hosts[j].left(compared) && hosts[i] != hosts[j] ? 1
                                                                                               : 0;
            ++pairs;
        }
    }
    order.similarity = hits / pairs;
    return order;
}

}  // namespace portcullis::spam
