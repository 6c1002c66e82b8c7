// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/DmarcEvaluator.h"

#include "appliance/authentication/AuthenticationResults.h"
#include "appliance/authentication/DmarcRecord.h"
#include "appliance/authentication/TagList.h"

#include <opendmarc/dmarc.h>

#include <algorithm>
#include <memory>

namespace portcullis::authentication {

/// What of SPF and DKIM speaks for the author's domain.
struct DmarcEvaluator::Aligned {
    QByteArray spf;  ///< Domain; empty: none.
    const DkimFinding *dkim = nullptr;
    bool isUncertain = false;  ///< A temporary failure may hide an aligned pass.
};

namespace {

struct PolicyFree {
    void operator()(DMARC_POLICY_T *context) const { opendmarc_policy_connect_shutdown(context); }
};
using PolicyPtr = std::unique_ptr<DMARC_POLICY_T, PolicyFree>;

u_char *octets(QByteArray &text)
{
    return reinterpret_cast<u_char *>(text.data());
}

QByteArray dmarcName(const QByteArray &domain)
{
    return "_dmarc." + domain;
}

// RFC 7489 §3.1.2: the domain of RFC5321.MailFrom, or of HELO if that is null.
QByteArray spfDomain(const verdict::SpfFinding &spf)
{
    const qsizetype at = spf.identity.lastIndexOf('@');
    return (at >= 0 ? spf.identity.mid(at + 1) : spf.domain).toLower();
}

DmarcPolicy softened(DmarcPolicy policy)
{
    return policy == DmarcPolicy::Reject ? DmarcPolicy::Quarantine : DmarcPolicy::None;
}

struct Discovery {
    std::optional<DmarcRecord> record;
    QByteArray domain;
    bool hasFailed = false;
};

// RFC 7489 §6.6.3: the author's domain, then its organisation's.
Discovery discover(const QByteArray &fromDomain, const QByteArray &organisation, TxtLookup &dns)
{
    for (const QByteArray &domain : {fromDomain, organisation}) {
        const TxtAnswer answer = dns.texts(dmarcName(domain));
        if (answer.kind == TxtAnswer::Kind::TemporaryFailure) {
            return {std::nullopt, domain, true};
        }
        if (auto record = chooseDmarcRecord(answer.records)) {
            return {std::move(record), domain, false};
        }
        if (fromDomain == organisation) {
            break;
        }
    }
    return {};
}

/// What libopendmarc is asked. The names of aligned domains are given as the author's own.
struct PolicyQuestion {
    QByteArray fromDomain;
    QByteArray organisation;  ///< Empty: the record is the author's own.
    QByteArray record;
    bool hasSpf = false;
    bool hasDkim = false;
};

struct PolicyAnswer {
    bool isPass = false;
    DmarcPolicy policy = DmarcPolicy::None;
    bool isSubdomainPolicy = false;
};

std::optional<PolicyAnswer> askOpendmarc(PolicyQuestion question)
{
    QByteArray address("127.0.0.1");  // It keeps the client's address for reports only.
    const PolicyPtr context(
        opendmarc_policy_connect_init(octets(address), DMARC_POLICY_IP_TYPE_IPV4));
    if (!context
        || opendmarc_policy_store_from_domain(context.get(), octets(question.fromDomain))
               != DMARC_PARSE_OKAY
        || opendmarc_policy_store_dmarc(
               context.get(), octets(question.record), octets(question.fromDomain),
               question.organisation.isEmpty() ? nullptr : octets(question.organisation))
               != DMARC_PARSE_OKAY) {
        return std::nullopt;
    }
    if (question.hasSpf) {
        opendmarc_policy_store_spf(context.get(), octets(question.fromDomain),
                                   DMARC_POLICY_SPF_OUTCOME_PASS, DMARC_POLICY_SPF_ORIGIN_MAILFROM,
                                   nullptr);
    }
    if (question.hasDkim) {
        QByteArray selector("s");
        opendmarc_policy_store_dkim(context.get(), octets(question.fromDomain), octets(selector),
                                    DMARC_POLICY_DKIM_OUTCOME_PASS, nullptr);
    }
    PolicyAnswer answer;
    switch (opendmarc_get_policy_to_enforce(context.get())) {
    case DMARC_POLICY_PASS:
        answer.isPass = true;
        break;
    case DMARC_POLICY_REJECT:
        answer.policy = DmarcPolicy::Reject;
        break;
    case DMARC_POLICY_QUARANTINE:
        answer.policy = DmarcPolicy::Quarantine;
        break;
    case DMARC_POLICY_NONE:
        break;
    default:
        return std::nullopt;
    }
    answer.isSubdomainPolicy = opendmarc_get_policy_token_used(context.get())
                               == DMARC_USED_POLICY_IS_SP;
    return answer;
}

void applySampling(DmarcFinding &finding, int drawn)
{
    finding.disposition = finding.policy;
    if (drawn >= finding.percentage && finding.policy != DmarcPolicy::None) {
        finding.isSampledOut = true;
        finding.disposition = softened(finding.policy);
    }
}

}  // namespace

std::vector<QByteArray> DmarcEvaluator::recordNames(const AuthorDomain &author) const
{
    if (author.isForged) {
        return {};
    }
    std::vector<QByteArray> names{dmarcName(author.domain)};
    const QByteArray organisation = m_suffixes.organisationOf(author.domain);
    if (organisation != author.domain) {
        names.push_back(dmarcName(organisation));
    }
    return names;
}

bool DmarcEvaluator::isSameOrganisation(const QByteArray &one, const QByteArray &other) const
{
    return one == other
           || (!one.isEmpty()
               && m_suffixes.organisationOf(one) == m_suffixes.organisationOf(other));
}

DmarcEvaluator::Aligned DmarcEvaluator::align(const DmarcEvidence &evidence,
                                              bool isDkimStrict,
                                              bool isSpfStrict) const
{
    const QByteArray &author = evidence.author.domain;
    const auto fits = [&](const QByteArray &domain, bool isStrict) {
        return isStrict ? domain == author : isSameOrganisation(domain, author);
    };
    Aligned aligned;
    if (evidence.spf && fits(spfDomain(*evidence.spf), isSpfStrict)) {
        if (evidence.spf->result == verdict::SpfResult::Pass) {
            aligned.spf = spfDomain(*evidence.spf);
        }
        aligned.isUncertain = evidence.spf->result == verdict::SpfResult::TempError;
    }
    for (const DkimFinding &signature : evidence.dkim) {
        if (!fits(signature.domain, isDkimStrict)) {
            continue;
        }
        if (signature.isTrustworthy() && !aligned.dkim) {
            aligned.dkim = &signature;
        }
        aligned.isUncertain = aligned.isUncertain || signature.result == DkimResult::TempError;
    }
    return aligned;
}

DmarcFinding DmarcEvaluator::evaluate(const DmarcEvidence &evidence,
                                      TxtLookup &dns,
                                      int drawn,
                                      const std::vector<QByteArray> &trustedSealers) const
{
    DmarcFinding finding;
    if (evidence.author.isForged) {
        finding.result = DmarcResult::PermError;
        finding.isForgedFrom = true;
        finding.reason = evidence.author.reason;
        return finding;
    }
    finding.fromDomain = evidence.author.domain;
    const QByteArray organisation = m_suffixes.organisationOf(finding.fromDomain);
    const Discovery discovery = discover(finding.fromDomain, organisation, dns);
    if (discovery.hasFailed) {
        finding.result = DmarcResult::TempError;
        finding.reason = "the DNS did not answer for _dmarc." + discovery.domain;
        return finding;
    }
    if (!discovery.record) {
        finding.reason = "no DMARC record";
        return finding;
    }
    const DmarcRecord &record = *discovery.record;
    finding.policyDomain = discovery.domain;
    finding.record = printable(record.text, 1000);
    finding.percentage = record.percentage;
    const Aligned aligned = align(evidence, record.isDkimStrict, record.isSpfStrict);
    finding.isSpfAligned = !aligned.spf.isEmpty();
    finding.isDkimAligned = aligned.dkim != nullptr;
    finding.alignedBy = aligned.dkim           ? "dkim=" + aligned.dkim->domain
                        : finding.isSpfAligned ? "spf=" + aligned.spf
                                               : QByteArray();
    const bool isInherited = discovery.domain != finding.fromDomain;
    const auto without = askOpendmarc({finding.fromDomain,
                                       isInherited ? organisation : QByteArray(),
                                       record.plainText(), false, false});
    const auto answer = askOpendmarc({finding.fromDomain, isInherited ? organisation : QByteArray(),
                                      record.plainText(), finding.isSpfAligned,
                                      finding.isDkimAligned});
    if (!without || !answer) {
        finding.result = DmarcResult::PermError;
        finding.reason = "the record could not be evaluated";
        return finding;
    }
    finding.policy = without->policy;
    finding.isSubdomainPolicy = without->isSubdomainPolicy;
    if (answer->isPass) {
        finding.result = DmarcResult::Pass;
        return finding;
    }
    if (aligned.isUncertain) {
        finding.result = DmarcResult::TempError;
        finding.reason = "SPF or DKIM of the domain could not be checked for now";
        return finding;
    }
    finding.result = DmarcResult::Fail;
    finding.reason = "neither SPF nor DKIM passed for " + finding.fromDomain;
    applySampling(finding, drawn);
    finding.excusedBy = excusingSealer(evidence.arc, finding.fromDomain, trustedSealers);
    if (!finding.excusedBy.isEmpty()) {
        finding.disposition = DmarcPolicy::None;
    }
    return finding;
}

QByteArray excusingSealer(const ArcFinding &arc,
                          const QByteArray &fromDomain,
                          const std::vector<QByteArray> &trustedSealers)
{
    if (arc.result != ArcResult::Pass) {
        return {};
    }
    for (auto set = arc.sets.rbegin(); set != arc.sets.rend(); ++set) {
        // A sealer that is not trusted may have changed the message before the trusted one saw it.
        if (std::find(trustedSealers.begin(), trustedSealers.end(), set->sealer)
            == trustedSealers.end()) {
            return {};
        }
        const auto results = parseAuthenticationResults(set->results);
        if (!results) {
            return {};
        }
        for (const MethodResult &result : results->results) {
            if (result.method == "dmarc" && result.result == "pass"
                && result.property("header.from").toLower() == fromDomain) {
                return set->sealer;
            }
        }
    }
    return {};
}

}  // namespace portcullis::authentication
