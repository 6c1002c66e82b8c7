// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/SmtpAllowList.h"

#include "appliance/rules/CompiledRules.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/ObjectPattern.h"

#include <QtCore/QtEndian>

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portcullis::rules {

namespace {

using Entry = QByteArray;  ///< Its name.

/// Patterns that one address may drive into their step limit: with a thousand evil patterns the rest
/// is not tried any more (C7). An address that reaches it is on no list.
constexpr int maxListLimitHits = 8;

/// The objects about an address on one side of the envelope.
struct AddressEntries {
    QHash<QByteArray, Entry> addresses;
    QHash<QByteArray, Entry> domains;
    std::vector<std::pair<Pattern, Entry>> patterns;

    [[nodiscard]] std::optional<QByteArray> find(const mail::Address &address) const
    {
        if (address.isNull()) {
            return std::nullopt;
        }
        if (const auto found = addresses.constFind(address.key()); found != addresses.constEnd()) {
            return *found;
        }
        if (const auto found = domains.constFind(address.domain()); found != domains.constEnd()) {
            return *found;
        }
        if (patterns.empty()) {
            return std::nullopt;
        }
        const QByteArray text = address.toString();
        int limitHits = 0;
        for (const auto &[pattern, entry] : patterns) {
            const MatchOutcome outcome = pattern.match(text);
            if (outcome == MatchOutcome::Match) {
                return entry;
            }
            if (outcome == MatchOutcome::Limit && ++limitHits >= maxListLimitHits) {
                break;
            }
        }
        return std::nullopt;
    }
};

/// An address of 16 octets; IPv4 as ::ffff:a.b.c.d.
using Octets = std::array<quint8, 16>;

struct OctetsHash {
    size_t operator()(const Octets &octets) const
    {
        return qHashBits(octets.data(), octets.size());
    }
};

Octets octetsOf(const QHostAddress &address)
{
    // Not toIPv6Address() for both: Qt maps every IPv4 address but 0.0.0.0.
    bool isIpv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIpv4);
    if (isIpv4) {
        Octets octets{};
        octets[10] = 0xff;
        octets[11] = 0xff;
        qToBigEndian(ipv4, &octets[12]);
        return octets;
    }
    const Q_IPV6ADDR ipv6 = address.toIPv6Address();
    Octets octets{};
    std::copy(std::begin(ipv6.c), std::end(ipv6.c), octets.begin());
    return octets;
}

Octets masked(Octets octets, int length)
{
    for (int bit = length; bit < 128; ++bit) {
        octets[static_cast<size_t>(bit / 8)] &= static_cast<quint8>(~(0x80U >> (bit % 8)));
    }
    return octets;
}

/// Networks by the length of their prefix: one look for each length in use, however many there are.
class NetworkEntries
{
public:
    void add(const QHostAddress &network, int length, const Entry &entry)
    {
        const bool isIpv4 = network.protocol() == QAbstractSocket::IPv4Protocol;
        const int bits = isIpv4 ? length + 96 : length;
        m_byLength[bits].try_emplace(masked(octetsOf(network), bits), entry);
    }

    [[nodiscard]] std::optional<QByteArray> find(const QHostAddress &client) const
    {
        const bool isIpv4 = plainAddress(client).protocol() == QAbstractSocket::IPv4Protocol;
        const Octets octets = octetsOf(client);
        for (const auto &[length, networks] : m_byLength) {
            // ::/0 and the like are IPv6 networks: as with rules, no IPv4 client lies in them.
            if (isIpv4 && length < 96) {
                continue;
            }
            if (const auto found = networks.find(masked(octets, length)); found != networks.end()) {
                return found->second;
            }
        }
        return std::nullopt;
    }

private:
    std::map<int, std::unordered_map<Octets, Entry, OctetsHash>, std::greater<>> m_byLength;
};

QString entryProperty(const Object &object, const char *name)
{
    return object.properties.value(QLatin1String(name)).toString();
}

/// "domain example.com", "receiver regular expression .*@example.com": side, kind and value.
Entry entryName(const Object &object)
{
    const char *kind = "";
    switch (object.type) {
    case ObjectType::WhoRegex:
        kind = "sender regular expression ";
        break;
    case ObjectType::WhoAddress:
        kind = "sender ";
        break;
    case ObjectType::WhoDomain:
        kind = "sender domain ";
        break;
    case ObjectType::WhoIp:
        kind = "IP address ";
        break;
    case ObjectType::WhoNetwork:
        kind = "IP network ";
        break;
    case ObjectType::Receiver:
        kind = "receiver ";
        break;
    case ObjectType::ReceiverDomain:
        kind = "receiver domain ";
        break;
    case ObjectType::ReceiverRegex:
        kind = "receiver regular expression ";
        break;
    default:
        break;
    }
    return kind + describe(object).toUtf8();
}

}  // namespace

struct SmtpAllowList::Compiled {
    AddressEntries senders;
    AddressEntries recipients;
    QHash<QHostAddress, Entry> addresses;
    NetworkEntries networks;
    size_t size = 0;

    Status add(const Object &object)
    {
        const Entry entry = entryName(object);
        switch (object.type) {
        case ObjectType::WhoAddress:
        case ObjectType::Receiver:
            sideOf(object).addresses.insert(entryProperty(object, "email").toLower().toUtf8(),
                                            entry);
            break;
        case ObjectType::WhoDomain:
        case ObjectType::ReceiverDomain:
            sideOf(object).domains.insert(entryProperty(object, "domain").toLower().toUtf8(),
                                          entry);
            break;
        case ObjectType::WhoRegex:
        case ObjectType::ReceiverRegex:
            sideOf(object).patterns.emplace_back(
                TRY(compileObjectPattern(object.type, entryProperty(object, "regex"))), entry);
            break;
        case ObjectType::WhoIp:
            addresses.insert(plainAddress(QHostAddress(entryProperty(object, "ip"))), entry);
            break;
        case ObjectType::WhoNetwork: {
            const auto [network, length] = QHostAddress::parseSubnet(entryProperty(object, "cidr"));
            if (network.isNull()) {
                return Error::permanent("rules.object", QStringLiteral("not a network"));
            }
            networks.add(network, length, entry);
            break;
        }
        default:
            return ok();  // Validation lets no other kind into the group.
        }
        ++size;
        return ok();
    }

    AddressEntries &sideOf(const Object &object)
    {
        const bool isReceiver = object.type == ObjectType::Receiver
                                || object.type == ObjectType::ReceiverDomain
                                || object.type == ObjectType::ReceiverRegex;
        return isReceiver ? recipients : senders;
    }
};

SmtpAllowList::SmtpAllowList()
    : m_compiled(std::make_unique<Compiled>())
{
}

SmtpAllowList::~SmtpAllowList() = default;

Result<std::shared_ptr<const SmtpAllowList>> SmtpAllowList::compile(const RuleDocument &document)
{
    auto compiled = std::make_unique<Compiled>();
    for (const Group &group : document.groups) {
        if (group.groupClass != GroupClass::Greylist) {
            continue;
        }
        for (const Object &object : group.objects) {
            if (const Status added = compiled->add(object); !added) {
                return Error::permanent("rules.document",
                                        QStringLiteral("SMTP allow list, object %1: %2")
                                            .arg(object.id)
                                            .arg(added.error().detail));
            }
        }
    }
    auto list = std::make_shared<SmtpAllowList>();
    list->m_compiled = std::move(compiled);
    return std::shared_ptr<const SmtpAllowList>(std::move(list));
}

std::optional<QByteArray> SmtpAllowList::clientEntry(const QHostAddress &client) const
{
    const auto found = m_compiled->addresses.constFind(plainAddress(client));
    return found != m_compiled->addresses.constEnd() ? std::optional<QByteArray>(*found)
                                                     : m_compiled->networks.find(client);
}

std::optional<QByteArray> SmtpAllowList::senderEntry(const mail::Address &sender) const
{
    return m_compiled->senders.find(sender);
}

std::optional<QByteArray> SmtpAllowList::recipientEntry(const mail::Address &recipient) const
{
    return m_compiled->recipients.find(recipient);
}

size_t SmtpAllowList::size() const
{
    return m_compiled->size;
}

}  // namespace portcullis::rules
