// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/DnsSubtest.h"

#include <QtCore/QHash>
#include <QtCore/QList>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr quint32 networkMask = 0xff000000;
constexpr quint32 loopback = 0x7f000000;  // Answers of lists are in 127/8 (RFC 5782 §2.1).

Error malformed(const QByteArray &text)
{
    return Error::permanent(
        "dns.subtest",
        QStringLiteral("not a condition on answers: %1").arg(QString::fromUtf8(text)));
}

bool isDecimal(QByteArrayView text)
{
    return !text.isEmpty()
           && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct Number {
    quint32 value = 0;
    bool isAddress = false;
};

/// Decimal, hexadecimal or four octets.
std::optional<Number> numberOf(const QByteArray &text)
{
    bool isNumber = false;
    if (isDecimal(text)) {
        const quint32 value = text.toUInt(&isNumber);
        return isNumber ? std::optional(Number{value, false}) : std::nullopt;
    }
    if (text.startsWith("0x")) {
        const quint32 value = text.sliced(2).toUInt(&isNumber, 16);
        return isNumber ? std::optional(Number{value, false}) : std::nullopt;
    }
    const auto address = ipv4Number(text);
    return address ? std::optional(Number{*address, true}) : std::nullopt;
}

/// "/…/i" or "m{…}i" in its parts; nothing: not that.
std::optional<Regex> delimitedRegex(const QByteArray &text)
{
    const bool hasM = text.size() > 3 && text.startsWith('m')
                      && QByteArrayView("{(<[!/|,#%~").contains(text[1]);
    if (!hasM && !(text.size() > 2 && text.startsWith('/'))) {
        return std::nullopt;
    }
    const qsizetype start = hasM ? 1 : 0;
    const QHash<char, char> pairs{{'{', '}'}, {'(', ')'}, {'<', '>'}, {'[', ']'}};
    const qsizetype end = text.lastIndexOf(pairs.value(text[start], text[start]));
    if (end <= start + 1) {
        return std::nullopt;
    }
    Regex regex;
    regex.source = text.sliced(start + 1, end - start - 1);
    for (const char flag : text.sliced(end + 1)) {
        regex.isCaseless = regex.isCaseless || flag == 'i';
        regex.isMultiLine = regex.isMultiLine || flag == 'm';
        regex.isDotAll = regex.isDotAll || flag == 's';
        regex.isExtended = regex.isExtended || flag == 'x';
        if (!QByteArrayView("imsxa").contains(flag)) {
            return std::nullopt;
        }
    }
    return regex;
}

}  // namespace

std::optional<quint32> ipv4Number(QByteArrayView text)
{
    const QList<QByteArray> octets = text.toByteArray().split('.');
    if (octets.size() != 4) {
        return std::nullopt;
    }
    quint32 value = 0;
    for (const QByteArray &octet : octets) {
        if (!isDecimal(octet) || octet.size() > 3 || octet.toInt() > 255) {
            return std::nullopt;
        }
        value = (value << 8) | octet.toUInt();
    }
    return value;
}

Result<DnsSubtest> DnsSubtest::ofPattern(const QByteArray &text)
{
    Regex regex;
    regex.source = text;
    auto pattern = TRY(Pattern::compile(regex));
    return DnsSubtest(std::move(pattern));
}

Result<DnsSubtest> DnsSubtest::ofRelayList(const QByteArray &text)
{
    if (isDecimal(text)) {
        return DnsSubtest(Mask{text.toUInt()});
    }
    if (ipv4Number(text)) {
        return DnsSubtest(Text(text));
    }
    return ofPattern(text);
}

Result<DnsSubtest> DnsSubtest::ofUriList(const QByteArray &text)
{
    const auto isDelimiter = [](char c) { return c == '-' || c == '/'; };
    const qsizetype delimiter = std::ranges::find_if(text, isDelimiter) - text.cbegin();
    const auto first = numberOf(text.first(delimiter));
    if (!first) {
        return malformed(text);
    }
    if (delimiter == text.size()) {
        if (first->isAddress) {
            return DnsSubtest(Range{first->value, first->value});
        }
        DnsSubtest mask(Mask{first->value});
        mask.m_asWritten = QByteArray::number(first->value);
        return mask;
    }
    const auto second = numberOf(text.sliced(delimiter + 1));
    if (!second) {
        return malformed(text);
    }
    if (text.at(delimiter) == '-') {
        return DnsSubtest(Range{first->value, second->value});
    }
    return DnsSubtest(Masked{first->value, second->value});
}

std::optional<DnsSubtest::Condition> DnsSubtest::codes(const QByteArray &text)
{
    // The IANA registry of DNS RCODEs.
    const QHash<QByteArray, int> names{
        {"NOERROR", 0},  {"FORMERR", 1},  {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4},
        {"REFUSED", 5},  {"YXDOMAIN", 6}, {"YXRRSET", 7},  {"NXRRSET", 8},  {"NOTAUTH", 9},
        {"NOTZONE", 10}, {"BADVERS", 16}, {"BADSIG", 16},  {"BADKEY", 17},  {"BADTIME", 18},
        {"BADMODE", 19}, {"BADNAME", 20}, {"BADALG", 21},  {"BADTRUNC", 22}};
    Codes result;
    for (const QByteArray &word : text.toUpper().split(',')) {
        const QByteArray name = word.trimmed();
        bool isNumber = false;
        const int number = name.toInt(&isNumber);
        if (!isNumber && !names.contains(name)) {
            return std::nullopt;
        }
        result.push_back(isNumber ? number : names.value(name));
    }
    return Condition(std::move(result));
}

Result<DnsSubtest> DnsSubtest::ofAskDns(const QByteArray &text)
{
    if (const auto regex = delimitedRegex(text)) {
        auto pattern = TRY(Pattern::compile(*regex));
        return DnsSubtest(std::move(pattern));
    }
    const bool isQuoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'')
                          && text.back() == text.front();
    if (isQuoted) {
        return DnsSubtest(Text(text.sliced(1, text.size() - 2)));
    }
    if (text.size() > 2 && text.startsWith('[') && text.endsWith(']')) {
        auto list = codes(text.sliced(1, text.size() - 2));
        if (!list) {
            return malformed(text);
        }
        return DnsSubtest(std::move(*list));
    }
    return ofUriList(text);
}

bool DnsSubtest::matches(QByteArrayView text) const
{
    if (const auto *exact = std::get_if<Text>(&m_condition)) {
        return text == *exact;
    }
    if (const auto *pattern = std::get_if<Pattern>(&m_condition)) {
        return pattern->matches(text);
    }
    if (!m_asWritten.isEmpty() && text == m_asWritten) {
        return true;
    }
    const auto number = ipv4Number(text);
    if (!number) {
        return false;
    }
    if (const auto *mask = std::get_if<Mask>(&m_condition)) {
        return (*number & mask->bits) != 0 && (*number & networkMask) == loopback;
    }
    if (const auto *range = std::get_if<Range>(&m_condition)) {
        return *number >= range->first && *number <= range->last;
    }
    if (const auto *masked = std::get_if<Masked>(&m_condition)) {
        return (*number & masked->mask) == (masked->value & masked->mask);
    }
    return false;
}

std::optional<bool> DnsSubtest::matchesCode(int code) const
{
    const auto *codes = std::get_if<Codes>(&m_condition);
    if (codes == nullptr) {
        return std::nullopt;
    }
    return std::ranges::find(*codes, code) != codes->end();
}

}  // namespace portcullis::spam
