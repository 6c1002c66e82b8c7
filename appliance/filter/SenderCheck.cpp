// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/SenderCheck.h"

#include "appliance/authentication/AuthenticationResults.h"
#include "appliance/filter/DnsTxtLookup.h"

namespace portcullis::filter {

namespace {

using authentication::DmarcFinding;
using authentication::DmarcPolicy;
using authentication::DmarcResult;

QString actionName(DmarcAction action)
{
    return action == DmarcAction::Reject ? QStringLiteral("reject") : QStringLiteral("quarantine");
}

QString policyText(const DmarcFinding &dmarc)
{
    return QStringLiteral("%1=%2").arg(dmarc.isSubdomainPolicy ? QStringLiteral("sp")
                                                               : QStringLiteral("p"),
                                       QString::fromLatin1(nameOf(dmarc.policy)));
}

/// As much of a name as leaves the reply its 512 octets (RFC 5321 §4.5.3.1.5).
QByteArray shortened(const QByteArray &domain)
{
    constexpr qsizetype shown = 100;
    return domain.size() > shown ? "..." + domain.last(shown) : domain;
}

/// For the sender's administrator: what is wrong, whose wish it is, what to look at.
QByteArray replyText(const DmarcFinding &dmarc)
{
    return "Mail from " + shortened(dmarc.fromDomain)
           + " must be authenticated: neither SPF nor DKIM passed for "
             "that domain, and the DMARC policy of "
           + shortened(dmarc.policyDomain) + " asks to refuse such mail ("
           + policyText(dmarc).toLatin1() + ", RFC 7489)";
}

}  // namespace

QJsonObject SenderFinding::evidence() const
{
    QJsonObject object = findings.toJson();
    if (action != DmarcAction::None) {
        object.insert(QLatin1String("action"), actionName(action));
    }
    if (!reason.isEmpty()) {
        object.insert(QLatin1String("reason"), reason);
    }
    return object;
}

SenderCheck::SenderCheck(SenderCheckSettings settings,
                         std::shared_ptr<const authentication::Authenticator> authenticator,
                         const QString &resolverSocket)
    : m_settings(std::move(settings))
    , m_authenticator(std::move(authenticator))
    , m_resolver(resolverSocket)
{
}

SenderFinding SenderCheck::check(const verdict::FilterRequest &request)
{
    SenderFinding finding;
    DnsTxtLookup dns(m_resolver, m_settings.dnsTime);
    finding.findings = m_authenticator->authenticate(request.content.view(), request.session.spf,
                                                     dns);
    if (m_settings.dmarc == SenderCheckSettings::Dmarc::Enforce) {
        enforce(request, finding);
    } else if (m_settings.dmarc == SenderCheckSettings::Dmarc::Off) {
        finding.findings.dmarc = {};
    }
    authentication::ResultsInput results;
    results.authservId = m_settings.authservId;
    results.spf = request.session.spf;
    results.findings = finding.findings;
    results.isDmarcWanted = m_settings.dmarc != SenderCheckSettings::Dmarc::Off;
    if (!request.client.name.isEmpty()) {
        results.reverseName = request.client
                                  .name;  // Else nobody asked, or nobody answered in time.
    }
    results.clientAddress = request.client.address.toString().toLatin1();
    finding.field = authentication::writeAuthenticationResults(results);
    return finding;
}

/// Who is never turned away, whatever a policy asks for.
bool SenderCheck::isExempt(const verdict::FilterRequest &request) const
{
    // A backup MX of the recipient passes mail on: SPF cannot pass, and it has made its own checks.
    return !request.session.allowedBy.isEmpty() || request.session.greylist == "backup-mx"
           || (m_settings.isTrusted && m_settings.isTrusted(request.client.address));
}

void SenderCheck::enforce(const verdict::FilterRequest &request, SenderFinding &finding) const
{
    const DmarcFinding &dmarc = finding.findings.dmarc;
    if (isExempt(request)) {
        return;
    }
    if (dmarc.isForgedFrom) {
        finding.action = DmarcAction::Quarantine;
        finding.reason = QStringLiteral("DMARC cannot tell the author: ")
                         + QString::fromLatin1(dmarc.reason);
        return;
    }
    if (dmarc.result != DmarcResult::Fail || dmarc.disposition == DmarcPolicy::None) {
        return;
    }
    // What might have passed if only we had asked is no failure. A failure of DNS for the author's
    // domain is a TempError already; one for any other domain would be the attacker's to arrange.
    if (!request.session.spf) {
        finding.reason = QStringLiteral("DMARC policy not applied: SPF was not checked");
        return;
    }
    const bool isReject = dmarc.disposition == DmarcPolicy::Reject;
    finding.reason = QStringLiteral("DMARC: neither SPF nor DKIM passed for %1, policy of %2 is %3")
                         .arg(QString::fromLatin1(dmarc.fromDomain),
                              QString::fromLatin1(dmarc.policyDomain), policyText(dmarc));
    if (isReject && !request.isAccepted) {
        finding.action = DmarcAction::Reject;
        finding.reply = replyText(dmarc);
    } else {
        finding.action = DmarcAction::Quarantine;
    }
}

}  // namespace portcullis::filter
