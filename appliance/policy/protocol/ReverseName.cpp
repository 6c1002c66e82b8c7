// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/ReverseName.h"

#include "appliance/policy/AddressKey.h"
#include "appliance/policy/protocol/LookupRun.h"

#include <algorithm>

namespace portcullis::policy {

namespace {

using Kind = ReverseNameResult::Kind;

/// From the address to its names, and from these back.
class ReverseRun : public LookupRun<ReverseNameResult>
{
public:
    ReverseRun(Resolver &resolver,
               const QHostAddress &client,
               const ReverseNameLimits &limits,
               QObject *context,
               ReverseName::Callback done)
        : LookupRun(resolver, context, limits.deadline, std::move(done))
        , m_client(AddressKey::of(client))
        , m_limits(limits)
    {
    }

    void start()
    {
        lookup(reverseQueryName(m_client), DnsType::Ptr,
               [this](const Result<DnsAnswer> &answer) { takeNames(answer); });
    }

private:
    void takeNames(const Result<DnsAnswer> &answer)
    {
        if (!answer) {
            end({Kind::TempError, {}});
            return;
        }
        std::vector<QByteArray> names = namesOf(*answer);
        // RFC 7208 §4.6.4 for the same reason: anybody can point thousands of names at an address.
        names.resize(std::min(names.size(), static_cast<size_t>(m_limits.names)));
        if (names.empty()) {
            end({Kind::NoName, {}});
            return;
        }
        m_first = names.front();
        m_pending = names.size();
        const DnsType type = m_client.isIpv4() ? DnsType::A : DnsType::Aaaa;
        for (const QByteArray &name : names) {
            lookup(name, type, [this, name](const Result<DnsAnswer> &addresses) {
                takeAddresses(name, addresses);
            });
        }
    }

    void takeAddresses(const QByteArray &name, const Result<DnsAnswer> &answer)
    {
        const auto addresses = answer ? addressesOf(*answer) : std::vector<QHostAddress>();
        m_isAnyUnanswered = m_isAnyUnanswered || !answer;
        if (std::any_of(addresses.begin(), addresses.end(), [this](const QHostAddress &address) {
                return AddressKey::of(address) == m_client;
            })) {
            end({Kind::Confirmed, name});
        } else if (--m_pending == 0) {
            end({m_isAnyUnanswered ? Kind::TempError : Kind::Mismatch, m_first});
        }
    }

    const AddressKey m_client;
    const ReverseNameLimits m_limits;
    QByteArray m_first;
    size_t m_pending = 0;
    bool m_isAnyUnanswered = false;
};

}  // namespace

QByteArray ReverseNameResult::confirmedName() const
{
    return kind == Kind::Confirmed ? name : QByteArray();
}

const char *ReverseNameResult::iprev() const
{
    switch (kind) {
    case Kind::Confirmed:
        return "pass";
    case Kind::NoName:
        return "permerror";
    case Kind::Mismatch:
        return "fail";
    case Kind::TempError:
        break;
    }
    return "temperror";
}

std::optional<Refusal> ReverseNameResult::refusal(const QHostAddress &client) const
{
    if (kind == Kind::Confirmed) {
        return std::nullopt;
    }
    const QByteArray address = '[' + client.toString().toLatin1() + ']';
    QByteArray text = "Client host rejected: ";
    if (kind == Kind::TempError) {
        text += "cannot look up your host name now, " + address + "; try again later";
    } else if (kind == Kind::NoName) {
        text += "no host name for " + address + "; its network must publish a PTR record";
    } else {
        text += "the host name " + name + " of " + address + " does not lead back to that address";
    }
    return Refusal{450, "4.7.25", text, "reverse-name",
                   QJsonObject{{QStringLiteral("iprev"), QString::fromLatin1(iprev())},
                               {QStringLiteral("name"), QString::fromLatin1(name)}}};
}

ReverseName::ReverseName(Resolver &resolver, ReverseNameLimits limits)
    : m_resolver(resolver)
    , m_limits(limits)
{
}

void ReverseName::find(const QHostAddress &client, QObject *context, Callback done)
{
    std::make_shared<ReverseRun>(m_resolver, client, m_limits, context, std::move(done))->start();
}

QByteArray reverseQueryName(const AddressKey &client)
{
    return client.reverseLabels() + (client.isIpv4() ? "in-addr.arpa" : "ip6.arpa");
}

}  // namespace portcullis::policy
