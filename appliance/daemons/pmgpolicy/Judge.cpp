// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmgpolicy/Judge.h"

#include "appliance/base/Log.h"

namespace portcullis {

namespace {

constexpr char noOpinion[] = "DUNNO";

/// DEFER_IF_PERMIT refuses for now only if nothing later refuses for good.
QByteArray actionOf(const policy::Refusal &refusal)
{
    if (qstrcmp(refusal.check, "greylist") == 0) {
        return "DEFER_IF_PERMIT " + refusal.text;
    }
    return QByteArray::number(refusal.code) + ' ' + refusal.enhanced + ' ' + refusal.text;
}

/// One line, as a policy service must give it: Postfix folds the field again.
QByteArray unfolded(QByteArray field)
{
    field.replace("\r\n", "");
    field.replace('\t', ' ');
    return field.trimmed();
}

void logRefusal(const policy::DelegationRequest &request,
                const policy::Refusal &refusal,
                const QByteArray &action)
{
    log::write(log::Severity::Notice, "policy.refused", request.queueId,
               {{"check", refusal.check},
                {"client", request.clientAddress.toString().toLatin1()},
                {"helo", request.helo},
                {"from", '<' + request.sender.toString() + '>'},
                {"to", '<' + request.recipient.toString() + '>'},
                {"instance", request.instance},
                {"action", action}});
}

}  // namespace

Judge::Judge(policy::EnvelopePolicy &policy, config::ConfigPtr config)
    : m_policy(policy)
    , m_config(std::move(config))
{
}

bool Judge::isExempt(const policy::DelegationRequest &request) const
{
    return request.protocolState != "RCPT" || !request.saslUser.isEmpty()
           || m_config->isTrusted(request.clientAddress)
           || m_config->isOwnAddress(request.clientAddress);
}

void Judge::decide(const policy::DelegationRequest &request, QObject *context, const Answer &done)
{
    const config::MailSettings &mail = m_config->mail;
    if (isExempt(request) || (!mail.spf && !mail.greylist)) {
        done(noOpinion);
        return;
    }
    policy::EnvelopeQuestion question;
    question.client = request.clientAddress;
    question.helo = request.helo;
    question.sender = request.sender;
    question.recipient = request.recipient;
    question.spf = m_messages.of(request).spf;
    m_policy.check(question, {mail.spf, mail.greylist}, context,
                   [this, request, done](const policy::EnvelopeOutcome &outcome) {
                       done(actionFor(request, outcome));
                   });
}

QByteArray Judge::actionFor(const policy::DelegationRequest &request,
                            const policy::EnvelopeOutcome &outcome)
{
    MessageNotes notes = m_messages.of(request);
    QByteArray action(noOpinion);
    if (outcome.refusal) {
        action = actionOf(*outcome.refusal);
        logRefusal(request, *outcome.refusal, action);
    } else if (outcome.spf && !notes.hasHeader) {
        const QByteArray field = policy::spf::receivedSpfField(*outcome.spf, request.clientAddress,
                                                               m_config->fqdn, request.helo,
                                                               request.sender.toString());
        action = "PREPEND " + unfolded(field);
        notes.hasHeader = true;
    }
    if (outcome.spf) {
        notes.spf = outcome.spf;
        m_messages.set(request, notes);
    }
    return action;
}

}  // namespace portcullis
