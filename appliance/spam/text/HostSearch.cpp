// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/text/HostSearch.h"

#include "appliance/spam/relays/NetworkSet.h"
#include "appliance/spam/text/Octets.h"
#include "appliance/spam/uri/DomainTable.h"

#include <QtCore/QByteArrayList>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr qsizetype longestHost = 251;

constexpr bool isLabel(char c)
{
    return octets::isLetter(c) || octets::isDigit(c) || c == '-';
}

constexpr bool joinsHost(char c)
{
    return c == '.' || c == '_' || c == '-';
}

/// Length of the longest text from the start that ends in a dot and a valid top level domain; 0: none.
/// `text` is without space.
qsizetype hostLength(QByteArrayView text, const DomainTable &domains)
{
    for (qsizetype dot = qMin(text.size() - 1, longestHost); dot > 0; --dot) {
        if (text[dot] != '.') {
            continue;
        }
        qsizetype end = dot + 1;
        while (end < text.size() && isLabel(text[end])) {
            ++end;
        }
        const bool goesOn = end < text.size()
                            && (joinsHost(text[end])
                                || (text[end] == '.' && end + 1 < text.size()
                                    && isLabel(text[end + 1])));
        if (!goesOn && domains.isValidTld(text.sliced(dot + 1, end - dot - 1))) {
            return end;
        }
    }
    return 0;
}

QByteArrayView wordAt(QByteArrayView value, qsizetype at)
{
    qsizetype end = at;
    while (end < value.size() && !octets::isSpace(value[end])) {
        ++end;
    }
    return value.sliced(at, end - at);
}

constexpr bool isAddressCharacter(char c)
{
    return octets::isDigit(c) || c == ':' || c == '.'
           || (octets::lower(c) >= 'a' && octets::lower(c) <= 'f');
}

}  // namespace

QByteArray firstHost(QByteArrayView value, const DomainTable &domains)
{
    for (qsizetype at = value.lastIndexOf('@'); at >= 0;
         at = at == 0 ? -1 : value.first(at).lastIndexOf('@')) {
        const QByteArrayView word = wordAt(value, at + 1);
        const qsizetype length = hostLength(word, domains);
        if (length > 0) {
            const QByteArrayView host = word.first(length);
            if (isValidHostName(host)) {
                return host.toByteArray();
            }
            break;
        }
    }
    for (qsizetype at = 0; at < value.size();) {
        const bool mayBegin = !octets::isSpace(value[at]) && (at == 0 || !joinsHost(value[at - 1]));
        const QByteArrayView word = mayBegin ? wordAt(value, at) : QByteArrayView();
        const qsizetype length = word.isEmpty() ? 0 : hostLength(word, domains);
        if (length > 0 && isValidHostName(word.first(length))) {
            return word.first(length).toByteArray();
        }
        // Behind what was tried: shorter beginnings of the same word end at the same place.
        at += length > 0 ? length : qMax<qsizetype>(1, word.size());
    }
    return {};
}

QByteArray hostOfAddress(QByteArrayView address)
{
    const qsizetype at = address.lastIndexOf('@');
    return at < 0 ? QByteArray() : wordAt(address, at + 1).toByteArray();
}

QByteArray firstIpAddress(QByteArrayView value)
{
    for (qsizetype at = 0; at < value.size();) {
        if (!isAddressCharacter(value[at])) {
            ++at;
            continue;
        }
        qsizetype end = at;
        while (end < value.size() && isAddressCharacter(value[end])) {
            ++end;
        }
        QByteArrayView word = value.sliced(at, end - at);
        // The prefix of IPv6 address literals (RFC 5321 §4.1.3) ends in a digit and a colon.
        const bool hasPrefix = at >= 3 && word.startsWith("6:")
                               && octets::equalsIgnoringCase(value.sliced(at - 3, 3), "IPv");
        const qsizetype begin = hasPrefix ? at - 3 : at;
        const bool isApart = (begin == 0 || !octets::isWord(value[begin - 1]))
                             && (end == value.size() || !octets::isWord(value[end]))
                             && !word.startsWith(':');
        const qsizetype port = word.indexOf(':');
        if (!hasPrefix && port > 0 && word.first(port).contains('.')) {
            word.truncate(port);
        }
        while (word.endsWith(':')) {
            word.chop(1);
        }
        if (isApart && isIpAddress(hasPrefix ? word.sliced(2) : word)) {
            return value.sliced(begin, word.data() + word.size() - value.data() - begin)
                .toByteArray();
        }
        at = end;
    }
    return {};
}

QByteArray reversedIpAddress(const QByteArray &address)
{
    if (!address.contains(':')) {
        QByteArrayList quads = address.split('.');
        std::reverse(quads.begin(), quads.end());
        return quads.join('.');
    }
    const std::optional<AddressBits> bits = addressBits(address);
    QByteArray result;
    if (bits) {
        const QByteArray hex = QByteArray(reinterpret_cast<const char *>(bits->data()),
                                          qsizetype(bits->size()))
                                   .toHex();
        for (auto digit = hex.rbegin(); digit != hex.rend(); ++digit) {
            result += result.isEmpty() ? "" : ".";
            result += *digit;
        }
    }
    return result;
}

}  // namespace portcullis::spam
