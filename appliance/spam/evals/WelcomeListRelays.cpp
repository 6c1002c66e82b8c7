// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/WelcomeListRelays.h"

#include "appliance/spam/evals/GlobList.h"

#include <algorithm>
#include <span>

namespace portcullis::spam {

namespace {

std::span<const Relay> decidingRelays(const RelayChain &relays)
{
    return relays.untrusted.empty() ? std::span<const Relay>(relays.trusted)
                                    : std::span<const Relay>(relays.untrusted).first(1);
}

/// "[192.0.2]" or "[192.0.2.]": an address without its end is a network.
bool isClassful(QByteArrayView network)
{
    return std::all_of(network.begin(), network.end(),
                       [](char c) { return c == '.' || (c >= '0' && c <= '9'); })
           && network.toByteArray().count('.') < 3 + (network.endsWith('.') ? 1 : 0);
}

bool isInNetwork(const QByteArray &ip, QByteArray network)
{
    if (isClassful(network)) {
        while (network.endsWith('.')) {
            network.chop(1);
        }
        return ip.startsWith(network + '.');
    }
    const QHostAddress address(QString::fromLatin1(ip));
    if (!network.contains('/')) {
        return address == QHostAddress(QString::fromLatin1(network));
    }
    const auto subnet = QHostAddress::parseSubnet(QString::fromLatin1(network));
    return !address.isNull() && !subnet.first.isNull() && address.isInSubnet(subnet);
}

}  // namespace

bool isRelayNamed(const Relay &relay, const QByteArray &name)
{
    if (!name.startsWith('[')) {
        const QByteArray reverse = relay.rdns.toLower();
        return reverse == name || reverse.endsWith('.' + name);
    }
    const qsizetype close = name.lastIndexOf(']');
    return close > 0 && !relay.ip.isEmpty()
           && isInNetwork(relay.ip, name.sliced(1, close - 1) + name.sliced(close + 1));
}

bool WelcomeListRelays::add(const QByteArray &value)
{
    const std::vector<QByteArray> words = wordsOf(value.toLower());
    if (words.size() != 2) {
        return false;
    }
    m_entries.push_back({words[0], words[1]});
    return true;
}

RelayVerdict WelcomeListRelays::find(const QByteArray &address, const RelayChain &relays) const
{
    const std::span<const Relay> deciding = decidingRelays(relays);
    if (deciding.empty()) {
        return RelayVerdict::Unlisted;
    }
    const QByteArray sender = address.last(std::min(address.size(), GlobList::longestText))
                                  .toLower();
    RelayVerdict verdict = RelayVerdict::Unlisted;
    for (const Entry &entry : m_entries) {
        if (!matchesGlob(entry.glob, sender)) {
            continue;
        }
        const bool isThere = std::any_of(
            deciding.begin(), deciding.end(),
            [&entry](const Relay &relay) { return isRelayNamed(relay, entry.relay); });
        if (isThere) {
            return RelayVerdict::Listed;
        }
        verdict = RelayVerdict::Forged;
    }
    return verdict;
}

}  // namespace portcullis::spam
