// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/WelcomeListEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/MailAddresses.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

/// Lists that have a directive of their own; enlist_addrlist may add to them by the same name.
constexpr const char *addressLists[] = {
    "welcomelist_from", "welcomelist_to",      "blocklist_from",       "blocklist_to",
    "more_spam_to",     "all_spam_to",         "welcomelist_from_spf", "def_welcomelist_from_spf",
    "welcomelist_auth", "def_welcomelist_auth"};

/// "user@host", "host" or "host" in a path like "a/b": what is left of the registry's boundary is cut.
bool hasDottedHost(const QByteArray &address)
{
    const qsizetype at = address.lastIndexOf('@');
    const qsizetype dot = at < 0 ? -1 : address.indexOf('.', at + 2);
    return dot >= 0 && dot + 1 < address.size();
}

int mailFromMatchesRelay(Scan &scan)
{
    const QByteArray sender = scan.text().headerText("EnvelopeFrom:addr");
    const RelayChain &relays = scan.text().relays();
    if (!hasDottedHost(sender)) {
        return 0;
    }
    const QByteArray domain = scan.domains().registeredDomain(mailDomainOf(sender));
    const std::vector<Relay> &asked = relays.untrusted.empty() ? relays.trusted : relays.untrusted;
    // All trusted relays, but of the untrusted ones the first only: the others may be forged.
    const size_t count = relays.untrusted.empty() ? asked.size() : 1;
    return std::any_of(asked.begin(), asked.begin() + static_cast<qsizetype>(count),
                       [&scan, &domain](const Relay &relay) {
                           return !relay.rdns.isEmpty()
                                  && scan.domains().registeredDomain(relay.rdns.toLower())
                                         == domain;
                       });
}

}  // namespace

struct WelcomeListEvals::Memory final : Scan::Memory {
    std::vector<QByteArray> senders;
    std::vector<QByteArray> recipients;
    bool areAddressesRead = false;
    std::optional<RelayVerdict> welcome;
    std::optional<RelayVerdict> welcomeByDefault;
};

QByteArray WelcomeListEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::WLBLEval";
}

void WelcomeListEvals::configure(const RuleSet &rules, ProblemSink &problems)
{
    for (const char *name : addressLists) {
        GlobList &list = m_lists[name];
        for (const Directive &directive : rules.directive(name)) {
            list.addAll(directive.value);
        }
    }
    for (const Directive &directive : rules.directive("welcomelist_allows_relays")) {
        m_allowsRelays.addAll(directive.value);
    }
    const auto readRelays = [&](const char *name, WelcomeListRelays &list) {
        for (const Directive &directive : rules.directive(name)) {
            if (!list.add(directive.value)) {
                problems.report({Problem::Severity::Warning, directive.origin, name,
                                 "needs an address and a relay"});
            }
        }
    };
    readRelays("welcomelist_from_rcvd", m_received);
    readRelays("def_welcomelist_from_rcvd", m_receivedByDefault);
    readNamedLists(rules, problems);
}

void WelcomeListEvals::readNamedLists(const RuleSet &rules, ProblemSink &problems)
{
    for (const Directive &directive : rules.directive("enlist_addrlist")) {
        const NamedWords named = NamedWords::read(directive.value);
        if (named.name.isEmpty()) {
            problems.report({Problem::Severity::Warning, directive.origin, "enlist_addrlist",
                             "needs a list name in parentheses and addresses"});
        } else {
            m_lists[named.name].addAll(named.words);
        }
    }
    for (const Directive &directive : rules.directive("enlist_uri_host")) {
        if (!m_hosts.add(directive.value)) {
            problems.report({Problem::Severity::Warning, directive.origin, "enlist_uri_host",
                             "needs a list name in parentheses and hosts"});
        }
    }
}

WelcomeListEvals::Memory &WelcomeListEvals::memory(Scan &scan) const
{
    Memory &memory = scan.memory<Memory>(this);
    if (!memory.areAddressesRead) {
        memory.areAddressesRead = true;
        memory.senders = sendersOf(scan.text());
        memory.recipients = recipientsOf(scan.text());
    }
    return memory;
}

int WelcomeListEvals::isFromIn(Scan &scan, const QByteArray &list) const
{
    const auto found = m_lists.find(list);
    if (found == m_lists.end() || found->isEmpty()) {
        return 0;
    }
    const std::vector<QByteArray> &senders = memory(scan).senders;
    return std::any_of(senders.begin(), senders.end(),
                       [&found](const QByteArray &address) { return found->matches(address); });
}

int WelcomeListEvals::isToIn(Scan &scan, const QByteArray &list) const
{
    const auto found = m_lists.find(list);
    if (found == m_lists.end() || found->isEmpty()) {
        return 0;
    }
    const std::vector<QByteArray> &recipients = memory(scan).recipients;
    return std::any_of(recipients.begin(), recipients.end(),
                       [&found](const QByteArray &address) { return found->matches(address); });
}

int WelcomeListEvals::isReplyToIn(Scan &scan, const QByteArray &list) const
{
    const auto found = m_lists.find(list);
    const QByteArray address = scan.text().headerText("Reply-To:addr");
    return found != m_lists.end() && !address.isEmpty() && found->matches(address);
}

RelayVerdict WelcomeListEvals::fromIsWelcome(Scan &scan) const
{
    Memory &known = memory(scan);
    if (!known.welcome) {
        known.welcome = RelayVerdict::Unlisted;
        for (const QByteArray &address : known.senders) {
            const RelayVerdict verdict = m_lists["welcomelist_from"].matches(address)
                                             ? RelayVerdict::Listed
                                             : m_received.find(address, scan.text().relays());
            if (verdict == RelayVerdict::Listed) {
                known.welcome = verdict;
                break;
            }
            if (verdict == RelayVerdict::Forged && !m_allowsRelays.matches(address)) {
                known.welcome = verdict;
            }
        }
    }
    return *known.welcome;
}

RelayVerdict WelcomeListEvals::fromIsWelcomeByDefault(Scan &scan) const
{
    Memory &known = memory(scan);
    if (!known.welcomeByDefault) {
        known.welcomeByDefault = RelayVerdict::Unlisted;
        for (const QByteArray &address : known.senders) {
            const RelayVerdict verdict = m_receivedByDefault.find(address, scan.text().relays());
            if (verdict == RelayVerdict::Listed) {
                known.welcomeByDefault = verdict;
                break;
            }
            if (verdict == RelayVerdict::Forged && !m_allowsRelays.matches(address)) {
                known.welcomeByDefault = verdict;
            }
        }
    }
    return *known.welcomeByDefault;
}

int WelcomeListEvals::isHostListed(Scan &scan, const QByteArray &list) const
{
    const auto found = m_hosts.find(list, scan.text().uris());
    if (found) {
        scan.note("URI: " + *found);
    }
    return found.has_value();
}

std::vector<EvalModule::Entry> WelcomeListEvals::functions() const
{
    using Question = int (WelcomeListEvals::*)(Scan &, const QByteArray &) const;
    std::vector<Entry> entries;
    const auto fixed = [&](std::initializer_list<const char *> names, Question question,
                           const char *list) {
        for (const char *name : names) {
            entries.push_back({name, [this, question, list](Scan &scan, const EvalCall &) {
                                   return (this->*question)(scan, list);
                               }});
        }
    };
    const auto named = [&](const char *name, Question question) {
        entries.push_back({name, [this, question](Scan &scan, const EvalCall &call) {
                               return call.arguments.empty()
                                          ? 0
                                          : (this->*question)(scan, call.arguments[0]);
                           }});
    };
    const auto welcome = [&](std::initializer_list<const char *> names, EvalFunction function) {
        for (const char *name : names) {
            entries.push_back({name, function});
        }
    };
    fixed({"check_from_in_blocklist", "check_from_in_blacklist"}, &WelcomeListEvals::isFromIn,
          "blocklist_from");
    fixed({"check_to_in_blocklist", "check_to_in_blacklist"}, &WelcomeListEvals::isToIn,
          "blocklist_to");
    fixed({"check_to_in_welcomelist", "check_to_in_whitelist"}, &WelcomeListEvals::isToIn,
          "welcomelist_to");
    fixed({"check_to_in_more_spam"}, &WelcomeListEvals::isToIn, "more_spam_to");
    fixed({"check_to_in_all_spam"}, &WelcomeListEvals::isToIn, "all_spam_to");
    fixed({"check_uri_host_in_blocklist", "check_uri_host_in_blacklist"},
          &WelcomeListEvals::isHostListed, "BLOCK");
    fixed({"check_uri_host_in_welcomelist", "check_uri_host_in_whitelist"},
          &WelcomeListEvals::isHostListed, "WELCOME");
    named("check_from_in_list", &WelcomeListEvals::isFromIn);
    named("check_to_in_list", &WelcomeListEvals::isToIn);
    named("check_replyto_in_list", &WelcomeListEvals::isReplyToIn);
    named("check_uri_host_listed", &WelcomeListEvals::isHostListed);
    welcome({"check_from_in_welcomelist", "check_from_in_whitelist"},
            [this](Scan &scan, const EvalCall &) {
                return fromIsWelcome(scan) == RelayVerdict::Listed;
            });
    welcome({"check_from_in_default_welcomelist", "check_from_in_default_whitelist"},
            [this](Scan &scan, const EvalCall &) {
                return fromIsWelcomeByDefault(scan) == RelayVerdict::Listed;
            });
    welcome({"check_forged_in_welcomelist", "check_forged_in_whitelist"},
            [this](Scan &scan, const EvalCall &) {
                return fromIsWelcome(scan) == RelayVerdict::Forged
                       && fromIsWelcomeByDefault(scan) == RelayVerdict::Unlisted;
            });
    welcome({"check_forged_in_default_welcomelist", "check_forged_in_default_whitelist"},
            [this](Scan &scan, const EvalCall &) {
                return fromIsWelcomeByDefault(scan) == RelayVerdict::Forged
                       && fromIsWelcome(scan) == RelayVerdict::Unlisted;
            });
    entries.push_back({"check_mailfrom_matches_rcvd",
                       [](Scan &scan, const EvalCall &) { return mailFromMatchesRelay(scan); }});
    return entries;
}

}  // namespace portcullis::spam
