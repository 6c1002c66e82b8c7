// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/RelayListTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/network/NetworkAddresses.h"
#include "appliance/spam/relays/IpScanner.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

using Addresses = std::vector<QByteArray>;

/// Without doubles and what is not routed.
Addresses publicOnes(const Addresses &addresses)
{
    Addresses result;
    for (const QByteArray &address : addresses) {
        const bool isKnown = std::ranges::find(result, address) != result.end();
        if (!address.isEmpty() && !isKnown && !isPrivateAddress(address)) {
            result.push_back(address);
        }
    }
    return result;
}

/// The host of "user@host", without odd dots; empty: there is none with a dot.
QByteArray hostOfMailbox(const QByteArray &mailbox)
{
    const qsizetype sign = mailbox.lastIndexOf('@');
    QByteArray host;
    for (const char c : sign < 0 ? QByteArray() : mailbox.sliced(sign + 1)) {
        if (c == ' ' || c == '\t' || c == '\n') {
            break;
        }
        if (c != '.' || (!host.isEmpty() && !host.endsWith('.'))) {
            host.append(c);
        }
    }
    if (host.endsWith('.')) {
        host.chop(1);
    }
    return host.contains('.') ? host.toLower() : QByteArray();
}

void addOnce(Addresses &list, const QByteArray &item)
{
    if (!item.isEmpty() && std::ranges::find(list, item) == list.end()) {
        list.push_back(item);
    }
}

/// Registered domains of who claims to have written or sent the message.
Addresses senderDomains(Scan &scan)
{
    Addresses result;
    for (const QByteArray &mailbox : senderMailboxes(scan.text())) {
        const QByteArray domain = scan.domains().domainOfUri(mailbox);
        if (!domain.isEmpty()) {
            addOnce(result, "x@" + domain);
        }
    }
    return result;
}

/// "a--habeas" in the reverse-path, or a name in an Accreditor field, says who vouches.
bool isAccreditedBy(Scan &scan, const QByteArray &accreditor)
{
    const QByteArray wanted = accreditor.toLower();
    const QByteArray sender = scan.text().headerText("EnvelopeFrom:addr").toLower();
    if (sender.contains("@a--" + wanted + '.') || sender.contains(".a--" + wanted + '.')) {
        return true;
    }
    const QList<QByteArray> claims = scan.text().headerText("Accreditor").toLower().split(',');
    return std::ranges::any_of(claims, [&](const QByteArray &claim) {
        return claim.simplified().split(' ').first() == wanted;
    });
}

}  // namespace

QByteArray RelayListTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::DNSEval";
}

void RelayListTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    const RelaySettings relays = RelaySettings::fromRules(rules);
    m_trusted = relays.trusted;
    m_originatingHeaders = relays.originatingHeaders;
    m_isOn = !rules.isOn("skip_rbl_checks", false);
    m_mostRelays = static_cast<size_t>(
        std::clamp(rules.number("num_check_received", 9), 0.0, 100.0));
    m_listedHeaders = rules.value("rbl_headers",
                                  "EnvelopeFrom,Reply-To,Disposition-Notification-To,"
                                  "X-WebmailclientIP,X-Source-IP");
    for (const Test &test : rules.tests) {
        const auto *call = std::get_if<EvalCall>(&test.body);
        if (call == nullptr || test.kind != TestKind::RblEval) {
            continue;
        }
        if (call->function == "check_rbl_sub") {
            addSubTest(test, *call, problems);
        } else {
            addList(test, *call, problems);
        }
    }
}

bool RelayListTests::addSubTest(const Test &test, const EvalCall &call, ProblemSink &problems)
{
    if (call.arguments.size() < 2) {
        problems.report(
            {Problem::Severity::Error, test.origin, test.name, "needs a set and a condition"});
        return false;
    }
    auto subtest = DnsSubtest::ofRelayList(call.arguments[1]);
    if (!subtest) {
        problems.report(
            {Problem::Severity::Error, test.origin, test.name, subtest.error().detail.toUtf8()});
        return false;
    }
    m_subTests[call.arguments[0]].push_back({&test, std::move(*subtest)});
    return true;
}

/// (set, zone, condition, …), but check_dns_sender has none of them.
bool RelayListTests::addList(const Test &test, const EvalCall &call, ProblemSink &problems)
{
    List list;
    list.test = &test;
    list.function = call.function;
    const auto argument = [&call](size_t at) {
        return at < call.arguments.size() ? call.arguments[at] : QByteArray();
    };
    list.set = argument(0);
    list.zone = argument(1);
    while (list.zone.endsWith('.')) {
        list.zone.chop(1);
    }
    if (list.zone.isEmpty() && list.function != "check_dns_sender") {
        problems.report({Problem::Severity::Error, test.origin, test.name, "needs a zone"});
        return false;
    }
    list.type = list.function == "check_rbl_txt" ? DnsType::Txt : DnsType::A;
    if (!argument(2).isEmpty()) {
        auto subtest = DnsSubtest::ofRelayList(argument(2));
        if (!subtest) {
            problems.report({Problem::Severity::Error, test.origin, test.name,
                             subtest.error().detail.toUtf8()});
            return false;
        }
        list.subtest = std::move(*subtest);
    }
    list.extra = argument(3);
    list.isForAddresses = !test.hasFlag("domains_only");
    list.isForDomains = !test.hasFlag("ips_only");
    list.isNice = test.hasFlag("nice");
    m_lists.push_back(std::move(list));
    return true;
}

std::vector<EvalModule::Entry> RelayListTests::functions() const
{
    const EvalFunction later = [](Scan &, const EvalCall &) { return 0; };
    std::vector<Entry> entries;
    for (const char *name :
         {"check_rbl", "check_rbl_txt", "check_rbl_sub", "check_rbl_accreditor",
          "check_rbl_ns_from", "check_rbl_from_host", "check_rbl_from_domain", "check_rbl_envfrom",
          "check_rbl_headers", "check_rbl_rcvd", "check_dns_sender"}) {
        entries.push_back({name, later});
    }
    return entries;
}

void RelayListTests::begin(Scan &scan) const
{
    if (!m_isOn || !hub().isOn()) {
        return;
    }
    const bool isNeeded = std::ranges::any_of(
        m_lists, [&scan](const List &list) { return scan.isActive(*list.test); });
    if (!isNeeded) {
        return;
    }
    const Hops hops = hopsOf(scan);
    for (const List &list : m_lists) {
        if (scan.isActive(*list.test)) {
            start(scan, list, hops);
        }
    }
    send(scan);
}

void RelayListTests::start(Scan &scan, const List &list, const Hops &hops) const
{
    const QByteArray &function = list.function;
    if (function == "check_rbl" || function == "check_rbl_txt") {
        askRelays(scan, list, hops);
    } else if (function == "check_rbl_accreditor") {
        if (isAccreditedBy(scan, list.extra)) {
            askRelays(scan, list, hops);
        }
    } else if (function == "check_rbl_from_host") {
        askAddresses(scan, list, senderMailboxes(scan.text()));
    } else if (function == "check_rbl_from_domain") {
        askAddresses(scan, list, senderDomains(scan));
    } else if (function == "check_rbl_envfrom") {
        askAddresses(scan, list, {scan.text().headerText("EnvelopeFrom:addr")});
    } else if (function == "check_rbl_headers") {
        askHeaders(scan, list);
    } else if (function == "check_rbl_rcvd") {
        askLastRelay(scan, list);
    } else if (function == "check_rbl_ns_from") {
        askServers(scan, list);
    }
    // check_dns_sender asks nothing: SpamAssassin 4.0.1 waits for records in answers that say there are
    // none, so that its test never hits, and scores and habits follow from that.
}

RelayListTests::Hops RelayListTests::hopsOf(Scan &scan) const
{
    const RelayChain &chain = scan.text().relays();
    Hops hops;
    for (const Relay &relay : chain.trusted) {
        if (!relay.isInternal) {
            hops.external.push_back(relay.ip);
        }
    }
    Addresses untrusted;
    for (const Relay &relay : chain.untrusted) {
        untrusted.push_back(relay.ip);
        hops.external.push_back(relay.ip);
    }
    for (const QByteArray &header : m_originatingHeaders) {
        const QByteArray value = scan.text().headerText(header.constData());
        for (TextSpan found = findAddress(value); found.length > 0;
             found = findAddress(value, found.begin + found.length)) {
            hops.originating.push_back(value.sliced(found.begin, found.length));
        }
    }
    hops.untrusted = publicOnes(untrusted);
    hops.hasAny = !hops.untrusted.empty() || !hops.originating.empty();
    return hops;
}

/// By the ending of the set's name (Conf(3), "check_rbl"): which hops a list is good for.
std::vector<QByteArray> RelayListTests::addressesFor(const List &list, const Hops &hops) const
{
    Addresses withOriginating = hops.untrusted;
    std::ranges::copy_if(hops.originating, std::back_inserter(withOriginating),
                         [this](const QByteArray &ip) { return !m_trusted.contains(ip); });
    withOriginating = publicOnes(withOriginating);
    Addresses result;
    if (list.set.endsWith("-lastexternal")) {
        result = publicOnes(hops.external);
        result.resize(std::min<size_t>(result.size(), 1));
    } else if (list.set.endsWith("-notfirsthop")) {
        result = publicOnes(hops.external);
        if (result.size() > 1) {
            result.pop_back();  // A customer's own host; he must use the relay of his provider.
        }
    } else if (list.set.endsWith("-firsttrusted")) {
        result = withOriginating;
        result.resize(std::min<size_t>(result.size(), 1));
    } else if (list.set.endsWith("-untrusted")) {
        result = withOriginating;
        if (!result.empty()) {
            result.erase(result.begin());
        }
    } else {
        result.assign(withOriginating.rbegin(), withOriginating.rend());
    }
    result.resize(std::min(result.size(), m_mostRelays));
    while (!list.isNice && !result.empty() && m_trusted.contains(result.front())) {
        result.erase(result.begin());
    }
    return result;
}

void RelayListTests::askRelays(Scan &scan, const List &list, const Hops &hops) const
{
    if (!hops.hasAny) {
        return;
    }
    for (const QByteArray &address : addressesFor(list, hops)) {
        const QByteArray reversed = reversedAddress(address);
        if (!reversed.isEmpty()) {
            askName(scan, list, reversed);
        }
    }
}

/// A name or an address, if the list is about such.
void RelayListTests::askHost(Scan &scan, const List &list, const QByteArray &host) const
{
    const QByteArray reversed = reversedAddress(host);
    if (!reversed.isEmpty()) {
        if (list.isForAddresses) {
            askName(scan, list, reversed);
        }
    } else if (list.isForDomains && isValidHostName(host) && scan.domains().hasValidTld(host)) {
        askName(scan, list, host);
    }
}

void RelayListTests::askAddresses(Scan &scan,
                                  const List &list,
                                  const std::vector<QByteArray> &mailboxes) const
{
    Addresses hosts;
    for (const QByteArray &mailbox : mailboxes) {
        addOnce(hosts, hostOfMailbox(mailbox));
    }
    for (const QByteArray &host : hosts) {
        askHost(scan, list, host);
    }
}

/// Addresses, names and mailboxes in header fields.
void RelayListTests::askHeaders(Scan &scan, const List &list) const
{
    const QByteArray names = list.extra.isEmpty() ? m_listedHeaders : list.extra;
    for (const QByteArray &name : names.split(',')) {
        const QByteArray mailbox = scan.text().headerText((name + ":addr").constData());
        if (!hostOfMailbox(mailbox).isEmpty()) {
            askAddresses(scan, list, {mailbox});
            continue;
        }
        for (const QByteArray &host : scan.text().headerText(name.constData()).split('\n')) {
            askHost(scan, list, host.trimmed());
        }
    }
}

/// What the oldest hop of all is, and says it is.
void RelayListTests::askLastRelay(Scan &scan, const List &list) const
{
    const RelayChain &chain = scan.text().relays();
    if (chain.untrusted.empty()) {
        return;
    }
    const Relay &relay = chain.untrusted.back();
    Addresses hosts;
    for (const QByteArray &host : {relay.ip, relay.by, relay.helo, relay.rdns}) {
        addOnce(hosts, host.endsWith('.') ? host.chopped(1) : host);
    }
    for (const QByteArray &host : hosts) {
        askHost(scan, list, host);
    }
}

/// Deviation: asks for the name servers themselves; the peer reads the SOA of a negative answer.
void RelayListTests::askServers(Scan &scan, const List &list) const
{
    const QByteArray host = hostOfMailbox(scan.text().headerText("EnvelopeFrom:addr"));
    if (host.isEmpty()) {
        return;
    }
    ask(scan, host, DnsType::Ns, "ns", [this, &list](Scan &now, const LookupReply &reply) {
        for (const QByteArray &server : namesOf(reply.answer)) {
            askName(now, list, server);
        }
    });
}

/// The reverse-path has a domain that neither has an address nor takes mail.
void RelayListTests::askName(Scan &scan, const List &list, const QByteArray &name) const
{
    ask(scan, name + '.' + list.zone, list.type, list.zone,
        [this, &list](Scan &now, const LookupReply &reply) { judge(now, list, reply); });
}

void RelayListTests::judge(Scan &scan, const List &list, const LookupReply &reply) const
{
    const auto hitOnce = [&](const Test &test, const QByteArray &text) {
        if (scan.valueOf(test.name) == 0) {
            hub().hit(scan, test, reply.type == DnsType::Txt ? text : reply.name);
        }
    };
    for (const QByteArray &text : reply.texts()) {
        if (reply.type == DnsType::A && !text.startsWith("127.")) {
            continue;  // RFC 5782 §2.1: a list that answers otherwise has been taken over or is away.
        }
        if (!list.subtest || list.subtest->matches(text)) {
            hitOnce(*list.test, text);
        }
        const auto others = m_subTests.constFind(list.set);
        if (others == m_subTests.cend()) {
            continue;
        }
        for (const SubTest &other : *others) {
            if (scan.isActive(*other.test) && other.subtest.matches(text)) {
                hitOnce(*other.test, text);
            }
        }
    }
}

}  // namespace portcullis::spam
