// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/HeaderTexts.h"
#include "appliance/spam/relays/HopLine.h"
#include "appliance/spam/relays/IpScanner.h"
#include "appliance/spam/text/MessageText.h"
#include "appliance/spam/text/Octets.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

QByteArrayView withoutLeadingSpace(QByteArrayView text)
{
    const auto begin = std::find_if_not(text.begin(), text.end(), octets::isSpace);
    return text.sliced(begin - text.begin());
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
    if (octets::equalsIgnoringCase(rest, user)) {
        return true;
    }
    const auto end = std::find_if_not(rest.begin(), rest.end(), isWordByte);
    const QByteArrayView next = rest.sliced(end - rest.begin());
    return end != rest.begin() && !next.isEmpty() && octets::isSpace(next.front())
           && octets::equalsIgnoringCase(withoutLeadingSpace(next), user);
}

// "Anna, look at this": spelled as in the address.
bool isSpokenTo(QByteArrayView subject, QByteArrayView user)
{
    if (!subject.startsWith(user)) {
        return false;
    }
    const QByteArrayView rest = withoutLeadingSpace(subject.sliced(user.size()));
    return !rest.isEmpty() && QByteArrayView(",:;!?-").contains(rest.front())
           && (rest.size() == 1 || octets::isSpace(rest[1]));
}

bool isOnlyRecipient(QByteArrayView subject, QByteArrayView user)
{
    if (octets::equalsIgnoringCase(subject, user)) {
        return true;
    }
    if (!subject.startsWith(',')) {
        return false;
    }
    const QByteArrayView rest = withoutLeadingSpace(subject.sliced(1));
    return rest.size() == user.size() + 1 && octets::equalsIgnoringCase(rest.chopped(1), user)
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
        if (result.empty() || !octets::equalsIgnoringCase(address, result.back())) {
            result.push_back(address);
        }
    }
    return result;
}

}  // namespace

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

bool hasRatwareEnvelopeFrom(MessageText &text, const DomainTable &domains)
{
    const QByteArray to = text.headerText("To:addr");
    const QByteArray from = text.headerText("EnvelopeFrom:addr");
    const qsizetype at = to.indexOf('@');
    const bool isRewritten = from.size() > 4 && octets::equalsIgnoringCase(from.first(3), "SRS")
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
    return octets::equalsIgnoringCase(text.headerText("EnvelopeFrom:addr"),
                                      text.headerText("From:addr"));
}

bool hasDifferentSenderDomains(MessageText &text)
{
    const QByteArray from = lastTwoLabels(text.headerText("From:addr"));
    const QByteArray envelope = lastTwoLabels(text.headerText("EnvelopeFrom:addr"));
    return !from.isEmpty() && !envelope.isEmpty() && !octets::equalsIgnoringCase(from, envelope);
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
