// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/AskDnsTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/network/NetworkAddresses.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr size_t mostNames = 50;  // Of one test: several tags with several values each multiply.

/// Which tests of a message have asked already.
struct AskedTests final : Scan::Memory {
    QSet<const Test *> tests;
};

std::optional<DnsType> typeOf(const QByteArray &name)
{
    const QHash<QByteArray, DnsType> types{{"A", DnsType::A},        {"AAAA", DnsType::Aaaa},
                                           {"MX", DnsType::Mx},      {"TXT", DnsType::Txt},
                                           {"NS", DnsType::Ns},      {"PTR", DnsType::Ptr},
                                           {"CNAME", DnsType::Cname}};
    const auto found = types.constFind(name.toUpper());
    return found == types.cend() ? std::nullopt : std::optional(*found);
}

/// Names between underscores: capital letters and digits, maybe with an argument.
std::vector<QByteArray> tagsOf(const QByteArray &query)
{
    std::vector<QByteArray> tags;
    const auto isTagByte = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    for (qsizetype start = query.indexOf('_'); start >= 0; start = query.indexOf('_', start + 1)) {
        qsizetype end = start + 1;
        while (end < query.size()
               && (isTagByte(query[end])
                   || (query[end] == '_' && end + 1 < query.size() && isTagByte(query[end + 1])))) {
            ++end;
        }
        if (end < query.size() && query[end] == '(') {
            const qsizetype closing = query.indexOf(")_", end);
            end = closing < 0 ? query.size() : closing + 1;
        }
        if (end > start + 1 && end < query.size() && query[end] == '_') {
            const QByteArray tag = query.sliced(start + 1, end - start - 1);
            if (std::ranges::find(tags, tag) == tags.end()) {
                tags.push_back(tag);
            }
            start = end;
        }
    }
    return tags;
}

std::vector<QByteArray> valuesOf(Scan &scan, const QByteArray &tag)
{
    std::vector<QByteArray> values;
    if (tag.startsWith("HEADER(") && tag.endsWith(')')) {
        values = scan.text().headerList(tag.sliced(7, tag.size() - 8).constData());
        for (QByteArray &value : values) {
            value = value.trimmed();
        }
    } else {
        values = scan.tag(tag);
    }
    std::erase_if(values, [](const QByteArray &value) { return value.isEmpty(); });
    return values;
}

void setIfNew(Scan &scan, const char *tag, std::vector<QByteArray> values)
{
    std::erase_if(values, [](const QByteArray &value) { return value.isEmpty(); });
    if (scan.tag(tag).empty() && !values.empty()) {
        scan.setTag(tag, std::move(values));
    }
}

}  // namespace

QByteArray AskDnsTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::AskDNS";
}

void AskDnsTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    for (const Test &test : rules.tests) {
        const auto *wanted = std::get_if<AskDnsTest>(&test.body);
        if (wanted == nullptr) {
            continue;
        }
        const auto complain = [&](const QByteArray &reason) {
            problems.report({Problem::Severity::Warning, test.origin, test.name, reason});
        };
        const auto type = wanted->types.size() == 1 ? typeOf(wanted->types.front())
                          : wanted->types.empty()   ? std::optional(DnsType::A)
                                                    : std::nullopt;
        if (!type) {
            complain("askdns asks for one of A, AAAA, CNAME, MX, NS, PTR, TXT only");
            continue;
        }
        Lookup lookup{&test, wanted->query, tagsOf(wanted->query), *type, std::nullopt};
        if (wanted->subtest) {
            auto subtest = DnsSubtest::ofAskDns(*wanted->subtest);
            if (!subtest) {
                complain(subtest.error().detail.toUtf8());
                continue;
            }
            lookup.subtest = std::move(*subtest);
        }
        m_lookups.push_back(std::move(lookup));
    }
}

std::vector<EvalModule::Entry> AskDnsTests::functions() const
{
    return {};
}

void AskDnsTests::begin(Scan &scan) const
{
    if (!hub().isOn()) {
        return;
    }
    setTagsOfHeader(scan);
    askWhatIsReady(scan);
}

void AskDnsTests::finish(Scan &scan) const
{
    if (hub().isOn()) {
        askWhatIsReady(scan);
        NetworkModule::finish(scan);
    }
}

/// Tags that need nothing but the header.
void AskDnsTests::setTagsOfHeader(Scan &scan)
{
    MessageText &text = scan.text();
    const auto asciiHosts = [&scan](const std::vector<QByteArray> &hosts) {
        std::vector<QByteArray> result;
        for (const QByteArray &host : hosts) {
            const QByteArray name = scan.domains().asciiHost(host.trimmed());
            if (std::ranges::find(result, name) == result.end()) {
                result.push_back(name);
            }
        }
        return result;
    };
    auto senders = asciiHosts(text.headerList("EnvelopeFrom:first:addr:host"));
    senders.resize(std::min<size_t>(senders.size(), 1));
    setIfNew(scan, "SENDERDOMAIN", std::move(senders));
    setIfNew(scan, "AUTHORDOMAIN", asciiHosts(text.headerList("From:addr:host")));
    const RelayChain &relays = text.relays();
    if (!relays.external.empty()) {
        const Relay &last = relays.external.front();
        setIfNew(scan, "LASTEXTERNALIP", {last.ip});
        setIfNew(scan, "LASTEXTERNALREVIP", {reversedAddress(last.ip)});
        setIfNew(scan, "LASTEXTERNALRDNS", {last.rdns});
        setIfNew(scan, "LASTEXTERNALHELO", {last.helo});
    }
    if (!relays.trusted.empty()) {
        const Relay &first = relays.trusted.back();
        setIfNew(scan, "FIRSTTRUSTEDIP", {first.ip});
        setIfNew(scan, "FIRSTTRUSTEDREVIP", {reversedAddress(first.ip)});
    }
}

void AskDnsTests::askWhatIsReady(Scan &scan) const
{
    auto &asked = scan.memory<AskedTests>(this).tests;
    for (const Lookup &lookup : m_lookups) {
        const bool isReady = std::ranges::none_of(
            lookup.tags, [&](const QByteArray &tag) { return valuesOf(scan, tag).empty(); });
        if (isReady && scan.isActive(*lookup.test) && !asked.contains(lookup.test)) {
            asked.insert(lookup.test);
            start(scan, lookup);
        }
    }
    send(scan);
}

void AskDnsTests::start(Scan &scan, const Lookup &lookup) const
{
    std::vector<QByteArray> names{lookup.query};
    for (const QByteArray &tag : lookup.tags) {
        std::vector<QByteArray> next;
        for (const QByteArray &name : names) {
            for (const QByteArray &value : valuesOf(scan, tag)) {
                if (next.size() < mostNames) {
                    next.push_back(QByteArray(name).replace('_' + tag + '_', value));
                }
            }
        }
        names = std::move(next);
    }
    // Questions of one template live and die together.
    const QByteArray zone = lookup.query.sliced(lookup.query.lastIndexOf('_') + 1);
    for (const QByteArray &name : names) {
        const QByteArray host = scan.domains().asciiHost(name);
        if (isValidHostName(host)) {
            ask(scan, host, lookup.type, zone.startsWith('.') ? zone.sliced(1) : zone,
                [this, &lookup](Scan &now, const LookupReply &reply) {
                    judge(now, lookup, reply);
                });
        }
    }
}

void AskDnsTests::judge(Scan &scan, const Lookup &lookup, const LookupReply &reply) const
{
    if (!reply.code) {
        return;
    }
    const auto byCode = lookup.subtest ? lookup.subtest->matchesCode(*reply.code)
                                       : std::optional<bool>();
    if (byCode) {
        if (*byCode) {
            hub().hit(scan, *lookup.test, reply.name);
        }
        return;
    }
    for (const QByteArray &text : reply.texts()) {
        if (!lookup.subtest || lookup.subtest->matches(text)) {
            hub().hit(scan, *lookup.test, reply.name + ' ' + text);
        }
    }
}

}  // namespace portcullis::spam
