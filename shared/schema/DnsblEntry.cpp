// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared/schema/DnsblEntry.h"

#include "shared/schema/Schema.h"

#include <algorithm>

namespace portcullis::schema {

namespace {

/// An IPv6 address adds 64 characters in front (RFC 5782 §2.4), and a name has 253 at most.
constexpr qsizetype maxListName = 253 - 64;

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// A place in the setting that is read from left to right; `offset` is where its text starts there.
class Cursor
{
public:
    Cursor(QByteArrayView text, qsizetype offset)
        : m_text(text)
        , m_offset(offset)
    {
    }

    [[nodiscard]] bool isAtEnd() const { return m_position == m_text.size(); }
    [[nodiscard]] QByteArrayView rest() const { return m_text.sliced(m_position); }
    bool take(QByteArrayView expected)
    {
        const bool isThere = rest().startsWith(expected);
        m_position += isThere ? expected.size() : 0;
        return isThere;
    }
    template<typename Predicate>
    QByteArrayView takeWhile(Predicate fits)
    {
        const QByteArrayView before = rest();
        const auto end = std::find_if_not(before.begin(), before.end(), fits);
        const qsizetype length = end - before.begin();
        m_position += length;
        return before.first(length);
    }

    /// Counts characters from 1, as people do. `back`: how far before the current place.
    [[nodiscard]] Error error(const QString &reason, qsizetype back = 0) const
    {
        return Error::permanent(
            "dnsbl.syntax",
            QStringLiteral("character %1: %2").arg(m_offset + m_position - back + 1).arg(reason));
    }

private:
    QByteArrayView m_text;
    qsizetype m_offset;
    qsizetype m_position = 0;
};

Result<int> readOctet(Cursor &cursor)
{
    const QByteArrayView digits = cursor.takeWhile(isDigit);
    if (digits.isEmpty()) {
        return cursor.error(QStringLiteral("a number from 0 to 255 is missing"));
    }
    const int octet = digits.size() <= 3 ? digits.toInt() : 256;
    if (octet > 255) {
        return cursor.error(QStringLiteral("%1 is more than 255").arg(QString::fromLatin1(digits)),
                            digits.size());
    }
    return octet;
}

/// `number` or `number..number`, added to `octets`.
Status readMember(Cursor &cursor, std::bitset<256> &octets)
{
    const int first = TRY(readOctet(cursor));
    const int last = cursor.take("..") ? TRY(readOctet(cursor)) : first;
    if (last < first) {
        return cursor.error(QStringLiteral("the range %1..%2 runs backwards").arg(first).arg(last));
    }
    for (int octet = first; octet <= last; ++octet) {
        octets.set(static_cast<size_t>(octet));
    }
    return ok();
}

Result<std::bitset<256>> readField(Cursor &cursor)
{
    std::bitset<256> octets;
    if (!cursor.take("[")) {
        octets.set(static_cast<size_t>(TRY(readOctet(cursor))));
        return octets;
    }
    do {
        TRY(readMember(cursor, octets));
    } while (cursor.take(";"));
    if (!cursor.take("]")) {
        return cursor.error(QStringLiteral("']' or ';' is missing"));
    }
    return octets;
}

Result<DnsblFilter> readFilter(Cursor &cursor)
{
    DnsblFilter::Octets octets;
    for (size_t i = 0; i < octets.size(); ++i) {
        if (i > 0 && !cursor.take(".")) {
            return cursor.error(QStringLiteral("'.' is missing; a filter has four parts"));
        }
        octets[i] = TRY(readField(cursor));
    }
    return DnsblFilter(octets);
}

Result<int> readWeight(Cursor &cursor)
{
    const bool isNegative = cursor.take("-");
    const QByteArrayView digits = cursor.takeWhile(isDigit);
    if (digits.isEmpty()) {
        return cursor.error(QStringLiteral("the weight is no whole number"));
    }
    const int weight = digits.size() <= 5 ? digits.toInt() : DnsblEntry::maxWeight + 1;
    if (weight > DnsblEntry::maxWeight) {
        return cursor.error(QStringLiteral("the weight is beyond %1").arg(DnsblEntry::maxWeight),
                            digits.size());
    }
    return isNegative ? -weight : weight;
}

Result<QByteArray> readDomain(Cursor &cursor)
{
    const QByteArrayView name = cursor.takeWhile([](char c) { return c != '=' && c != '*'; });
    const QByteArrayView bare = name.endsWith('.') ? name.chopped(1) : name;
    if (bare.isEmpty()) {
        return cursor.error(QStringLiteral("the domain of the list is missing"), name.size());
    }
    if (bare.size() > maxListName || !isDnsName(bare)) {
        constexpr qsizetype shown = 60;
        const QString text = QString::fromUtf8(bare.first(std::min(shown, bare.size())));
        return cursor.error(QStringLiteral("'%1' is no domain name").arg(text), name.size());
    }
    return bare.toByteArray().toLower();
}

Result<DnsblEntry> readEntry(Cursor cursor)
{
    DnsblEntry entry;
    entry.domain = TRY(readDomain(cursor));
    if (cursor.take("=")) {
        entry.filter = TRY(readFilter(cursor));
    }
    if (cursor.take("*")) {
        entry.weight = TRY(readWeight(cursor));
    }
    if (!cursor.isAtEnd()) {
        return cursor.error(
            QStringLiteral("'%1' is out of place").arg(QLatin1Char(cursor.rest().front())));
    }
    return entry;
}

bool isSpace(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

Result<DnsblFilter> DnsblFilter::parse(QByteArrayView text)
{
    Cursor cursor(text, 0);
    const DnsblFilter filter = TRY(readFilter(cursor));
    if (!cursor.isAtEnd()) {
        return cursor.error(QStringLiteral("the filter should end here"));
    }
    return filter;
}

bool DnsblFilter::matches(quint32 answer) const
{
    return m_octets[0].test(answer >> 24U) && m_octets[1].test((answer >> 16U) & 0xffU)
           && m_octets[2].test((answer >> 8U) & 0xffU) && m_octets[3].test(answer & 0xffU);
}

Result<std::vector<DnsblEntry>> parseDnsblEntries(QByteArrayView text)
{
    std::vector<DnsblEntry> entries;
    qsizetype start = 0;
    bool isInBrackets = false;
    for (qsizetype i = 0; i <= text.size(); ++i) {
        const char c = i < text.size() ? text.at(i) : ',';
        isInBrackets = c == '[' || (isInBrackets && c != ']' && c != ',' && !isSpace(c));
        if (c == ',' || isSpace(c) || (c == ';' && !isInBrackets)) {
            if (i > start) {
                if (entries.size() == DnsblEntry::maxEntries) {
                    return Cursor({}, start).error(
                        QStringLiteral("more than %1 entries").arg(DnsblEntry::maxEntries));
                }
                entries.push_back(TRY(readEntry(Cursor(text.sliced(start, i - start), start))));
            }
            start = i + 1;
        }
    }
    return entries;
}

}  // namespace portcullis::schema
