// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/RelayEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/evals/BodyArguments.h"
#include "appliance/spam/relays/IpScanner.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::spam {

namespace {

using Relays = std::vector<Relay>;

// A name with one dot at least and with nothing that host names lack; "a.com" is too short to be judged.
bool isJudgedHost(QByteArrayView host)
{
    const qsizetype last = host.lastIndexOf('.');
    const auto isHostByte = [](char c) { return isWordByte(c) || c == '.' || c == '-'; };
    return last >= 2 && last + 1 < host.size() && isWordByte(host.front())
           && std::all_of(host.begin(), host.begin() + last, isHostByte)
           && std::all_of(host.begin() + last + 1, host.end(), isWordByte);
}

// The last two labels; three below short top level domains.
QByteArray roughDomain(const QByteArray &host)
{
    const bool hasLetter = std::any_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    QList<QByteArray> labels = host.split('.');
    while (!labels.isEmpty() && labels.last().isEmpty()) {
        labels.removeLast();
    }
    if (!hasLetter || labels.size() < 2) {
        return host;
    }
    const QByteArray &top = labels.last();
    const bool isSimple = top.size() >= 3 || top == "ie" || top == "fr" || top == "de";
    const qsizetype count = isSimple ? 2 : 3;
    return isSimple || labels.size() > 2 ? labels.last(count).join('.') : host;
}

QByteArray networkOf(const QByteArray &ip, int octets)
{
    return ip.split('.').first(octets).join('.');
}

bool isPublicIpv4(const QByteArray &text)
{
    return isIpv4(text) && !isPrivateAddress(text);
}

// ---- forged trails ----------------------------------------------------------------------------------

bool isDottedNumbers(const QByteArray &text)
{
    const QList<QByteArray> parts = text.split('.');
    return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](const QByteArray &part) {
               return !part.isEmpty() && std::all_of(part.begin(), part.end(), [](char c) {
                   return c >= '0' && c <= '9';
               });
           });
}

bool hasForeignHelo(const Relay &relay)
{
    const QByteArray helo = relay.helo.toLower();
    return isDottedNumbers(helo) && isDottedNumbers(relay.ip) && relay.ip != helo
           && networkOf(helo, 2) != networkOf(relay.ip, 2) && !isPrivateAddress(helo);
}

struct Mismatches {
    int from = 0;  ///< A relay says to be another host than the one that took the mail before.
    int helo = 0;
};

Mismatches countMismatches(const Relays &relays)
{
    Mismatches result;
    std::optional<QByteArray> newer;  // Whom the relay above this one had the mail from.
    for (const Relay &relay : relays) {
        const QByteArray by = roughDomain(relay.by.toLower());
        std::optional<QByteArray> from = roughDomain(relay.rdns.toLower());
        if (isJudgedHost(by)) {
            const bool isLocal = (*from == "localhost" || *from == "localhost.localdomain")
                                 && relay.ip == "127.0.0.1";
            result.helo += hasForeignHelo(relay) ? 1 : 0;
            const bool isAllowed = by == "msn.com" && newer == QByteArray("hotmail.com");
            result.from += newer && isJudgedHost(*newer) && by != *newer && !isAllowed ? 1 : 0;
            from = isLocal ? std::nullopt : from;
        }
        newer = from;
    }
    return result;
}

// ---- the functions ----------------------------------------------------------------------------------

// Private ones count, too: 4.0.1 means to spare them and does not.
bool hasNumericHelo(const Relays &untrusted)
{
    return std::any_of(untrusted.begin(), untrusted.end(), [](const Relay &relay) {
        const qsizetype length = ipv4LengthAt(relay.helo, 0);
        return length > 0
               && (length == relay.helo.size()
                   || QByteArrayView(",;").contains(relay.helo[length]));
    });
}

bool hasOtherHeloAddress(const Relays &untrusted)
{
    return std::any_of(untrusted.begin(), untrusted.end(), [](const Relay &relay) {
        return isPublicIpv4(relay.helo) && isPublicIpv4(relay.ip)
               && networkOf(relay.helo, 3) != networkOf(relay.ip, 3);
    });
}

// Large services whose hosts all have names.
bool isGreetingOfLargeService(const QByteArray &helo)
{
    static constexpr std::array domains{
        "lycos.com", "lycos.co.uk", "hotmail.com", "localhost.com", "excite.com", "caramail.com",
        "cs.com",    "aol.com",     "msn.com",     "yahoo.com",     "drizzle.com"};
    const QByteArray name = helo.toLower();
    return std::any_of(domains.begin(), domains.end(), [&name](const char *domain) {
        return name == domain || name.endsWith('.' + QByteArray(domain));
    });
}

// The oldest relay that is not private decides, as with SpamAssassin.
bool hasNamelessLargeService(const Relays &untrusted)
{
    const auto oldest = std::find_if(untrusted.rbegin(), untrusted.rend(),
                                     [](const Relay &relay) { return !relay.isPrivate; });
    return oldest != untrusted.rend() && oldest->lacksReverse
           && isGreetingOfLargeService(oldest->helo);
}

bool hasReverseAtOrigin(const Relays &untrusted)
{
    return !untrusted.empty() && !untrusted.back().isPrivate && untrusted.back().rdns.contains('.');
}

bool endsInDomain(const QByteArray &host, const QByteArray &domain)
{
    const qsizetype before = host.size() - domain.size() - 1;
    return host.endsWith(domain) && (before < 0 || !isWordByte(host[before]));
}

// From a domain, and handed over within it; or, for 'false', not so.
bool isFromDomainRelayed(Scan &scan, const EvalCall &call)
{
    const CallArguments arguments(call);
    const QByteArray domain = arguments.text(0);
    const QByteArray from = scan.text().headerText("From:addr").toLower();
    const qsizetype at = from.indexOf(domain.toLower());
    if (domain.isEmpty() || at < 0 || (at > 0 && isWordByte(from[at - 1]))) {
        return false;
    }
    const auto isWithin = [&domain](const Relay &relay) {
        return endsInDomain(relay.rdns, domain) && endsInDomain(relay.by, domain);
    };
    const RelayChain &chain = scan.text().relays();
    const bool isRelayed = std::any_of(chain.trusted.begin(), chain.trusted.end(), isWithin)
                           || std::any_of(chain.untrusted.begin(), chain.untrusted.end(), isWithin);
    return isRelayed == (arguments.text(1) == "true");
}

EvalFunction ofUntrusted(bool (*ask)(const Relays &untrusted))
{
    return
        [ask](Scan &scan, const EvalCall &) { return ask(scan.text().relays().untrusted) ? 1 : 0; };
}

}  // namespace

QByteArray RelayEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::RelayEval";
}

void RelayEvals::configure(const RuleSet &, ProblemSink &) {}

std::vector<EvalModule::Entry> RelayEvals::functions() const
{
    return {
        {"check_for_numeric_helo", ofUntrusted(hasNumericHelo)},
        {"check_for_illegal_ip", [](Scan &, const EvalCall &) { return 0; }},  // Withdrawn.
        {"check_all_trusted",
         [](Scan &scan, const EvalCall &) { return scan.text().relays().isAllTrusted() ? 1 : 0; }},
        {"check_no_relays",
         [](Scan &scan, const EvalCall &) { return scan.text().relays().isEmpty() ? 1 : 0; }},
        {"check_relays_unparseable",
         [](Scan &scan, const EvalCall &) { return scan.text().relays().unparseable > 0 ? 1 : 0; }},
        {"check_for_sender_no_reverse", ofUntrusted(hasReverseAtOrigin)},
        {"check_for_from_domain_in_received_headers",
         [](Scan &scan, const EvalCall &call) { return isFromDomainRelayed(scan, call) ? 1 : 0; }},
        {"check_for_forged_received_trail",
         [](Scan &scan, const EvalCall &) {
             return countMismatches(scan.text().relays().untrusted).from > 1 ? 1 : 0;
         }},
        {"check_for_forged_received_ip_helo",
         [](Scan &scan, const EvalCall &) {
             return countMismatches(scan.text().relays().untrusted).helo > 0 ? 1 : 0;
         }},
        {"helo_ip_mismatch", ofUntrusted(hasOtherHeloAddress)},
        {"check_for_no_rdns_dotcom_helo", ofUntrusted(hasNamelessLargeService)},
    };
}

}  // namespace portcullis::spam
