// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Resolver.h"

#include <QtCore/QtEndian>

#include <algorithm>
#include <optional>

namespace portcullis {

namespace {

constexpr qsizetype maxLabel = 63;  // RFC 1035 §2.3.4
constexpr qsizetype maxName = 255;

// What host names and service labels consist of. Anything else (dots, spaces, controls inside a
// label) would read differently in our text form than in the packet.
bool isHostCharacter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_';
}

/// A name that fills `wire` exactly, lower case without trailing dot; empty for the root.
std::optional<QByteArray> readName(QByteArrayView wire)
{
    if (wire.size() > maxName) {
        return std::nullopt;
    }
    QByteArray name;
    while (!wire.isEmpty()) {
        const auto length = static_cast<quint8>(wire.front());
        wire = wire.sliced(1);
        if (length == 0) {
            return wire.isEmpty() ? std::optional(name) : std::nullopt;
        }
        if (length > maxLabel || length > wire.size()) {  // Compression pointers are above 63.
            return std::nullopt;
        }
        const QByteArrayView label = wire.first(length);
        if (!std::all_of(label.begin(), label.end(), isHostCharacter)) {
            return std::nullopt;
        }
        if (!name.isEmpty()) {
            name += '.';
        }
        name += label.toByteArray().toLower();
        wire = wire.sliced(length);
    }
    return std::nullopt;
}

std::optional<QHostAddress> readAddress(const QByteArray &wire)
{
    if (wire.size() == 4) {
        return QHostAddress(qFromBigEndian<quint32>(wire.constData()));
    }
    if (wire.size() == 16) {
        return QHostAddress(reinterpret_cast<const quint8 *>(wire.constData()));
    }
    return std::nullopt;
}

std::optional<QByteArray> readCharacterStrings(QByteArrayView wire)
{
    QByteArray text;
    while (!wire.isEmpty()) {
        const auto length = static_cast<quint8>(wire.front());
        if (length >= wire.size()) {
            return std::nullopt;
        }
        text += wire.sliced(1, length);
        wire = wire.sliced(1 + length);
    }
    return text;
}

}  // namespace

std::vector<QHostAddress> addressesOf(const DnsAnswer &answer)
{
    std::vector<QHostAddress> addresses;
    for (const QByteArray &wire : answer.records) {
        if (const auto address = readAddress(wire)) {
            addresses.push_back(*address);
        }
    }
    return addresses;
}

std::vector<MxHost> mxHostsOf(const DnsAnswer &answer)
{
    std::vector<MxHost> hosts;
    for (const QByteArray &wire : answer.records) {
        if (wire.size() < 3) {
            continue;
        }
        if (auto name = readName(QByteArrayView(wire).sliced(2))) {
            hosts.push_back({qFromBigEndian<quint16>(wire.constData()), std::move(*name)});
        }
    }
    std::stable_sort(hosts.begin(), hosts.end(),
                     [](const MxHost &a, const MxHost &b) { return a.preference < b.preference; });
    return hosts;
}

std::vector<QByteArray> textsOf(const DnsAnswer &answer)
{
    std::vector<QByteArray> texts;
    for (const QByteArray &wire : answer.records) {
        if (auto text = readCharacterStrings(wire)) {
            texts.push_back(std::move(*text));
        }
    }
    return texts;
}

std::vector<QByteArray> namesOf(const DnsAnswer &answer)
{
    std::vector<QByteArray> names;
    for (const QByteArray &wire : answer.records) {
        if (auto name = readName(wire); name && !name->isEmpty()) {
            names.push_back(std::move(*name));
        }
    }
    return names;
}

}  // namespace portcullis
