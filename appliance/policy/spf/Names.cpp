// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/spf/Names.h"

#include <QtCore/QtEndian>

#include <algorithm>

namespace portcullis::policy::spf {

namespace {

constexpr qsizetype maxText = 253;
constexpr qsizetype maxLabel = 63;

/// A name that fills `wire` exactly; nothing if its text would read as another name.
std::optional<std::string> wireName(QByteArrayView wire)
{
    std::string name;
    while (!wire.isEmpty()) {
        const auto length = static_cast<quint8>(wire.front());
        wire = wire.sliced(1);
        if (length == 0) {
            return wire.isEmpty() && !name.empty() ? std::optional(name) : std::nullopt;
        }
        if (length > maxLabel || length > wire.size()) {
            return std::nullopt;
        }
        const QByteArrayView label = wire.first(length);
        if (std::any_of(label.begin(), label.end(),
                        [](char c) { return c < ' ' || c > '~' || c == '.' || c == '\\'; })) {
            return std::nullopt;
        }
        if (!name.empty()) {
            name += '.';
        }
        name.append(label.data(), length);
        wire = wire.sliced(length);
    }
    return std::nullopt;
}

}  // namespace

QByteArray queryName(QByteArray name)
{
    if (name.endsWith('.')) {
        name.chop(1);
    }
    while (name.size() > maxText) {
        const qsizetype dot = name.indexOf('.');
        if (dot < 0) {
            return {};
        }
        name.remove(0, dot + 1);
    }
    const auto labels = name.split('.');
    const bool isName = std::all_of(labels.begin(), labels.end(), [](const QByteArray &label) {
        return !label.isEmpty() && label.size() <= maxLabel;
    });
    return isName ? name : QByteArray();
}

bool isCheckable(const QByteArray &domain)
{
    // Overlong names are cut where macros made them; here they are simply wrong.
    const QByteArray name = domain.size() <= maxText + 1 ? queryName(domain) : QByteArray();
    const QByteArray last = name.mid(name.lastIndexOf('.') + 1);
    return name.contains('.') && !name.startsWith('[')
           && !std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

QByteArray reverseName(const QHostAddress &address)
{
    const std::string bytes = addressBytes(address);
    QByteArray name;
    for (auto it = bytes.rbegin(); it != bytes.rend(); ++it) {
        const auto byte = static_cast<unsigned char>(*it);
        if (bytes.size() == 4) {
            name += QByteArray::number(byte) + '.';
        } else {
            name += QByteArray::number(byte & 15U, 16) + '.' + QByteArray::number(byte >> 4U, 16)
                    + '.';
        }
    }
    return name + (bytes.size() == 4 ? "in-addr.arpa" : "ip6.arpa");
}

std::string addressBytes(const QHostAddress &address)
{
    if (address.protocol() == QAbstractSocket::IPv4Protocol) {
        const quint32 number = qToBigEndian(address.toIPv4Address());
        return {reinterpret_cast<const char *>(&number), sizeof(number)};
    }
    const Q_IPV6ADDR number = address.toIPv6Address();
    return {reinterpret_cast<const char *>(number.c), sizeof(number.c)};
}

std::vector<std::string> addressRecords(const DnsAnswer &answer)
{
    std::vector<std::string> records;
    for (const QByteArray &wire : answer.records) {
        if (wire.size() == 4 || wire.size() == 16) {
            records.push_back(wire.toStdString());
        }
    }
    return records;
}

std::vector<std::string> hostRecords(const DnsAnswer &answer, DnsType type)
{
    const qsizetype preference = type == DnsType::Mx ? 2 : 0;
    std::vector<std::string> records;
    for (const QByteArray &wire : answer.records) {
        if (wire.size() <= preference) {
            continue;
        }
        if (auto name = wireName(QByteArrayView(wire).sliced(preference))) {
            records.push_back(std::move(*name));
        }
    }
    return records;
}

DnsType typeOf(wire::Query query)
{
    switch (query) {
    case wire::Query::A:
        return DnsType::A;
    case wire::Query::Aaaa:
        return DnsType::Aaaa;
    case wire::Query::Mx:
        return DnsType::Mx;
    case wire::Query::Ptr:
        return DnsType::Ptr;
    }
    Q_UNREACHABLE();
}

std::vector<std::string> recordsOf(wire::Query query, const DnsAnswer &answer)
{
    return query == wire::Query::A || query == wire::Query::Aaaa
               ? addressRecords(answer)
               : hostRecords(answer, typeOf(query));
}

}  // namespace portcullis::policy::spf
