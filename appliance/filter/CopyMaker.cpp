// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/CopyMaker.h"

#include "appliance/mail/MessageBuilder.h"

#include <algorithm>

namespace portcullis::filter {

namespace {

constexpr char virusInfoField[] = "X-Portcullis-VInfo";
constexpr char stateField[] = "X-Portcullis-State";
constexpr size_t maxStates = 5;  ///< Named in the field; more say nothing new.

QString text(const QByteArray &bytes)
{
    return QString::fromUtf8(bytes);
}

std::vector<mail::Address> addressesOf(const std::vector<mail::Recipient> &recipients)
{
    std::vector<mail::Address> addresses;
    std::ranges::transform(recipients, std::back_inserter(addresses), &mail::Recipient::address);
    return addresses;
}

QString headerText(const mail::Message &message, QByteArrayView name)
{
    const mail::HeaderField *field = message.field(name);
    return field == nullptr ? QString() : field->decoded();
}

}  // namespace

CopyMaker::CopyMaker(const verdict::FilterRequest &request,
                     const FilterSettings &settings,
                     const MailInspection &inspection,
                     const rules::RuleSet &ruleSet,
                     const rules::Evaluation &evaluation)
    : m_request(request)
    , m_settings(settings)
    , m_inspection(inspection)
    , m_ruleSet(ruleSet)
    , m_evaluation(evaluation)
{
    const mail::Message &message = inspection.message();
    m_common.sender = text(request.envelope.sender.toString());
    m_common.receivers = rules::joinAddresses(addressesOf(request.envelope.recipients));
    m_common.subject = rules::subjectOrDefault(message.subject());
    m_common.admin = text(settings.administrator.toString());
    m_common.senderIp = request.client.address.toString();
    m_common.messageId = headerText(message, "Message-ID");
    m_common.version = settings.version;
    m_common.ruleInfo = evaluation.ruleInfo;
    m_common.virusInfo = rules::virusInfoText(inspection.virus(), inspection.scanner());
    m_common.host = settings.hostName;
    m_common.domain = settings.domain;
    m_common.fqdn = settings.fqdn;
    m_contents.push_back(request.content);
}

rules::MacroValues CopyMaker::macros(const rules::MatchedRule &rule,
                                     rules::SenderStanding standing) const
{
    rules::MacroValues values = m_common;
    std::vector<mail::Address> targets;
    for (const size_t index : rule.targets) {
        targets.push_back(m_request.envelope.recipients[index].address);
    }
    values.targets = rules::joinAddresses(targets);
    values.rule = rule.name;
    values.setSpam(m_evaluation.spam, standing);
    return values;
}

quint32 CopyMaker::copyFor(CopyGroup &group)
{
    if (group.content) {
        return *group.content;
    }
    const auto made = std::ranges::find_if(
        m_made, [&group](const CopyGroup &other) { return other.isSameCopy(group); });
    if (made != m_made.end()) {
        group.content = made->content;
        return *group.content;
    }
    mail::MessageEditor editor(m_inspection.message());
    applyBase(editor);
    for (const PlannedEdit &edit : group.edits) {
        apply(editor, edit, group);
    }
    group.content = 0;
    if (const auto &sender = m_inspection.senderFinding()) {
        // In front of the finished copy, so that not an octet of what was signed changes.
        group.content = add(mail::Content::joined({sender->field, editor.result().view()}));
    } else if (editor.isModified()) {
        group.content = add(editor.result());
    }
    m_made.push_back(group);
    return *group.content;
}

quint32 CopyMaker::add(mail::Content content)
{
    m_contents.push_back(std::move(content));
    return static_cast<quint32>(m_contents.size() - 1);
}

/// What happens to every copy, whatever the rules say.
void CopyMaker::applyBase(mail::MessageEditor &editor) const
{
    for (const QByteArray &name : m_ruleSet.headersToStrip(m_request.direction)) {
        if (m_inspection.message().field(name) != nullptr) {
            editor.removeHeader(name);
        }
    }
    for (const mail::HeaderField *field : m_inspection.forgedResults()) {
        editor.removeField(*field);
    }
    const bool isIncoming = m_request.direction == mail::Direction::In;
    if (!m_inspection.virus().isEmpty() && isIncoming) {
        static_cast<void>(editor.setHeader(virusInfoField, m_inspection.virus()));
    }
    if (isIncoming) {
        markState(editor);
    }
    if (m_settings.hidesReceived && !isIncoming) {
        editor.removeReceived();
        // One hop must stay visible, or loops could not be seen (RFC 5321 §6.3).
        static_cast<void>(editor.prependHeader(
            "Received", QStringLiteral("by %1 id %2; %3")
                            .arg(m_settings.fqdn, text(m_request.queueId),
                                 text(mail::writeDate(m_request.receivedAt)))));
    }
}

/// What could not be looked into is never passed on as if it had been: where no rule decides about it,
/// the recipient's mail program and the servers behind us can.
void CopyMaker::markState(mail::MessageEditor &editor) const
{
    if (m_inspection.message().field(stateField) != nullptr) {
        editor.removeHeader(stateField);
    }
    QStringList texts = m_inspection.stateTexts();
    for (const rules::ArchiveFacts &archive :
         m_evaluation.archives.value_or(std::vector<rules::ArchiveFacts>())) {
        if (archive.isUnscannable) {
            texts.append(QStringLiteral("unscannable: an archive"));
        }
        if (archive.isEncrypted) {
            texts.append(QStringLiteral("encrypted: an archive"));
        }
    }
    texts.removeDuplicates();
    if (!texts.isEmpty()) {
        static_cast<void>(editor.setHeader(
            stateField,
            texts.first(std::min<qsizetype>(texts.size(), maxStates)).join(QLatin1Char('\n'))));
    }
}

void CopyMaker::apply(mail::MessageEditor &editor, const PlannedEdit &edit, const CopyGroup &group)
{
    const rules::MatchedRule &rule = m_evaluation.rules[edit.rule];
    const rules::MacroValues values = macros(rule, group.standing);
    const rules::MacroExpander expander(values);
    if (const auto *header = std::get_if<rules::HeaderAction>(&edit.action->data)) {
        applyHeader(editor, *header, expander);
    } else if (const auto *remove = std::get_if<rules::RemoveAction>(&edit.action->data)) {
        applyRemove(editor, *remove, rule, values);
    } else if (const auto *disclaimer = std::get_if<rules::DisclaimerAction>(&edit.action->data)) {
        applyDisclaimer(editor, *disclaimer, expander);
    }
}

void CopyMaker::applyHeader(mail::MessageEditor &editor,
                            const rules::HeaderAction &action,
                            const rules::MacroExpander &expander)
{
    const QString value = expander.headerValue(action.value);
    if (value.isEmpty()) {
        // An empty value says nothing; the sender's own field of that name still goes.
        editor.removeHeader(action.field);
        return;
    }
    if (const Status status = editor.setHeader(action.field, value); !status) {
        m_problems.push_back(status.error().toString());
    }
}

void CopyMaker::applyRemove(mail::MessageEditor &editor,
                            const rules::RemoveAction &action,
                            const rules::MatchedRule &rule,
                            const rules::MacroValues &values) const
{
    const auto makeNote = [&action, &values](const mail::Part &part) {
        rules::MacroValues withName = values;
        withName.fileName = part.fileName().isEmpty() ? text(part.declaredType) : part.fileName();
        const rules::MacroExpander expander(std::move(withName));
        const bool isHtml = action.text.contains(QLatin1Char('<'));
        return mail::Replacement{isHtml ? expander.html(action.text) : expander.body(action.text),
                                 {}};
    };
    if (action.all) {
        editor.keepFirstBody(makeNote);
        return;
    }
    for (const int id : rule.parts.parts) {
        if (const mail::Part *part = m_inspection.message().part(id)) {
            editor.replacePart(id, makeNote(*part));
        }
    }
}

void CopyMaker::applyDisclaimer(mail::MessageEditor &editor,
                                const rules::DisclaimerAction &action,
                                const rules::MacroExpander &expander)
{
    const auto position = action.position == rules::DisclaimerAction::Position::Start
                              ? mail::DisclaimerPosition::Top
                              : mail::DisclaimerPosition::Bottom;
    switch (editor.addDisclaimer({expander.html(action.html), position, action.hasSeparator})) {
    case mail::DisclaimerOutcome::Added:
        break;
    case mail::DisclaimerOutcome::NoTextPart:
        m_problems.push_back(QStringLiteral("no text part to add the disclaimer to"));
        break;
    case mail::DisclaimerOutcome::Protected:
        m_problems.push_back(QStringLiteral("no disclaimer: the mail is signed or encrypted"));
        break;
    case mail::DisclaimerOutcome::NotRepresentable:
        m_problems.push_back(QStringLiteral("no disclaimer: the mail's charset cannot carry it"));
        break;
    }
}

}  // namespace portcullis::filter
