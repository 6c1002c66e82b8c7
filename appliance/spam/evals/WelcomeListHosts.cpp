// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/WelcomeListHosts.h"

#include "appliance/spam/evals/GlobList.h"

#include <vector>

namespace portcullis::spam {

namespace {

constexpr size_t mostSuffixes = 11;  // The last ones are kept, as with the peer.

/// "a.b.c" → "a.b.c", "b.c", "c"; an address is itself only.
std::vector<QByteArray> suffixesOf(const QByteArray &host)
{
    if (host.startsWith('[') && host.endsWith(']')) {
        return {host.sliced(1, host.size() - 2)};
    }
    if (isIpAddress(host)) {
        return {host};
    }
    std::vector<QByteArray> suffixes;
    for (qsizetype begin = 0; begin >= 0 && !host.isEmpty();) {
        suffixes.push_back(host.sliced(begin));
        const qsizetype dot = host.indexOf('.', begin);
        begin = dot < 0 ? -1 : dot + 1;
    }
    if (suffixes.size() > mostSuffixes) {
        suffixes.erase(suffixes.begin(), suffixes.end() - mostSuffixes);
    }
    return suffixes;
}

}  // namespace

bool WelcomeListHosts::add(const QByteArray &value)
{
    const NamedWords named = NamedWords::read(value);
    if (named.name.isEmpty()) {
        return false;
    }
    Hosts &hosts = m_lists[named.name];
    for (const QByteArray &word : wordsOf(named.words.toLower())) {
        const bool isTakenOut = word.startsWith('!');
        hosts.insert(isTakenOut ? word.sliced(1) : word, !isTakenOut);
    }
    return true;
}

std::optional<QByteArray> WelcomeListHosts::findHost(const Hosts &hosts, const QByteArray &host)
{
    for (const QByteArray &suffix : suffixesOf(host)) {
        const auto entry = hosts.find(suffix);
        if (entry != hosts.end()) {
            return !entry.value()   ? std::nullopt
                   : suffix == host ? std::optional(host)
                                    : std::optional(host + " (" + suffix + ")");
        }
    }
    return std::nullopt;
}

std::optional<QByteArray> WelcomeListHosts::find(const QByteArray &list, const UriList &uris) const
{
    const auto hosts = m_lists.find(list);
    if (hosts == m_lists.end()) {
        return std::nullopt;
    }
    for (const UriDetail &uri : uris) {
        if (uri.raw.first(std::min<qsizetype>(uri.raw.size(), 7)).toLower() == "mailto:") {
            continue;
        }
        for (const HostDomain &host : uri.hosts) {
            if (auto found = findHost(hosts.value(), host.host)) {
                return found;
            }
        }
    }
    return std::nullopt;
}

NamedWords NamedWords::read(const QByteArray &value)
{
    const qsizetype close = value.indexOf(')', 2);
    if (!value.startsWith('(') || close < 0 || close + 1 >= value.size()
        || (value[close + 1] != ' ' && value[close + 1] != '\t')) {
        return {};
    }
    return {value.sliced(1, close - 1), value.sliced(close + 1).trimmed()};
}

}  // namespace portcullis::spam
