// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/filter/SpamEvidence.h"

namespace portcullis::filter {

namespace {

using authentication::ArcResult;
using authentication::DkimResult;
using authentication::DmarcPolicy;
using authentication::DmarcResult;

spam::SpfAnswer spfAnswer(verdict::SpfResult result)
{
    switch (result) {
    case verdict::SpfResult::None:
        return spam::SpfAnswer::None;
    case verdict::SpfResult::Neutral:
        return spam::SpfAnswer::Neutral;
    case verdict::SpfResult::Pass:
        return spam::SpfAnswer::Pass;
    case verdict::SpfResult::Fail:
        return spam::SpfAnswer::Fail;
    case verdict::SpfResult::SoftFail:
        return spam::SpfAnswer::SoftFail;
    case verdict::SpfResult::TempError:
        return spam::SpfAnswer::TempError;
    case verdict::SpfResult::PermError:
        break;
    }
    return spam::SpfAnswer::PermError;
}

spam::SpfEvidence spfEvidence(const verdict::SpfFinding &finding, const QByteArray &identity)
{
    return {spfAnswer(finding.result), identity, finding.explanation};
}

spam::SignatureEvidence signatureEvidence(const authentication::DkimFinding &finding)
{
    spam::SignatureEvidence evidence;
    evidence.isValid = finding.result == DkimResult::Pass;
    evidence.isTempError = finding.result == DkimResult::TempError;
    evidence.isTesting = finding.isTesting;
    evidence.domain = finding.domain;
    evidence.selector = finding.selector;
    evidence.identity = finding.identity;
    evidence.keyBits = finding.keyBits;
    return evidence;
}

/// A failure that a trusted ARC sealer excuses is none: the sealer saw DMARC pass.
spam::DmarcEvidence dmarcEvidence(const authentication::DmarcFinding &finding)
{
    spam::DmarcEvidence evidence;
    evidence.wish = finding.disposition == DmarcPolicy::Reject       ? spam::DmarcWish::Reject
                    : finding.disposition == DmarcPolicy::Quarantine ? spam::DmarcWish::Quarantine
                                                                     : spam::DmarcWish::None;
    if (finding.result == DmarcResult::Pass || !finding.excusedBy.isEmpty()) {
        evidence.answer = spam::DmarcAnswer::Pass;
    } else if (finding.result == DmarcResult::Fail) {
        evidence.answer = spam::DmarcAnswer::Fail;
    } else if (finding.result != DmarcResult::None) {
        evidence.answer = spam::DmarcAnswer::Error;
    }
    return evidence;
}

}  // namespace

spam::SenderEvidence spamEvidence(const verdict::SessionEvidence &session,
                                  const std::optional<SenderFinding> &sender)
{
    spam::SenderEvidence evidence;
    if (session.spf && !session.spf->isHelo) {
        evidence.mailFrom = spfEvidence(*session.spf, session.spf->identity);
    }
    if (const auto &helo = session.spf && session.spf->isHelo ? session.spf : session.heloSpf) {
        evidence.helo = spfEvidence(*helo, helo->domain);
    }
    if (!sender) {
        return evidence;
    }
    const authentication::Findings &findings = sender->findings;
    evidence.signatures.emplace();
    for (const authentication::DkimFinding &finding : findings.dkim) {
        evidence.signatures->push_back(signatureEvidence(finding));
    }
    if (!findings.dmarc.fromDomain.isEmpty() || findings.dmarc.result != DmarcResult::None) {
        evidence.dmarc = dmarcEvidence(findings.dmarc);
    }
    const bool isSealed = findings.arc.result != ArcResult::None;
    evidence.arc = spam::ArcEvidence{isSealed ? std::max(1, int(findings.arc.sets.size())) : 0,
                                     findings.arc.result == ArcResult::Pass};
    return evidence;
}

}  // namespace portcullis::filter
