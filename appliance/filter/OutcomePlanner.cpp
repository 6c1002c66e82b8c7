// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/OutcomePlanner.h"

#include "appliance/mail/MessageBuilder.h"

#include <QtCore/QJsonArray>

#include <algorithm>

namespace portcullis::filter {

namespace {

using verdict::Fate;

mail::Envelope ownEnvelope(mail::Address sender, const std::vector<mail::Address> &recipients)
{
    mail::Envelope envelope;
    envelope.sender = std::move(sender);
    envelope.body = mail::BodyType::EightBitMime;
    for (const mail::Address &address : recipients) {
        envelope.recipients.push_back({address, {}, mail::Notify::Never});
        envelope.isSmtpUtf8 = envelope.isSmtpUtf8 || !address.isAscii();
    }
    return envelope;
}

/// What tracking names instead of a rule.
QString dmarcRule()
{
    return QStringLiteral("dmarc");
}

QJsonArray toJson(const std::vector<rules::SpamHit> &hits)
{
    QJsonArray array;
    for (const rules::SpamHit &hit : hits) {
        array.append(QJsonObject{{QLatin1String("rule"), hit.rule},
                                 {QLatin1String("score"), hit.score},
                                 {QLatin1String("description"), hit.description}});
    }
    return array;
}

}  // namespace

OutcomePlanner::OutcomePlanner(const verdict::FilterRequest &request,
                               const FilterSettings &settings,
                               const MailInspection &inspection,
                               const rules::RuleSet &ruleSet,
                               const rules::Evaluation &evaluation)
    : m_request(request)
    , m_settings(settings)
    , m_inspection(inspection)
    , m_evaluation(evaluation)
    , m_copies(request, settings, inspection, ruleSet, evaluation)
{
}

verdict::FilterResponse OutcomePlanner::plan()
{
    const auto &recipients = m_request.envelope.recipients;
    for (size_t i = 0; i < recipients.size(); ++i) {
        const auto standing = m_evaluation.recipients[i].standing;
        const auto group = std::ranges::find(m_groups, standing, &CopyGroup::standing);
        if (group == m_groups.end()) {
            m_groups.push_back({{i}, {}, standing, {}});
        } else {
            group->recipients.push_back(i);
        }
        m_response.fates.push_back({recipients[i].address, Fate::Delivered, {}, {}});
    }
    m_dmarcAction = dmarcAction();
    rejectBySender();
    for (size_t i = 0; i < m_evaluation.rules.size(); ++i) {
        runRule(i);
    }
    deliverRest();
    m_response.evidence = evidence();
    for (verdict::QuarantineItem &item : m_response.quarantined) {
        item.evidence = m_response.evidence;
    }
    m_response.contents = m_copies.takeContents();
    return std::move(m_response);
}

/// Whether a rule accepts mail for this recipient by name, not just for want of a rule against it.
bool OutcomePlanner::isWelcome(size_t recipient) const
{
    for (const rules::MatchedRule &rule : m_evaluation.rules) {
        if (std::ranges::find(rule.targets, recipient) == rule.targets.end()) {
            continue;
        }
        for (const rules::ActionPointer &action : rule.actions) {
            if (std::holds_alternative<rules::AcceptAction>(action->data)) {
                return true;
            }
            if (std::holds_alternative<rules::QuarantineAction>(action->data)
                || std::holds_alternative<rules::BlockAction>(action->data)) {
                return false;
            }
        }
    }
    return false;
}

/// What DMARC asks for. Who sends one message can be told one thing only: where a rule accepts it for
/// some of the recipients, it is kept for the others instead of refused.
DmarcAction OutcomePlanner::dmarcAction() const
{
    const auto &sender = m_inspection.senderFinding();
    if (!sender || sender->action != DmarcAction::Reject) {
        return sender ? sender->action : DmarcAction::None;
    }
    for (size_t i = 0; i < m_request.envelope.recipients.size(); ++i) {
        if (isWelcome(i)) {
            return DmarcAction::Quarantine;
        }
    }
    return DmarcAction::Reject;
}

/// Before the rules, so that none of them notifies anybody or keeps the message.
void OutcomePlanner::rejectBySender()
{
    if (m_dmarcAction != DmarcAction::Reject) {
        return;
    }
    const SenderFinding &sender = *m_inspection.senderFinding();
    for (verdict::RecipientFate &fate : m_response.fates) {
        fate.fate = Fate::Blocked;
        fate.rule = dmarcRule();
        fate.reason = sender.reason;
        fate.reply = sender.reply;
    }
    m_groups.clear();
}

/// DMARC asks to keep the message apart, and no rule has decided about it.
void OutcomePlanner::keepBySender(CopyGroup &group)
{
    quarantine(verdict::QuarantineKind::Spam, dmarcRule(), m_copies.copyFor(group),
               group.recipients);
    decide(group, Fate::Quarantined, dmarcRule(), m_inspection.senderFinding()->reason);
}

void OutcomePlanner::runRule(size_t ruleIndex)
{
    const rules::MatchedRule &rule = m_evaluation.rules[ruleIndex];
    const std::vector<size_t> inside = splitByTargets(m_groups, rule.targets);
    if (inside.empty()) {
        return;
    }
    for (const rules::ActionPointer &action : rule.actions) {
        if (const auto *remove = std::get_if<rules::RemoveAction>(&action->data);
            remove != nullptr && remove->quarantine) {
            keepAttachments(rule, inside);
        }
        if (isEdit(*action)) {
            edit(ruleIndex, action, inside);
        } else if (const auto *bcc = std::get_if<rules::BccAction>(&action->data)) {
            sendCopies(rule, *bcc, inside);
        } else if (const auto *note = std::get_if<rules::NotificationAction>(&action->data)) {
            notify(rule, *note);
        } else {
            finish(rule, *action, inside);
            return;
        }
    }
}

void OutcomePlanner::edit(size_t ruleIndex,
                          const rules::ActionPointer &action,
                          const std::vector<size_t> &inside)
{
    const rules::MatchedRule &rule = m_evaluation.rules[ruleIndex];
    const auto *remove = std::get_if<rules::RemoveAction>(&action->data);
    if (remove != nullptr && !remove->all && rule.parts.parts.empty()) {
        return;  // "Remove matching" of a rule that points at no part removes nothing.
    }
    for (const size_t index : inside) {
        m_groups[index].edits.push_back({ruleIndex, action});
        m_groups[index].content.reset();
    }
}

void OutcomePlanner::sendCopies(const rules::MatchedRule &rule,
                                const rules::BccAction &action,
                                const std::vector<size_t> &inside)
{
    const rules::MacroExpander expander(m_copies.macros(rule, m_groups[inside.front()].standing));
    const auto targets = expander.addresses(action.targets);
    if (targets.empty()) {
        return;
    }
    mail::Envelope envelope = ownEnvelope(m_request.envelope.sender, targets);
    envelope.body = m_request.envelope.body;
    envelope.isSmtpUtf8 = envelope.isSmtpUtf8 || m_request.envelope.isSmtpUtf8;
    if (action.original) {
        m_response.outgoing.push_back({verdict::Origin::Bcc, envelope, 0});
        return;
    }
    for (const size_t index : inside) {
        const quint32 content = m_copies.copyFor(m_groups[index]);
        m_response.outgoing.push_back({verdict::Origin::Bcc, envelope, content});
    }
}

void OutcomePlanner::notify(const rules::MatchedRule &rule, const rules::NotificationAction &action)
{
    const rules::MacroExpander expander(m_copies.macros(rule, rules::SenderStanding::Unlisted));
    const auto to = expander.addresses(action.to);
    if (to.empty()) {
        return;  // __SENDER__ of a null reverse-path: nobody to tell.
    }
    mail::NewMessage message;
    message.fromName = m_settings.mailFromName;
    message.from = m_settings.mailFrom;
    message.to = to;
    message.subject = expander.line(action.subject);
    message.body = expander.body(action.body);
    message.date = m_request.receivedAt;
    if (action.attachOriginal) {
        message.attachments.push_back(mail::attachMessage(m_request.content));
    }
    const quint32 content = m_copies.add(mail::build(message));
    // RFC 3834 §3.3: from the null reverse-path, so that no notification ever causes another.
    m_response.outgoing.push_back({verdict::Origin::Notification, ownEnvelope({}, to), content});
}

void OutcomePlanner::keepAttachments(const rules::MatchedRule &rule,
                                     const std::vector<size_t> &inside)
{
    std::vector<size_t> recipients;
    for (const size_t index : inside) {
        const auto &more = m_groups[index].recipients;
        recipients.insert(recipients.end(), more.begin(), more.end());
    }
    quarantine(verdict::QuarantineKind::Attachment, rule.name, 0, recipients);
}

void OutcomePlanner::finish(const rules::MatchedRule &rule,
                            const rules::Action &action,
                            const std::vector<size_t> &inside)
{
    for (const size_t index : inside) {
        CopyGroup &group = m_groups[index];
        if (std::holds_alternative<rules::AcceptAction>(action.data)) {
            deliver(group);
            decide(group, Fate::Delivered, rule.name, rule.reason);
        } else if (std::holds_alternative<rules::QuarantineAction>(action.data)) {
            const auto kind = m_inspection.virus().isEmpty() ? verdict::QuarantineKind::Spam
                                                             : verdict::QuarantineKind::Virus;
            quarantine(kind, rule.name, m_copies.copyFor(group), group.recipients);
            decide(group, Fate::Quarantined, rule.name, rule.reason);
        } else {
            decide(group, Fate::Blocked, rule.name, rule.reason);
        }
        group.recipients.clear();
    }
    std::erase_if(m_groups, [](const CopyGroup &group) { return group.recipients.empty(); });
}

void OutcomePlanner::deliverRest()
{
    for (CopyGroup &group : m_groups) {
        if (m_dmarcAction == DmarcAction::Quarantine) {
            keepBySender(group);
            continue;
        }
        deliver(group);
        decide(group, Fate::Delivered, QString::fromLatin1(rules::defaultAcceptRule),
               QStringLiteral("no rule with a final action matched"));
    }
}

void OutcomePlanner::deliver(CopyGroup &group)
{
    const quint32 content = m_copies.copyFor(group);
    auto same = std::ranges::find_if(
        m_response.outgoing, [content](const verdict::OutgoingMessage &message) {
            return message.origin == verdict::Origin::Original && message.content == content;
        });
    if (same == m_response.outgoing.end()) {
        mail::Envelope envelope = m_request.envelope;
        envelope.recipients.clear();
        m_response.outgoing.push_back({verdict::Origin::Original, std::move(envelope), content});
        same = std::prev(m_response.outgoing.end());
    }
    for (const size_t index : group.recipients) {
        same->envelope.recipients.push_back(m_request.envelope.recipients[index]);
    }
}

void OutcomePlanner::quarantine(verdict::QuarantineKind kind,
                                const QString &ruleName,
                                quint32 content,
                                const std::vector<size_t> &recipients)
{
    const mail::Message &message = m_inspection.message();
    verdict::QuarantineItem item;
    item.kind = kind;
    item.sender = m_request.envelope.sender;
    for (const size_t index : recipients) {
        item.recipients.push_back(m_request.envelope.recipients[index].address);
    }
    item.content = content;
    item.spamLevel = m_evaluation.spam ? m_evaluation.spam->level : 0;
    item.virus = m_inspection.virus();
    item.rule = ruleName;
    item.subject = message.subject();
    const mail::HeaderField *from = message.field("From");
    item.fromHeader = from == nullptr ? QString() : from->decoded();
    m_response.quarantined.push_back(std::move(item));
}

void OutcomePlanner::decide(const CopyGroup &group,
                            Fate fate,
                            const QString &rule,
                            const QString &why)
{
    for (const size_t index : group.recipients) {
        m_response.fates[index].fate = fate;
        m_response.fates[index].rule = rule;
        m_response.fates[index].reason = why;
    }
}

QJsonObject OutcomePlanner::evidence() const
{
    QJsonObject evidence = m_inspection.evidence();
    if (m_evaluation.spam) {
        evidence.insert(QLatin1String("spam"),
                        QJsonObject{{QLatin1String("level"), m_evaluation.spam->level},
                                    {QLatin1String("score"), m_evaluation.spam->score},
                                    {QLatin1String("threshold"), m_settings.spamThreshold},
                                    {QLatin1String("hits"), toJson(m_evaluation.spam->hits)}});
    }
    QJsonArray ruleIds;
    for (const int id : m_evaluation.hits) {
        ruleIds.append(id);
    }
    evidence.insert(QLatin1String("rules"), ruleIds);
    QJsonArray problems;
    for (const rules::EvaluationProblem &problem : m_evaluation.problems) {
        problems.append(QString::fromUtf8(problem.id) + QStringLiteral(": ") + problem.detail);
    }
    for (const QString &problem : m_copies.problems()) {
        problems.append(problem);
    }
    if (!problems.isEmpty()) {
        evidence.insert(QLatin1String("problems"), problems);
    }
    return evidence;
}

}  // namespace portcullis::filter
