// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/assembly/RuleEngine.h"

#include <algorithm>

namespace portcullis::spam {

namespace {

constexpr qint64 leastScanned = 64 * 1024;

}  // namespace

mail::Content cutForSpam(const mail::Content &content, qint64 maxBytes)
{
    const qint64 limit = std::max(maxBytes, leastScanned);
    if (content.size() <= limit) {
        return content;
    }
    auto whole = std::make_shared<const mail::Content>(content);
    const QByteArrayView begin = whole->view().first(limit);
    return mail::Content(std::shared_ptr<const void>(std::move(whole)), begin);
}

Arrival arrivalOf(const SpamContext &context)
{
    Arrival arrival;
    arrival.envelopeFrom = context.envelope.sender.toString();
    for (const mail::Recipient &recipient : context.envelope.recipients) {
        arrival.recipients.push_back(recipient.address.toString());
    }
    if (!context.client.address.isNull()) {
        arrival.clientAddress = context.client.address.toString().toLatin1();
    }
    arrival.clientName = context.client.name;
    arrival.helo = context.client.helo;
    return arrival;
}

RuleEngine::RuleEngine(std::shared_ptr<const LiveRules> rules)
    : m_rules(std::move(rules))
{
}

Result<SpamFinding> RuleEngine::check(const mail::Content &content, const SpamContext &context)
{
    const auto rules = m_rules->current();
    MessageText text(cutForSpam(content, context.maxBytes), rules->textSettings(),
                     rules->domains());
    text.setArrival(arrivalOf(context));
    RuleScan scan(*rules, text, context);
    scan.run();
    SpamFinding finding = scan.finding();
    if (const auto &bayes = scan.tag("BAYES"); !bayes.empty()) {
        finding.bayes = bayes.front().toDouble();
    }
    if (const auto &learnt = scan.tag("AUTOLEARN"); !learnt.empty()) {
        finding.autoLearned = learnt.front();
    }
    return finding;
}

}  // namespace portcullis::spam
