// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblSites.h"
#include "appliance/policy/dnsbl/DnsblTest.h"

#include <cstdlib>

namespace {

using namespace portcullis;

void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

/// Whatever is read keeps its bounds, and no answer scores beyond what the list announces.
void checkSites(const QByteArray &text)
{
    const auto sites = policy::DnsblSites::parse(text, 1);
    if (!sites) {
        require(sites.error().id == "dnsbl.syntax" && !sites.error().detail.isEmpty());
        return;
    }
    for (const policy::DnsblList &list : sites->lists()) {
        require(!list.publicName.isEmpty() && list.domain.endsWith(list.publicName));
        for (const quint32 answer : {0x7f000002U, 0x7f00000aU, 0U, 0xffffffffU}) {
            int sum = 0;
            for (const auto &finding : list.findings({answer})) {
                sum += finding.weight;
            }
            require(list.lowest() <= sum && sum <= list.highest());
        }
        const QByteArray name = policy::dnsblQueryName(QHostAddress(QStringLiteral("2001:db8::1")),
                                                       list.domain);
        require(name.size() <= 253);
    }
}

/// The same octets as RDATA of a list's answer.
void checkAnswer(const QByteArray &bytes)
{
    DnsAnswer answer;
    answer.kind = DnsAnswer::Kind::Records;
    for (qsizetype i = 0; i < bytes.size(); i += 4) {
        answer.records.push_back(bytes.mid(i, 4));
    }
    for (const quint32 listed : policy::readDnsblAnswer(answer).listed) {
        require(listed >> 24U == 127U && listed >> 8U != 0x7fffffU);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libFuzzer's interface
    const QByteArray bytes(reinterpret_cast<const char *>(data), static_cast<qsizetype>(size));
    checkSites(bytes);
    checkAnswer(bytes);
    return 0;
}
