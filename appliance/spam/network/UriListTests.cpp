// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/UriListTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/network/NetworkAddresses.h"
#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>
#include <array>

namespace portcullis::spam {

namespace {

/// The links that people are most likely to follow come first: the number of domains is limited.
int rankOf(const UriDetail &detail)
{
    enum Rank { Anchor, Form, Image, Other, Text, EmptyAnchor };
    if (detail.hasType("a")) {
        const bool hasText = std::ranges::any_of(
            detail.anchorTexts, [](const QByteArray &text) { return !text.isEmpty(); });
        return hasText ? Anchor : EmptyAnchor;
    }
    if (detail.hasType("form")) {
        return Form;
    }
    if (detail.hasType("img")) {
        return Image;
    }
    return detail.hasType("parsed") && detail.types.size() == 1 ? Text : Other;
}

bool looksLikeAddress(const QByteArray &host)
{
    const QList<QByteArray> parts = host.split('.');
    return host.startsWith('[')
           || (parts.size() == 4 && std::ranges::all_of(parts, [](const QByteArray &part) {
                   return !part.isEmpty()
                          && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
               }));
}

bool isPublicAddress(const QByteArray &host)
{
    return isIpv4(host) && !isPrivateAddress(host);
}

}  // namespace

QByteArray UriListTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::URIDNSBL";
}

void UriListTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    struct Kind {
        const char *directive;
        Subject subject;
        bool hasSubtest;
    };
    constexpr std::array<Kind, 8> kinds{{{"urirhsbl", Subject::Name, false},
                                         {"urirhssub", Subject::Name, true},
                                         {"uridnsbl", Subject::Address, false},
                                         {"uridnssub", Subject::Address, true},
                                         {"urinsrhsbl", Subject::ServerDomain, false},
                                         {"urinsrhssub", Subject::ServerDomain, true},
                                         {"urifullnsrhsbl", Subject::ServerName, false},
                                         {"urifullnsrhssub", Subject::ServerName, true}}};
    for (const Kind &kind : kinds) {
        addList(rules, kind.directive, kind.subject, kind.hasSubtest, problems);
    }
    for (const Directive &line : rules.directive("uridnsbl_skip_domain")) {
        for (const QByteArray &domain : line.value.toLower().simplified().split(' ')) {
            m_skippedDomains.insert(domain);
        }
    }
    m_isOn = !rules.isOn("skip_uribl_checks", false);
    m_skipsMail = rules.isOn("uridnsbl_skip_mailto", true);
    m_mostDomains = static_cast<size_t>(
        std::clamp(rules.number("uridnsbl_max_domains", 20), 0.0, 200.0));
}

/// "TEST zone A [subtest]"
void UriListTests::addList(const RuleSet &rules,
                           const char *directive,
                           Subject subject,
                           bool hasSubtest,
                           ProblemSink &problems)
{
    for (const Directive &line : rules.directive(directive)) {
        const QList<QByteArray> words = line.value.simplified().split(' ');
        const auto complain = [&](const QByteArray &reason) {
            problems.report({Problem::Severity::Error, line.origin, directive, reason});
        };
        if (words.size() < (hasSubtest ? 4 : 3)) {
            complain("needs a test, a zone and a record type");
            continue;
        }
        List list;
        list.test = rules.find(words[0]);
        list.zone = words[1].endsWith('.') ? words[1].chopped(1) : words[1];
        list.subject = subject;
        const QByteArray type = words[2].toUpper();
        list.type = type == "TXT" ? DnsType::Txt : DnsType::A;
        if (type != "A" && type != "TXT") {
            complain("only A and TXT records are asked for");
            continue;
        }
        if (list.test == nullptr) {
            continue;  // Nothing would come of it: no score, no meta asks for it.
        }
        if (hasSubtest) {
            auto subtest = DnsSubtest::ofUriList(words.sliced(3).join(' '));
            if (!subtest) {
                complain(subtest.error().detail.toUtf8());
                continue;
            }
            list.subtest = std::move(*subtest);
        }
        list.isForAddresses = !list.test->hasFlag("domains_only") || list.test->hasFlag("ips_only");
        list.isForDomains = !list.test->hasFlag("ips_only");
        list.isUntrimmed = list.test->hasFlag("notrim");
        list.isOfHost = list.test->hasFlag("a");
        list.isOfServers = list.test->hasFlag("ns") || !list.isOfHost;
        std::erase_if(m_lists, [&](const List &own) { return own.test == list.test; });
        m_lists.push_back(std::move(list));
    }
}

std::vector<EvalModule::Entry> UriListTests::functions() const
{
    // Hits are made when the answers are there.
    return {{"check_uridnsbl", [](Scan &, const EvalCall &) { return 0; }}};
}

void UriListTests::begin(Scan &scan) const
{
    if (!m_isOn || !hub().isOn()) {
        return;
    }
    const bool isNeeded = std::ranges::any_of(
        m_lists, [&](const List &list) { return isActive(scan, list); });
    const std::vector<HostDomain> hosts = chosenHosts(scan);
    if (isNeeded) {
        for (const HostDomain &host : hosts) {
            askForHost(scan, host);
        }
        send(scan);
    }
}

bool UriListTests::isSkipped(const HostDomain &host) const
{
    return m_skippedDomains.contains(host.domain) || m_skippedDomains.contains(host.host);
}

/// Not more than m_mostDomains, by rank. The peer chooses at random where we take what comes first.
std::vector<HostDomain> UriListTests::chosenHosts(Scan &scan) const
{
    constexpr int ranks = 6;
    std::array<std::vector<HostDomain>, ranks> ranked;
    for (const UriDetail &detail : scan.text().uris()) {
        const bool isMail = detail.raw.size() >= 7
                            && detail.raw.first(7).compare("mailto:", Qt::CaseInsensitive) == 0;
        if (isMail && m_skipsMail) {
            continue;
        }
        auto &hosts = ranked.at(static_cast<size_t>(rankOf(detail)));
        std::ranges::copy_if(detail.hosts, std::back_inserter(hosts),
                             [this](const HostDomain &host) { return !isSkipped(host); });
    }
    std::vector<HostDomain> chosen;
    QSet<QByteArray> seen;
    for (const auto &hosts : ranked) {
        for (const HostDomain &host : hosts) {
            if (chosen.size() < m_mostDomains && !seen.contains(host.host)) {
                seen.insert(host.host);
                chosen.push_back(host);
            }
        }
    }
    std::vector<QByteArray> names;
    std::vector<QByteArray> domains;
    for (const HostDomain &host : chosen) {
        names.push_back(host.host);
        domains.push_back(host.domain);
    }
    std::ranges::sort(names);
    std::ranges::sort(domains);
    // Not std::ranges::unique: clang-tidy 14 cannot read what libstdc++ 12 returns there.
    domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
    scan.setTag("URIHOSTS", std::move(names));
    scan.setTag("URIDOMAINS", std::move(domains));
    return chosen;
}

bool UriListTests::asksServers(Scan &scan) const
{
    return std::ranges::any_of(m_lists, [&](const List &list) {
        const bool isAboutServers = list.subject == Subject::ServerDomain
                                    || list.subject == Subject::ServerName
                                    || (list.subject == Subject::Address && list.isOfServers);
        return isAboutServers && isActive(scan, list);
    });
}

void UriListTests::askForHost(Scan &scan, const HostDomain &host) const
{
    const bool isAddress = looksLikeAddress(host.host);
    if (isAddress && !isPublicAddress(host.host)) {
        return;
    }
    if (!isAddress) {
        if (asksServers(scan)) {
            askForServers(scan, host.domain);
        }
        askForAddresses(scan, host.host);
    }
    for (const List &list : m_lists) {
        const bool fits = isAddress ? list.isForAddresses : list.isForDomains;
        if (list.subject == Subject::Name && fits && isActive(scan, list)) {
            const bool isWhole = isAddress || list.isUntrimmed;
            askList(scan, list, isWhole ? host.host : host.domain, {});
        }
    }
}

void UriListTests::askForServers(Scan &scan, const QByteArray &domain) const
{
    ask(scan, domain, DnsType::Ns, "ns", [this](Scan &now, const LookupReply &reply) {
        for (const QByteArray &server : namesOf(reply.answer)) {
            if (looksLikeAddress(server) && !isPublicAddress(server)) {
                continue;
            }
            askForAddresses(now, server);
            for (const List &list : m_lists) {
                if (list.subject == Subject::ServerDomain && isActive(now, list)) {
                    askList(now, list, now.domains().registeredDomain(server), {});
                } else if (list.subject == Subject::ServerName && isActive(now, list)) {
                    askList(now, list, server, {});
                }
            }
        }
    });
}

/// Addresses of a host or of a name server, for the lists of addresses.
///
/// The manual promises lists with tflags ns (the default) the addresses of name servers. SpamAssassin
/// 4.0.1 hands them to those with tflags a instead, and the scores were made with that.
void UriListTests::askForAddresses(Scan &scan, const QByteArray &host) const
{
    const auto wants = [this](Scan &now, const List &list) {
        return list.subject == Subject::Address && list.isOfHost && isActive(now, list);
    };
    if (std::ranges::none_of(m_lists, [&](const List &list) { return wants(scan, list); })) {
        return;
    }
    ask(scan, host, DnsType::A, "a", [this, host, wants](Scan &now, const LookupReply &reply) {
        for (const QByteArray &address : reply.texts()) {
            for (const List &list : m_lists) {
                if (wants(now, list)) {
                    askList(now, list, address, host);
                }
            }
        }
    });
}

void UriListTests::askList(Scan &scan,
                           const List &list,
                           const QByteArray &subject,
                           const QByteArray &origin) const
{
    const QByteArray name = (isIpv4(subject) ? reversedAddress(subject) : subject) + '.'
                            + list.zone;
    ask(scan, name, list.type, list.zone,
        [this, &list, subject, origin](Scan &now, const LookupReply &reply) {
            judge(now, list, reply, subject, origin);
        });
}

void UriListTests::judge(Scan &scan,
                         const List &list,
                         const LookupReply &reply,
                         const QByteArray &subject,
                         const QByteArray &origin) const
{
    for (const QByteArray &text : reply.texts()) {
        const bool isListed = list.subtest ? list.subtest->matches(text)
                                           : reply.type != DnsType::A || text.startsWith("127.");
        if (isListed) {
            hub().hit(scan, *list.test,
                      "URI: " + (origin.isEmpty() ? subject : origin + '/' + subject));
        }
    }
}

}  // namespace portcullis::spam
