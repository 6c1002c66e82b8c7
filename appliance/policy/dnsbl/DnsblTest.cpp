// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblTest.h"

#include "appliance/policy/AddressKey.h"

#include <algorithm>
#include <array>
#include <memory>

namespace portcullis::policy {

namespace {

using TestResult = DnsblHealth::TestResult;

constexpr quint32 loopbackNetwork = 127;
constexpr quint32 refusalNetwork = 0x7fff'ffU;  ///< 127.255.255.0/24

/// ::FFFF:7F00:1 and :2 are asked in nibbles although they are IPv4-mapped (RFC 5782 §5).
struct TestPoint {
    AddressKey address;
    bool isIpv6 = false;
    bool isToBeListed = false;
};
constexpr uint64_t loopbackOne = 0xffff'7f00'0001U;
constexpr uint64_t loopbackTwo = 0xffff'7f00'0002U;
constexpr std::array testPoints{
    TestPoint{{0, loopbackOne}, false, false}, TestPoint{{0, loopbackOne}, true, false},
    TestPoint{{0, loopbackTwo}, false, true}, TestPoint{{0, loopbackTwo}, true, true}};

/// Collects the four answers.
struct DnsblTestRun {
    DnsblHealth &health;
    QByteArray domain;
    std::function<void(TestResult)> done;

    size_t unlistedPending = 2;
    size_t listedPending = 2;
    TestResult result = TestResult::Good;
    bool isAnyListed = false;

    void take(const TestPoint &point, const Result<DnsAnswer> &answer)
    {
        point.isToBeListed ? takeListed(answer) : takeUnlisted(point, answer);
    }
    void takeUnlisted(const TestPoint &point, const Result<DnsAnswer> &answer);
    void takeListed(const Result<DnsAnswer> &answer);
};

void DnsblTestRun::takeUnlisted(const TestPoint &point, const Result<DnsAnswer> &answer)
{
    const DnsblAnswer read = answer ? readDnsblAnswer(*answer) : DnsblAnswer();
    if (!answer || read.isUnreadable) {
        // Many lists know no IPv6, and some of their servers do not answer such questions.
        if (!point.isIpv6 && result == TestResult::Good) {
            result = TestResult::Unanswered;
        }
    } else if (read.refusesUs) {
        result = TestResult::RefusesUs;
    } else if (answer->kind == DnsAnswer::Kind::Records && result != TestResult::RefusesUs) {
        // An address outside 127/8 is a resolver that sells misspelt names: as bad.
        result = TestResult::ListsAll;
    }
    if (--unlistedPending == 0) {
        health.noteTest(domain, result);
        done(result);
    }
}

void DnsblTestRun::takeListed(const Result<DnsAnswer> &answer)
{
    // No answer is no reason to complain of the list's name.
    isAnyListed = isAnyListed || !answer || answer->kind == DnsAnswer::Kind::Records;
    if (--listedPending == 0 && !isAnyListed) {
        health.noteMissingTestPoint(domain);
    }
}

}  // namespace

DnsblAnswer readDnsblAnswer(const DnsAnswer &answer)
{
    DnsblAnswer read;
    const std::vector<QHostAddress> addresses = addressesOf(answer);
    read.isUnreadable = answer.kind == DnsAnswer::Kind::Records && addresses.empty();
    for (const QHostAddress &address : addresses) {
        const quint32 ipv4 = address.toIPv4Address();
        if (ipv4 >> 8U == refusalNetwork) {
            read.refusesUs = true;
        } else if (ipv4 >> 24U == loopbackNetwork) {
            read.listed.push_back(ipv4);
        }
    }
    // Name servers rotate their records; findings shall not.
    std::sort(read.listed.begin(), read.listed.end());
    return read;
}

void testDnsblList(Resolver &resolver,
                   DnsblHealth &health,
                   const QByteArray &domain,
                   QObject *context,
                   const std::function<void(TestResult)> &done)
{
    const auto run = std::make_shared<DnsblTestRun>(DnsblTestRun{health, domain, done});
    for (const TestPoint &point : testPoints) {
        const QByteArray labels = point.isIpv6 ? point.address.reverseNibbles()
                                               : point.address.reverseLabels();
        resolver.lookup(
            labels + domain, DnsType::A, context,
            [run, &point](const Result<DnsAnswer> &answer) { run->take(point, answer); });
    }
}

}  // namespace portcullis::policy
