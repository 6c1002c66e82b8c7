// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/network/DnsSubtest.h"
#include "appliance/spam/network/FingerprintWire.h"
#include "appliance/spam/network/HashListMail.h"
#include "appliance/spam/network/NetworkAddresses.h"
#include "appliance/spam/network/SigningPracticeTests.h"

#include <cstddef>
#include <cstdint>

using namespace portcullis::spam;

/// Any octets as a text with mail addresses, as an answer of a list, of Razor or Pyzor, and as a condition on one.
// NOLINTNEXTLINE(readability-identifier-naming) libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DomainTable domains = [] {
        RuleSet rules;
        Directive line;
        line.value = "com example";
        rules.directives["util_rb_tld"].push_back(line);
        return DomainTable(rules);
    }();
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) octets are octets
    const QByteArray text(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    for (const QByteArray &mailbox : mailboxesIn(text, domains, {true, true})) {
        isImpersonal(mailbox);
    }
    reversedAddress(text);
    if (const auto razor = RazorFinding::parse(text)) {
        static_cast<void>(razor->confidenceOf({}));
    }
    PyzorFinding::parse(text);
    FingerprintHead::decode(text, {});
    practiceOf(text);
    const auto condition = DnsSubtest::ofAskDns(text.left(200));
    if (condition) {
        static_cast<void>(condition->matches("127.0.0.2"));
        static_cast<void>(condition->matches(text));
    }
    return 0;
}
