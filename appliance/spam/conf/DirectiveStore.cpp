// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/DirectiveStore.h"

#include <QtCore/QSet>

#include <algorithm>

namespace portcullis::spam {

namespace {

using WordSet = QSet<QByteArray>;

WordSet wordSet(const QByteArray &value)
{
    WordSet words;
    for (const QByteArray &word : value.toLower().simplified().split(' ')) {
        words.insert(word);
    }
    return words;
}

/// Takes single words out of the lists named, wherever they stand.
struct WordRemoval {
    const char *name;
    std::vector<const char *> lists;
};

const std::vector<WordRemoval> &wordRemovals()
{
    static const std::vector<WordRemoval> removals{
        {"unwelcomelist_from", {"welcomelist_from"}},
        {"unblocklist_from", {"blocklist_from"}},
        {"unwelcomelist_auth", {"welcomelist_auth", "def_welcomelist_auth"}},
        {"unwelcomelist_from_spf", {"welcomelist_from_spf", "def_welcomelist_from_spf"}},
        {"clear_uridnsbl_skip_domain", {"uridnsbl_skip_domain"}},
        {"clear_url_shortener", {"url_shortener", "url_shortener_get"}}};
    return removals;
}

/// Empties the lists named.
struct Clearing {
    const char *name;
    std::vector<const char *> lists;
};

const std::vector<Clearing> &clearings()
{
    static const std::vector<Clearing> list{
        {"clear_trusted_networks", {"trusted_networks"}},
        {"clear_internal_networks", {"internal_networks"}},
        {"clear_msa_networks", {"msa_networks"}},
        {"clear_originating_ip_headers", {"originating_ip_headers"}},
        {"clear_dns_servers", {"dns_server"}},
        {"clear_dns_query_restriction", {"dns_query_restriction"}},
        {"clear_util_rb", {"util_rb_tld", "util_rb_2tld", "util_rb_3tld"}},
        {"clear_uridnsbl_skip_domain", {"uridnsbl_skip_domain"}},
        {"clear_url_shortener", {"url_shortener", "url_shortener_get"}},
        {"clear_asn_lookups", {"asn_lookup", "asn_lookup_ipv6"}},
        {"clear_headers", {"add_header", "remove_header"}},
        {"clear_report_template", {"report"}},
        {"clear_unsafe_report_template", {"unsafe_report"}}};
    return list;
}

}  // namespace

bool DirectiveStore::add(const QByteArray &name, const QByteArray &value, const Origin &origin)
{
    if (m_count >= m_maxCount) {
        return false;
    }
    ++m_count;
    m_byName[name].push_back({value, origin, m_sequence++});
    return true;
}

void DirectiveStore::keepWords(const QByteArray &name, const IsWanted &isKept)
{
    const auto found = m_byName.find(name);
    if (found == m_byName.end()) {
        return;
    }
    for (Directive &directive : found->second) {
        QList<QByteArray> words = directive.value.simplified().split(' ');
        words.removeIf([&isKept](const QByteArray &word) { return !isKept(word.toLower()); });
        directive.value = words.join(' ');
    }
    std::erase_if(found->second,
                  [](const Directive &directive) { return directive.value.isEmpty(); });
}

void DirectiveStore::dropEntries(const QByteArray &name, const IsWanted &isDropped)
{
    if (const auto found = m_byName.find(name); found != m_byName.end()) {
        std::erase_if(found->second, [&isDropped](const Directive &directive) {
            return isDropped(directive.value.toLower().simplified());
        });
    }
}

/// "delist_uri_host (LIST) host host"; without a list, from all of them.
void DirectiveStore::dropHosts(const QByteArray &value)
{
    const QByteArray text = value.simplified();
    const QByteArray list = text.startsWith('(') ? text.left(text.indexOf(')') + 1) : QByteArray();
    WordSet hosts;
    for (const QByteArray &word : wordSet(text.mid(list.size()))) {
        hosts.insert(word.startsWith('!') ? word.mid(1) : word);
    }
    const auto found = m_byName.find("enlist_uri_host");
    if (found == m_byName.end()) {
        return;
    }
    for (Directive &directive : found->second) {
        const QByteArray entry = directive.value.simplified();
        if (!list.isEmpty() && !entry.startsWith(list)) {
            continue;
        }
        const qsizetype head = entry.indexOf(')') + 1;
        QByteArray kept;
        for (const QByteArray &word : entry.mid(head).simplified().split(' ')) {
            const QByteArray host = (word.startsWith('!') ? word.mid(1) : word).toLower();
            kept += hosts.contains(host) ? QByteArray() : " " + word;
        }
        directive.value = kept.isEmpty() ? QByteArray() : entry.left(head) + kept;
    }
    std::erase_if(found->second,
                  [](const Directive &directive) { return directive.value.isEmpty(); });
}

bool DirectiveStore::takeBack(const QByteArray &name, const QByteArray &value)
{
    if (name == "delist_uri_host") {
        dropHosts(value);
        return true;
    }
    const WordSet words = wordSet(value);
    if (name == "unwelcomelist_from_rcvd" || name == "unwelcomelist_from_dkim") {
        // "address [domain]" of _dkim takes that pair; a list of addresses of _rcvd takes all of theirs.
        const QByteArray pair = value.toLower().simplified();
        const bool isRcvd = name.endsWith("rcvd");
        const QByteArray list = name.mid(2);
        const IsWanted isDropped = [&words, &pair, isRcvd](const QByteArray &entry) {
            return isRcvd ? words.contains(entry.left(entry.indexOf(' '))) : entry == pair;
        };
        dropEntries(list, isDropped);
        dropEntries("def_" + list, isDropped);
        return true;
    }
    if (!value.isEmpty()) {
        for (const WordRemoval &removal : wordRemovals()) {
            if (name == removal.name) {
                for (const char *list : removal.lists) {
                    keepWords(list,
                              [&words](const QByteArray &word) { return !words.contains(word); });
                }
                return true;
            }
        }
        return false;
    }
    for (const Clearing &clearing : clearings()) {
        if (name == clearing.name) {
            for (const char *list : clearing.lists) {
                m_byName.erase(list);
            }
            // Still recorded by the caller: whoever has a default must know that it is gone.
            return false;
        }
    }
    return false;
}

}  // namespace portcullis::spam
