// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/AddressList.h"
#include "appliance/spam/text/HeaderDecoding.h"
#include "appliance/spam/text/HostSearch.h"
#include "appliance/spam/text/MessageTextPrivate.h"
#include "appliance/spam/text/Octets.h"

#include <QtCore/QByteArrayList>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr char receivedName[] = "received";

/// Name and modifiers as one key.
QByteArray keyOf(const HeaderQuery &query)
{
    const int modifiers = int(query.isRaw) | int(query.isAddress) << 1 | int(query.isName) << 2
                          | int(query.isFirst) << 3 | int(query.isLast) << 4
                          | int(query.isHost) << 5 | int(query.isDomain) << 6 | int(query.isIp) << 7
                          | int(query.isReverseIp) << 8;
    QByteArray key = query.name;
    key.append(char(modifiers & 0xff));
    key.append(char(modifiers >> 8));
    return key;
}

/// A line end and all space after it become one space.
QByteArray spacedFolds(const QByteArray &raw)
{
    if (raw.indexOf('\n') == raw.size() - 1) {
        return raw;
    }
    QByteArray result;
    for (qsizetype at = 0; at < raw.size(); ++at) {
        const bool isFold = raw[at] == '\n' && at + 1 < raw.size() && octets::isSpace(raw[at + 1]);
        result.append(isFold ? ' ' : raw[at]);
        at = isFold ? octets::skipSpace(raw, at + 1) - 1 : at;
    }
    return result;
}

/// Space around and within made single, and one pair of single quotes removed.
QByteArray tidyName(const QByteArray &name)
{
    if (octets::skipSpace(name, 0) == name.size()) {
        return name;
    }
    QByteArray result;
    for (const char c : octets::trimmed(name)) {
        if (!octets::isSpace(c)) {
            result.append(c);
        } else if (!result.endsWith(' ')) {
            result.append(' ');
        }
    }
    const bool isQuoted = result.size() >= 2 && result.startsWith('\'') && result.endsWith('\'');
    return isQuoted ? result.sliced(1, result.size() - 2) : result;
}

void appendTo(std::vector<QByteArray> &list, std::vector<QByteArray> more)
{
    std::move(more.begin(), more.end(), std::back_inserter(list));
}

bool needsRaw(const HeaderQuery &query)
{
    return query.isRaw || query.isAddress || query.isName;
}

}  // namespace

HeaderQuery headerQuery(QByteArrayView text)
{
    HeaderQuery query;
    const qsizetype colon = octets::find(text, ':');
    query.name = (colon < 0 ? text : text.first(colon)).toByteArray();
    for (qsizetype at = colon; at >= 0;) {
        const qsizetype next = octets::find(text, ':', at + 1);
        const QByteArrayView modifier = text.sliced(at + 1,
                                                    (next < 0 ? text.size() : next) - at - 1);
        query.isRaw |= modifier == QByteArrayView("raw");
        query.isAddress |= modifier == QByteArrayView("addr");
        query.isName |= modifier == QByteArrayView("name");
        query.isFirst |= modifier == QByteArrayView("first");
        query.isLast |= modifier == QByteArrayView("last");
        query.isDomain |= modifier == QByteArrayView("domain");
        query.isHost |= modifier == QByteArrayView("host") || query.isDomain;
        query.isReverseIp |= modifier == QByteArrayView("revip");
        query.isIp |= modifier == QByteArrayView("ip") || query.isReverseIp;
        at = next;
    }
    return query;
}

MessageText::Private::Answer &MessageText::Private::answer(const HeaderQuery &query)
{
    const auto [place, isNew] = answers.try_emplace(keyOf(query));
    if (isNew) {
        std::vector<QByteArray> found = values(query);
        // Queries within values() may have moved the table, not its elements.
        answers[keyOf(query)].values = std::move(found);
        return answers[keyOf(query)];
    }
    return place->second;
}

// NOLINTBEGIN(misc-no-recursion) once: envelopeFrom() gives its answer before it asks for other fields

std::vector<QByteArray> MessageText::Private::values(const HeaderQuery &query)
{
    std::optional<std::vector<QByteArray>> pseudo = pseudoField(query);
    const bool isWholeHeader = query.name.startsWith("ALL")
                               && (query.name.size() == 3 || query.name[3] == '-')
                               && pseudo.has_value();
    std::vector<QByteArray> found = pseudo ? std::move(*pseudo) : fieldValues(query);
    if (isWholeHeader || found.empty()) {
        return found;
    }
    if (query.isFirst) {
        found.resize(1);
    } else if (query.isLast) {
        found.erase(found.begin(), found.end() - 1);
    }
    if (query.isAddress || query.isName) {
        found = namesOrAddresses(found, query);
    }
    if (query.isHost || query.isDomain || query.isIp) {
        found = hostsOrAddresses(found, query);
    }
    return found;
}

std::optional<std::vector<QByteArray>> MessageText::Private::pseudoField(const HeaderQuery &query)
{
    const QByteArray &name = query.name;
    if (name == "ALL") {
        return query.isRaw ? allRawFields() : allFields();
    }
    if (name.startsWith("ALL-")) {
        constexpr int open = -1;
        if (name == "ALL-TRUSTED" || name == "ALL-INTERNAL") {
            const int last = name == "ALL-TRUSTED" ? relays().lastTrusted : relays().lastInternal;
            return received(open, last + 1, query.isRaw);
        }
        if (name == "ALL-UNTRUSTED" || name == "ALL-EXTERNAL") {
            const int last = name == "ALL-UNTRUSTED" ? relays().lastTrusted : relays().lastInternal;
            return received(last + 1, open, query.isRaw);
        }
    }
    std::vector<QByteArray> found;
    if (name == "MESSAGEID") {
        for (const char *field :
             {"x-message-id", "resent-message-id", "x-original-message-id", "message-id"}) {
            appendTo(found, valuesOf(field, query.isRaw, true));
        }
        return found;
    }
    if (octets::equalsIgnoringCase(name, "ToCc")) {
        found = valuesOf("to", query.isRaw, true);
        appendTo(found, valuesOf("cc", query.isRaw, true));
        return found;
    }
    if (octets::equalsIgnoringCase(name, "EnvelopeFrom")) {
        const std::optional<QByteArray> from = envelopeFrom();
        return from ? std::vector<QByteArray>{*from} : std::vector<QByteArray>{};
    }
    if (octets::startsIgnoringCase(name, "X-Spam-Relays-")) {
        const QByteArray which = name.sliced(14).toLower();
        for (const auto &[kind, list] : {std::pair("trusted", &RelayChain::trusted),
                                         std::pair("untrusted", &RelayChain::untrusted),
                                         std::pair("internal", &RelayChain::internal),
                                         std::pair("external", &RelayChain::external)}) {
            if (which == kind) {
                return std::vector<QByteArray>{RelayChain::toText(relays().*list)};
            }
        }
    }
    return std::nullopt;
}

std::vector<QByteArray> MessageText::Private::fieldValues(const HeaderQuery &query)
{
    std::vector<QByteArray> found = valuesOf(query.name.toLower(), needsRaw(query), false);
    return found.empty() ? metadataValue(query.name.toLower()) : found;
}

std::vector<QByteArray> MessageText::Private::metadataValue(const QByteArray &name)
{
    const auto known = metadata.find(name);
    if (known != metadata.end()) {
        return {known->second};
    }
    HeaderQuery query;
    query.isAddress = true;
    query.isHost = true;
    if (name == "x-senderdomain") {
        query.name = QByteArrayLiteral("EnvelopeFrom");
        query.isFirst = true;
        const std::vector<QByteArray> hosts = values(query);
        return hosts.empty() ? hosts : std::vector<QByteArray>{domains.asciiHost(hosts.front())};
    }
    if (name == "x-authordomain") {
        query.name = QByteArrayLiteral("From");
        QByteArrayList hosts;
        for (const QByteArray &host : values(query)) {
            if (!hosts.contains(domains.asciiHost(host))) {
                hosts.append(domains.asciiHost(host));
            }
        }
        return hosts.isEmpty() ? std::vector<QByteArray>()
                               : std::vector<QByteArray>{hosts.join(' ')};
    }
    return {};
}

// NOLINTEND(misc-no-recursion)

std::vector<QByteArray> MessageText::Private::valuesOf(QByteArrayView name,
                                                       bool isRaw,
                                                       bool isUnfolded)
{
    std::vector<QByteArray> found;
    const FieldGroup *same = group(name);
    if (same == nullptr) {
        return found;
    }
    for (const int index : same->indexes) {
        const HeaderLine &line = fields[size_t(index)];
        if (isRaw) {
            found.push_back(isUnfolded ? spacedFolds(line.raw) : line.raw);
        } else {
            found.push_back(line.decoded + '\n');
        }
    }
    return found;
}

std::vector<QByteArray> MessageText::Private::namesOrAddresses(const std::vector<QByteArray> &lists,
                                                               const HeaderQuery &query)
{
    std::vector<QByteArray> found;
    for (const QByteArray &list : lists) {
        for (const ListedAddress &entry : readAddressList(list)) {
            if (query.isAddress) {
                if (entry.address) {
                    found.push_back(*entry.address);
                }
            } else if (entry.phrase) {
                found.push_back(query.isRaw ? *entry.phrase
                                            : tidyName(decodePhrase(*entry.phrase)));
            }
        }
    }
    return found;
}

std::vector<QByteArray> MessageText::Private::hostsOrAddresses(const std::vector<QByteArray> &texts,
                                                               const HeaderQuery &query)
{
    std::vector<QByteArray> found;
    for (const QByteArray &line : texts) {
        QByteArray result;
        if (query.isHost || query.isDomain) {
            result = query.isAddress ? hostOfAddress(line) : firstHost(line, domains);
            if (query.isDomain && !result.isEmpty()) {
                result = domains.registeredDomain(result);
            }
        } else {
            result = firstIpAddress(line);
            if (query.isReverseIp && !result.isEmpty()) {
                result = reversedIpAddress(result);
            }
        }
        if (!result.isEmpty()) {
            found.push_back(std::move(result));
        }
    }
    return found;
}

/// "Name: decoded value" of every field in order, as far as TextLimits::headerBytes lets them in: fields
/// of one name count together.
const std::vector<QByteArray> &MessageText::Private::allFields()
{
    if (all) {
        return *all;
    }
    std::vector<QByteArray> lines(fields.size());
    std::vector<bool> isIn(fields.size(), false);
    qsizetype size = 0;
    for (const FieldGroup &same : groups) {
        for (const int index : same.indexes) {
            if (isAllTruncated) {
                break;
            }
            const HeaderLine &line = fields[size_t(index)];
            size += line.name.size() + line.decoded.size() + 3;
            if (size > settings.limits.headerBytes) {
                isAllTruncated = true;
                break;
            }
            lines[size_t(index)] = line.name + ": " + line.decoded + '\n';
            isIn[size_t(index)] = true;
        }
    }
    all.emplace();
    for (size_t i = 0; i < lines.size(); ++i) {
        if (isIn[i]) {
            all->push_back(std::move(lines[i]));
        }
    }
    return *all;
}

std::vector<QByteArray> MessageText::Private::allRawFields() const
{
    std::vector<QByteArray> found;
    const QByteArrayView header = block.pristine;
    qsizetype begin = -1;
    for (qsizetype at = 0; at < header.size();) {
        const QByteArrayView line = octets::lineAt(header, at);
        const bool isContinuation = octets::isBlank(line.front());
        if (!isContinuation) {
            if (begin >= 0) {
                found.push_back(header.sliced(begin, at - begin).toByteArray());
            }
            begin = line == QByteArrayView("\n") ? -1 : at;
        }
        at += line.size();
    }
    if (begin >= 0 && header.endsWith('\n')) {
        found.push_back(header.sliced(begin).toByteArray());
    }
    return found;
}

/// Header lines between two Received fields, counted from 0; -1: from the beginning, to the end. The
/// fields named are part of it.
std::vector<QByteArray> MessageText::Private::received(int from, int to, bool isRaw)
{
    std::vector<QByteArray> lines;
    if (isRaw) {
        lines = allRawFields();
    } else {
        for (const QByteArray &field : allFields()) {
            for (qsizetype at = 0; at < field.size();) {
                const QByteArrayView line = octets::lineAt(field, at);
                at += line.size();
                lines.push_back(line.toByteArray());
            }
        }
    }
    std::vector<QByteArray> found;
    int index = -1;
    for (QByteArray &line : lines) {
        index += octets::startsIgnoringCase(line, "received:") ? 1 : 0;
        if (from <= index && (to < 0 || index < to)) {
            found.push_back(std::move(line));
        } else if (to >= 0 && index == to) {
            found.push_back(std::move(line));
            break;
        }
    }
    return found;
}

bool MessageText::Private::standsBelowReceived(QByteArrayView name)
{
    const FieldGroup *trace = group(receivedName);
    const FieldGroup *field = group(name);
    return trace != nullptr && field != nullptr && trace->indexes.front() < field->indexes.back();
}

// NOLINTBEGIN(misc-no-recursion) see values()

std::optional<QByteArray> MessageText::Private::firstAddress(const QByteArray &name)
{
    HeaderQuery query;
    query.name = name;
    query.isFirst = true;
    query.isAddress = true;
    const std::vector<QByteArray> found = values(query);
    return found.empty() ? std::nullopt : std::optional(found.front());
}

SenderClue MessageText::Private::clue(const char *name)
{
    return {firstAddress(name), standsBelowReceived(name)};
}

std::optional<QByteArray> MessageText::Private::envelopeFrom()
{
    if (arrival) {
        return arrival->envelopeFrom;
    }
    if (!sender) {
        // None as long as it is looked for: `envelope_sender_header EnvelopeFrom` would ask for itself.
        sender.emplace(std::nullopt);
        SenderClues clues;
        const QByteArray &configured = settings.relays.envelopeSenderHeader;
        if (!configured.isEmpty()) {
            clues.configured = clue(configured.toLower().constData());
        }
        clues.xSender = firstAddress(QByteArrayLiteral("x-sender"));
        clues.xEnvelopeFrom = clue("x-envelope-from");
        clues.envelopeSender = clue("envelope-sender");
        clues.returnPath = clue("return-path");
        for (const QByteArray &value : valuesOf(receivedName, false, false)) {
            clues.hasFetchmail |= value.contains("(fetchmail");
        }
        sender = findEnvelopeFrom(relays(), settings.relays, clues);
    }
    return *sender;
}

// NOLINTEND(misc-no-recursion)

const RelayChain &MessageText::Private::relays()
{
    if (!chain) {
        std::vector<QByteArray> originating;
        for (const QByteArray &name : settings.relays.originatingHeaders) {
            const std::vector<QByteArray> found = valuesOf(name.toLower(), false, false);
            if (!found.empty()) {
                originating.push_back(found.back());
            }
        }
        chain = readRelays(valuesOf(receivedName, false, false), settings.relays, originating);
    }
    return *chain;
}

}  // namespace portcullis::spam
