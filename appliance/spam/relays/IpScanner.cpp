// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/relays/IpScanner.h"

#include "appliance/spam/relays/NetworkSet.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

bool isHexOrColon(char c)
{
    return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

bool startsWithAnyCase(QByteArrayView text, QByteArrayView start)
{
    return text.size() >= start.size()
           && text.first(start.size()).compare(start, Qt::CaseInsensitive) == 0;
}

// 0 … 255 without leading zeros; the number of digits, or 0.
qsizetype octetLength(QByteArrayView text, qsizetype at)
{
    qsizetype end = at;
    int value = 0;
    while (end < text.size() && end - at < 3 && isDigit(text[end])) {
        value = value * 10 + (text[end] - '0');
        ++end;
    }
    const bool hasLeadingZero = end - at > 1 && text[at] == '0';
    return value > 255 || hasLeadingZero ? 0 : end - at;
}

// Four octets with dots between; what surrounds them is the caller's business.
qsizetype quadLength(QByteArrayView text, qsizetype at)
{
    qsizetype end = at;
    for (int octet = 0; octet < 4; ++octet) {
        if (octet > 0) {
            if (end >= text.size() || text[end] != '.') {
                return 0;
            }
            ++end;
        }
        const qsizetype length = octetLength(text, end);
        if (length == 0) {
            return 0;
        }
        end += length;
    }
    return end - at;
}

// The groups of an IPv6 address before its end or before an IPv4 tail.
struct Groups {
    int count = 0;
    bool hasGap = false;       // A "::".
    bool endsInColon = false;  // A single one: a tail has to follow.
    bool isValid = true;
};

Groups readGroups(QByteArrayView run)
{
    Groups groups;
    qsizetype at = 0;
    while (at < run.size() && groups.isValid) {
        if (run[at] == ':') {
            const bool isGap = at + 1 < run.size() && run[at + 1] == ':';
            const bool isSeparator = !isGap && at > 0 && !groups.endsInColon;
            if (isGap) {
                groups.isValid = !groups.hasGap && !groups.endsInColon;
                groups.hasGap = true;
                at += 2;
                // A third colon, or one after a gap, separates nothing.
                groups.isValid = groups.isValid && (at >= run.size() || run[at] != ':');
            } else {
                groups.isValid = isSeparator;
                groups.endsInColon = true;
                ++at;
            }
            continue;
        }
        qsizetype end = at;
        while (end < run.size() && run[end] != ':') {
            ++end;
        }
        groups.isValid = end - at <= 4;
        groups.endsInColon = false;
        ++groups.count;
        at = end;
    }
    return groups;
}

bool isWholeIpv6(QByteArrayView run)
{
    const Groups groups = readGroups(run);
    return groups.isValid && !groups.endsInColon
           && (groups.hasGap ? groups.count <= 7 : groups.count == 8);
}

// "::ffff:" and the like, before a dotted quad.
bool isIpv6Head(QByteArrayView run)
{
    const Groups groups = readGroups(run);
    return groups.isValid && run.endsWith(':')
           && (groups.hasGap ? groups.count <= 5 : groups.count == 6);
}

qsizetype ipv6LengthAt(QByteArrayView text, qsizetype at)
{
    constexpr QByteArrayView prefix("IPv6:");
    qsizetype begin = at;
    if (startsWithAnyCase(text.sliced(at), prefix)) {
        begin += prefix.size();
    } else if (at > 0 && isHexOrColon(text[at - 1])) {
        return 0;
    }
    qsizetype end = begin;
    while (end < text.size() && isHexOrColon(text[end])) {
        ++end;
    }
    const QByteArrayView run = text.sliced(begin, end - begin);
    if (end < text.size() && text[end] == '.') {
        const qsizetype quad = begin + run.lastIndexOf(':') + 1;
        const qsizetype length = quad > begin ? quadLength(text, quad) : 0;
        const bool isClosed = quad + length >= text.size() || !isHexOrColon(text[quad + length]);
        if (length > 0 && isClosed && isIpv6Head(text.sliced(begin, quad - begin))) {
            return quad + length - at;
        }
    }
    return isWholeIpv6(run) ? end - at : 0;
}

bool isPrivateQuad(QByteArrayView text)
{
    constexpr std::array starts{QByteArrayView("10."), QByteArrayView("127."),
                                QByteArrayView("169.254."), QByteArrayView("192.168.")};
    if (std::any_of(starts.begin(), starts.end(),
                    [text](QByteArrayView start) { return text.startsWith(start); })) {
        return true;
    }
    const bool isB = text.startsWith("172.");
    const bool isCarrier = text.startsWith("100.");
    if (!isB && !isCarrier) {
        return false;
    }
    const qsizetype length = octetLength(text, 4);
    const int second = text.sliced(4, length).toInt();
    const bool isInside = isB ? second >= 16 && second <= 31 : second >= 64 && second <= 127;
    return isInside && text.size() > 4 + length && text[4 + length] == '.';
}

// The part after ":ffff:" if everything before it is zero.
QByteArrayView mappedTail(QByteArrayView text)
{
    const qsizetype dot = text.indexOf('.');
    const qsizetype tail = dot < 0 ? -1 : text.first(dot).lastIndexOf(':') + 1;
    if (tail < 6 || !isIpv6Head(text.first(tail))
        || text.sliced(tail - 5, 5).compare("ffff:", Qt::CaseInsensitive) != 0) {
        return {};
    }
    const QByteArrayView head = text.first(tail - 5);
    const bool isZero = std::all_of(head.begin(), head.end(),
                                    [](char c) { return c == '0' || c == ':'; });
    return isZero ? text.sliced(tail) : QByteArrayView();
}

bool isLoopback6(QByteArrayView run)
{
    if (!isWholeIpv6(run) || !run.endsWith('1')) {
        return false;
    }
    const QByteArrayView head = run.chopped(1);
    return std::all_of(head.begin(), head.end(), [](char c) { return c == '0' || c == ':'; });
}

QByteArrayView hexRun(QByteArrayView text)
{
    const auto end = std::find_if_not(text.begin(), text.end(), isHexOrColon);
    return text.first(end - text.begin());
}

}  // namespace

bool isWordByte(char c)
{
    return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

qsizetype ipv4LengthAt(QByteArrayView text, qsizetype at)
{
    if (at > 0 && isWordByte(text[at - 1])) {
        return 0;
    }
    const qsizetype length = quadLength(text, at);
    const bool isClosed = at + length >= text.size() || !isWordByte(text[at + length]);
    return isClosed ? length : 0;
}

qsizetype addressLengthAt(QByteArrayView text, qsizetype at)
{
    if (at >= text.size()) {
        return 0;
    }
    if (isDigit(text[at]) && (at == 0 || text[at - 1] != ':')) {
        if (const qsizetype length = ipv4LengthAt(text, at); length > 0) {
            return length;
        }
    }
    const bool mayBegin6 = isHexOrColon(text[at]) || text[at] == 'I' || text[at] == 'i';
    return mayBegin6 ? ipv6LengthAt(text, at) : 0;
}

TextSpan findAddress(QByteArrayView text, qsizetype from)
{
    for (qsizetype at = from; at < text.size(); ++at) {
        if (const qsizetype length = addressLengthAt(text, at); length > 0) {
            return {at, length};
        }
    }
    return {};
}

bool isIpv4(QByteArrayView text)
{
    return !text.isEmpty() && ipv4LengthAt(text, 0) == text.size();
}

bool isPrivateAddress(QByteArrayView text)
{
    constexpr QByteArrayView prefix("IPv6:");
    if (isPrivateQuad(text)) {
        return true;
    }
    if (startsWithAnyCase(text, prefix)) {
        text = text.sliced(prefix.size());
    }
    const bool isLinkLocal = text.size() >= 5 && startsWithAnyCase(text, "fe")
                             && QByteArrayView("89abAB").contains(text[2]) && text[3] != ':'
                             && isHexOrColon(text[3]) && text[4] == ':';
    return isLinkLocal || isLoopback6(hexRun(text)) || isPrivateQuad(mappedTail(text));
}

qsizetype localhostLengthAt(QByteArrayView text, qsizetype at)
{
    const QByteArrayView rest = text.sliced(std::min(at, text.size()));
    for (const QByteArrayView name :
         {QByteArrayView("localhost.localdomain"), QByteArrayView("localhost")}) {
        if (startsWithAnyCase(rest, name)) {
            return name.size();
        }
    }
    const qsizetype length = addressLengthAt(text, at);
    if (length == 0) {
        return 0;
    }
    QByteArrayView address = rest.first(length);
    if (startsWithAnyCase(address, "IPv6:")) {
        address = address.sliced(5);
    }
    const bool isLocal = address == QByteArrayView("127.0.0.1") || isLoopback6(address)
                         || mappedTail(address) == QByteArrayView("127.0.0.1");
    return isLocal ? length : 0;
}

}  // namespace portcullis::spam
