// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/DkimVerifier.h"

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_prefixLength = 8;  // RFC 6008 §4

DkimFinding describe(const SignatureField &signature)
{
    DkimFinding finding;
    finding.domain = signature.domain;
    finding.selector = signature.selector;
    finding.algorithm = printable(signature.algorithm, 30);
    finding.identity = printable(signature.identity);
    finding.signaturePrefix = printable(signature.tags.packed("b").left(c_prefixLength));
    return finding;
}

}  // namespace

DkimVerifier::DkimVerifier(ReceivedMessage &message,
                           const AuthenticationLimits &limits,
                           const std::function<bool(const QByteArray &domain)> &isPreferred)
    : m_message(message)
    , m_limits(limits)
{
    const auto fields = message.fieldsNamed("DKIM-Signature");
    std::vector<SignatureField> preferred;
    std::vector<SignatureField> others;
    const size_t seen = std::min(fields.size(), static_cast<size_t>(limits.signaturesSeen));
    for (size_t i = 0; i < seen; ++i) {
        SignatureField signature = readSignature(*fields[i], SignatureKind::Dkim, limits);
        auto &list = signature.state == SignatureField::State::Usable
                             && isPreferred(signature.domain)
                         ? preferred
                         : others;
        list.push_back(std::move(signature));
    }
    // One that cannot be read must not take the place of one that can.
    std::stable_partition(others.begin(), others.end(), [](const SignatureField &signature) {
        return signature.state == SignatureField::State::Usable;
    });
    preferred.insert(preferred.end(), std::make_move_iterator(others.begin()),
                     std::make_move_iterator(others.end()));
    preferred.resize(
        std::min(preferred.size(), static_cast<size_t>(std::max(0, limits.signaturesVerified))));
    m_unchecked = static_cast<int>(fields.size() - preferred.size());
    std::sort(preferred.begin(), preferred.end(),
              [](const SignatureField &one, const SignatureField &other) {
                  return one.field->span().begin < other.field->span().begin;
              });
    for (SignatureField &signature : preferred) {
        DkimFinding finding = describe(signature);
        m_candidates.push_back({std::move(signature), {}, std::move(finding)});
    }
}

std::vector<QByteArray> DkimVerifier::keyNames() const
{
    std::vector<QByteArray> names;
    for (const Candidate &candidate : m_candidates) {
        if (candidate.signature.state == SignatureField::State::Usable
            && std::find(names.begin(), names.end(), candidate.signature.nameOfKey())
                   == names.end()) {
            names.push_back(candidate.signature.nameOfKey());
        }
    }
    return names;
}

std::vector<DkimFinding> DkimVerifier::verify(TxtLookup &dns,
                                              const OpendkimLibrary &library,
                                              qint64 now)
{
    for (Candidate &candidate : m_candidates) {
        checkField(candidate, now);
        if (candidate.isOpen) {
            checkKey(candidate, dns);
        }
    }
    checkOctets(library);
    std::vector<DkimFinding> findings;
    for (Candidate &candidate : m_candidates) {
        distrust(candidate);
        findings.push_back(candidate.finding);
    }
    return findings;
}

void DkimVerifier::decide(Candidate &candidate, DkimResult result, const QByteArray &reason)
{
    candidate.finding.result = result;
    candidate.finding.reason = reason;
    candidate.isOpen = false;
}

void DkimVerifier::checkField(Candidate &candidate, qint64 now)
{
    const SignatureField &signature = candidate.signature;
    const qint64 skew = m_limits.clockSkew.count();
    if (signature.state == SignatureField::State::Broken) {
        decide(candidate, DkimResult::PermError, signature.reason);
    } else if (signature.state == SignatureField::State::Unsupported) {
        // RFC 8601 §2.7.1: "not otherwise able to be processed".
        decide(candidate, DkimResult::Neutral, signature.reason);
    } else if (m_message.isOverLimit()) {
        decide(candidate, DkimResult::Neutral, "the header is too large to be verified");
    } else if (m_message.fieldsNamed("From").empty()) {
        decide(candidate, DkimResult::PermError, "the message has no From");
    } else if (signature.algorithm == "rsa-sha1" && !m_limits.isSha1Accepted) {
        decide(candidate, DkimResult::Policy, "rsa-sha1 is not accepted (RFC 8301)");
    } else if (signature.expires && *signature.expires + skew < now) {
        decide(candidate, DkimResult::Fail, "the signature has expired");
    } else if (signature.signedAt && *signature.signedAt - skew > now) {
        decide(candidate, DkimResult::Fail, "the signature is dated in the future");
    }
}

void DkimVerifier::checkKey(Candidate &candidate, TxtLookup &dns)
{
    using State = KeyRecord::State;
    candidate.key = readKey(dns.texts(candidate.signature.nameOfKey()), m_limits);
    const KeyRecord &key = candidate.key;
    candidate.finding.keyBits = key.bits;
    candidate.finding.isTesting = key.isTesting;
    const bool isEd25519 = candidate.signature.algorithm == "ed25519-sha256";
    if (key.state == State::Unavailable) {
        decide(candidate, DkimResult::TempError, key.reason);
    } else if (key.state == State::Unaccepted) {
        decide(candidate, DkimResult::Policy, key.reason);
    } else if (key.state != State::Usable) {
        decide(candidate, DkimResult::PermError, key.reason);
    } else if (candidate.signature.algorithm == "rsa-sha1" ? !key.allowsSha1 : !key.allowsSha256) {
        decide(candidate, DkimResult::PermError, "the key does not allow this hash (h=)");
    } else if (isEd25519 != (key.kind == KeyRecord::Kind::Ed25519)) {
        decide(candidate, DkimResult::PermError, "the key is of another type than a=");
    } else if (key.isStrictDomain && !candidate.signature.identity.isEmpty()
               && !candidate.signature.identity.toLower().endsWith('@'
                                                                   + candidate.signature.domain)) {
        decide(candidate, DkimResult::PermError, "the key does not allow subdomains in i= (t=s)");
    }
}

void DkimVerifier::checkOctets(const OpendkimLibrary &library)
{
    std::vector<KeyedSignature> fitting;
    std::vector<Candidate *> owners;
    for (Candidate &candidate : m_candidates) {
        const KeyedSignature keyed{&candidate.signature, &candidate.key};
        if (!candidate.isOpen) {
            continue;
        }
        const auto &length = candidate.signature.bodyLength;
        const auto method = candidate.signature.canonicalization.body;
        if (length && *length > m_message.bodyHash(method, {}).length) {
            decide(candidate, DkimResult::Fail, "l= is more than the body has");
            continue;
        }
        if (OpendkimLibrary::fits(m_message, keyed)) {
            fitting.push_back(keyed);
            owners.push_back(&candidate);
        } else {
            conclude(candidate, checkSignature(m_message, candidate.signature, candidate.key));
        }
    }
    const auto outcomes = library.verify(m_message, fitting);
    for (size_t i = 0; i < owners.size(); ++i) {
        conclude(*owners[i], outcomes[i]);
    }
}

void DkimVerifier::conclude(Candidate &candidate, SignatureCheck check)
{
    switch (check) {
    case SignatureCheck::Good:
        decide(candidate, DkimResult::Pass, {});
        break;
    case SignatureCheck::BodyChanged:
        decide(candidate, DkimResult::Fail, "the body has changed");
        break;
    case SignatureCheck::HeaderChanged:
        decide(candidate, DkimResult::Fail, "the signature does not fit the message");
        break;
    case SignatureCheck::Unable:
        decide(candidate, DkimResult::Neutral, "the signature could not be verified");
        break;
    }
}

// What a good signature still is not worth.
void DkimVerifier::distrust(Candidate &candidate)
{
    DkimFinding &finding = candidate.finding;
    if (finding.result != DkimResult::Pass) {
        return;
    }
    const SignatureField &signature = candidate.signature;
    const bool hasOneFrom = m_message.fieldsNamed("From").size() == 1;
    if (!hasOneFrom) {
        // RFC 6376 §8.15: it signs one of them, and readers may show the other.
        decide(candidate, DkimResult::Policy, "the message has several From fields");
        return;
    }
    if (signature.bodyLength
        && *signature.bodyLength < m_message.bodyHash(signature.canonicalization.body, {}).length) {
        finding.isBodyOpen = true;
        finding.reason = "l= leaves part of the body unsigned";
    }
}

}  // namespace portcullis::authentication
