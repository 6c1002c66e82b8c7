// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/SigningPracticeTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/SenderEvidence.h"

#include <QtCore/QList>

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr int noSuchName = 3;  // RFC 1035 §4.1.1

bool isDomainOrBelow(const QByteArray &domain, const QByteArray &upper)
{
    return domain == upper || domain.endsWith('.' + upper);
}

}  // namespace

char practiceOf(QByteArrayView record)
{
    const QList<QByteArray> tags = record.toByteArray().toLower().split(';');
    const QByteArray first = tags.value(0).simplified().replace(" ", "");
    if (first == "dkim=all") {
        return 'A';
    }
    return first == "dkim=discardable" ? 'D' : 'U';
}

QByteArray SigningPracticeTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::DKIM";
}

void SigningPracticeTests::configure(const RuleSet &rules, ProblemSink &)
{
    for (const Test &test : rules.tests) {
        const EvalCall *call = std::get_if<EvalCall>(&test.body);
        if (call == nullptr || call->function != "check_dkim_adsp" || call->arguments.empty()) {
            continue;
        }
        Wanted wanted{&test, call->arguments[0], {}};
        if (wanted.practices == "*") {
            wanted.practices = "NAD";
        }
        for (size_t at = 1; at < call->arguments.size(); ++at) {
            wanted.domains.push_back(call->arguments[at].toLower());
        }
        m_tests.push_back(std::move(wanted));
    }
}

/// The function itself is the DKIM module's.
std::vector<EvalModule::Entry> SigningPracticeTests::functions() const
{
    return {};
}

/// Both questions of RFC 5617 §4.3 leave at once: whether the domain exists, and its practices.
void SigningPracticeTests::begin(Scan &scan) const
{
    const bool isWanted = std::any_of(
        m_tests.begin(), m_tests.end(),
        [&scan](const Wanted &wanted) { return scan.isActive(*wanted.test); });
    if (!isWanted || !hub().isOn()) {
        return;
    }
    for (const QByteArray &domain : scan.tag(openPracticesTag)) {
        ask(scan, domain, DnsType::Mx, domain,
            [this, domain](Scan &asking, const LookupReply &reply) {
                if (reply.code == noSuchName) {
                    found(asking, domain, 'N');
                }
            });
        ask(scan, "_adsp._domainkey." + domain, DnsType::Txt, domain,
            [this, domain](Scan &asking, const LookupReply &reply) {
                const std::vector<QByteArray> records = reply.texts();
                // More than one record is none (RFC 5617 §4.3).
                if (reply.code == 0 && records.size() == 1) {
                    found(asking, domain, practiceOf(records[0]));
                }
            });
    }
    send(scan);
}

void SigningPracticeTests::found(Scan &scan, const QByteArray &domain, char practice) const
{
    for (const Wanted &wanted : m_tests) {
        const bool isMeant = wanted.domains.empty()
                             || std::any_of(wanted.domains.begin(), wanted.domains.end(),
                                            [&domain](const QByteArray &upper) {
                                                return isDomainOrBelow(domain, upper);
                                            });
        if (isMeant && wanted.practices.contains(practice)) {
            hub().hit(scan, *wanted.test, {});
        }
    }
}

}  // namespace portcullis::spam
