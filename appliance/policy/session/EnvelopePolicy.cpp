// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/session/EnvelopePolicy.h"

#include <QtCore/QPointer>

namespace portcullis::policy {

namespace {

using verdict::SpfFinding;
using verdict::SpfResult;

QJsonObject spfDetail(const SpfFinding &finding)
{
    verdict::SessionEvidence evidence;
    evidence.spf = finding;
    return evidence.toJson();
}

Refusal spfRefusal(const EnvelopeQuestion &question, const SpfFinding &finding)
{
    QByteArray text = "SPF: " + question.client.toString().toLatin1() + " may not send mail for "
                      + finding.domain;
    if (!finding.explanation.isEmpty()) {
        text += " (" + finding.explanation + ')';
    }
    return {550, "5.7.23", text, "spf", spfDetail(finding)};
}

Refusal greylistRefusal(const greylist::Decision &decision)
{
    return {
        450, greylist::deferEnhancedCode, greylist::deferText, "greylist",
        QJsonObject{{QLatin1String("greylist"), QLatin1String(greylist::nameOf(decision.reason))},
                    {QLatin1String("seconds_left"), static_cast<qint64>(decision.left.count())}}};
}

}  // namespace

/// One recipient being decided.
struct EnvelopePolicy::Run {
    EnvelopeQuestion question;
    EnvelopeSettings settings;
    QPointer<QObject> context;
    Callback done;
    EnvelopeOutcome outcome;

    void finish() { done(std::move(outcome)); }
};

EnvelopePolicy::EnvelopePolicy(Resolver &resolver,
                               spf::SpfClient &spf,
                               greylist::Greylist &greylist,
                               const AllowList &allowList,
                               const Clock &clock)
    : m_backupMx(resolver)
    , m_spf(spf)
    , m_greylist(greylist)
    , m_allowList(allowList)
    , m_clock(clock)
{
}

std::optional<QByteArray> EnvelopePolicy::allowEntry(const QHostAddress &client,
                                                     const mail::Address &sender,
                                                     const mail::Address &recipient) const
{
    if (auto entry = m_allowList.clientEntry(client)) {
        return entry;
    }
    if (auto entry = m_allowList.senderEntry(sender)) {
        return entry;
    }
    return m_allowList.recipientEntry(recipient);
}

void EnvelopePolicy::check(const EnvelopeQuestion &question,
                           const EnvelopeSettings &settings,
                           QObject *context,
                           Callback done)
{
    auto run = std::make_shared<Run>(Run{question, settings, context, std::move(done), {}});
    run->outcome.spf = question.spf;
    if (auto entry = allowEntry(question.client, question.sender, question.recipient)) {
        run->outcome.allowedBy = *entry;
        run->finish();
        return;
    }
    if (!settings.usesSpf || question.spf) {
        judgeSpf(run);
        return;
    }
    m_spf.check({question.client, question.helo, question.sender}, context,
                [this, run](SpfFinding finding) {
                    run->outcome.spf = std::move(finding);
                    judgeSpf(run);
                });
}

void EnvelopePolicy::judgeSpf(const std::shared_ptr<Run> &run)
{
    const auto result = run->outcome.spf ? run->outcome.spf->result : SpfResult::None;
    if (result == SpfResult::Fail) {
        refuseUnlessBackupMx(run, spfRefusal(run->question, *run->outcome.spf));
    } else if (result == SpfResult::Pass) {
        run->outcome.greylist = "spf-pass";
        run->finish();
    } else if (run->settings.usesGreylist) {
        judgeGreylist(run);
    } else {
        run->finish();
    }
}

void EnvelopePolicy::judgeGreylist(const std::shared_ptr<Run> &run)
{
    const EnvelopeQuestion &question = run->question;
    const greylist::Decision decision = m_greylist.decide(
        {question.client, question.sender, question.recipient}, m_clock.wall());
    run->outcome.greylist = greylist::nameOf(decision.reason);
    if (decision.isPass()) {
        run->finish();
    } else {
        refuseUnlessBackupMx(run, greylistRefusal(decision));
    }
}

/// Asked last, since it matters only to those that would be refused.
void EnvelopePolicy::refuseUnlessBackupMx(const std::shared_ptr<Run> &run, Refusal refusal)
{
    m_backupMx.check(run->question.client, run->question.recipient.domain(), run->context,
                     [this, run, refusal = std::move(refusal)](BackupMx::Answer answer) mutable {
                         if (answer == BackupMx::Answer::Yes) {
                             run->outcome.greylist = "backup-mx";
                             run->finish();
                             return;
                         }
                         if (answer == BackupMx::Answer::Unknown && refusal.code >= 500) {
                             refusal.code = 451;
                             refusal.enhanced = "4.7.23";
                         }
                         if (refusal.code >= 500) {
                             m_greylist.countSpfReject(m_clock.wall());
                         }
                         run->outcome.refusal = std::move(refusal);
                         run->finish();
                     });
}

}  // namespace portcullis::policy
