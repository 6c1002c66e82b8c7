// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/ArcVerifier.h"

#include <QtCore/QCryptographicHash>

#include <algorithm>
#include <map>
#include <optional>

namespace portcullis::authentication {

namespace {

constexpr QByteArrayView c_resultsName = "ARC-Authentication-Results";
constexpr QByteArrayView c_signatureName = "ARC-Message-Signature";
constexpr QByteArrayView c_sealName = "ARC-Seal";

// "i=12" with blanks, at the start of an ARC-Authentication-Results (RFC 8617 §4.1.1); the position
// behind its semicolon. Nothing: there is no such thing.
std::optional<std::pair<int, qsizetype>> leadingInstance(QByteArrayView value)
{
    const qsizetype semicolon = value.indexOf(';');
    if (semicolon < 0) {
        return std::nullopt;
    }
    const auto tags = TagList::parse(value.first(semicolon));
    const auto number = tags ? decimal(tags->value("i")) : std::nullopt;
    if (!number || tags->tags().size() != 1) {
        return std::nullopt;
    }
    return std::pair(static_cast<int>(std::min<qint64>(*number, 1000)), semicolon + 1);
}

// All fields in one piece, since the seal hashes them so (RFC 8617 §5.1.1: always relaxed).
QByteArray relaxed(QByteArrayView field)
{
    return canonicalField(field, Canonicalization::Relaxed);
}

}  // namespace

ArcVerifier::ArcVerifier(ReceivedMessage &message, const AuthenticationLimits &limits)
    : m_message(message)
    , m_limits(limits)
{
    collect();
}

bool ArcVerifier::fail(const QByteArray &reason, size_t instance)
{
    m_finding.result = ArcResult::Fail;
    m_finding.reason = instance ? reason + " (i=" + QByteArray::number(qulonglong(instance)) + ')'
                                : reason;
    return false;
}

bool ArcVerifier::failForKey(const KeyRecord &key, const char *what, size_t instance)
{
    fail(QByteArray(what) + ": " + key.reason, instance);
    if (key.state == KeyRecord::State::Unavailable) {
        m_finding.result = ArcResult::TempError;
    }
    return false;
}

void ArcVerifier::collect()
{
    if (m_message.isOverLimit()) {
        // Nothing was found because nothing was looked at: that must not read as "none".
        fail("the header is too large");
        return;
    }
    const size_t most = std::max({m_message.fieldsNamed(c_resultsName).size(),
                                  m_message.fieldsNamed(c_signatureName).size(),
                                  m_message.fieldsNamed(c_sealName).size()});
    if (most == 0) {
        return;
    }
    m_finding.result = ArcResult::Pass;
    if (most > static_cast<size_t>(std::min(m_limits.arcSets, m_limits.arcSetsVerified))) {
        fail("too many ARC sets");
        return;
    }
    m_sets.resize(most);
    if (collectFields(c_resultsName, 0) && collectFields(c_signatureName, 1)
        && collectFields(c_sealName, 2)) {
        checkStructure();
    }
    for (const Set &set : m_sets) {
        const QByteArray value = set.results ? set.results->unfolded() : QByteArray();
        m_finding.sets.push_back({set.seal.domain, set.messageSignature.domain,
                                  value.mid(value.indexOf(';') + 1).trimmed()});
    }
}

bool ArcVerifier::collectFields(QByteArrayView name, int which)
{
    const auto fields = m_message.fieldsNamed(name);
    if (fields.size() != m_sets.size()) {
        return fail("not every ARC set has one " + name.toByteArray());
    }
    std::vector<bool> isSeen(m_sets.size());
    for (const mail::HeaderField *field : fields) {
        std::optional<qint64> instance;
        SignatureField signature;
        if (which == 0) {
            if (const auto leading = leadingInstance(field->rawValue())) {
                instance = leading->first;
            }
        } else {
            signature = readSignature(
                *field, which == 1 ? SignatureKind::ArcMessage : SignatureKind::ArcSeal, m_limits);
            instance = decimal(signature.tags.value("i"));
        }
        if (!instance || *instance < 1 || *instance > static_cast<qint64>(m_sets.size())) {
            return fail(name.toByteArray() + " has no i= that fits");
        }
        const auto index = static_cast<size_t>(*instance - 1);
        if (isSeen[index]) {
            return fail("two fields " + name.toByteArray(), index + 1);
        }
        isSeen[index] = true;
        Set &set = m_sets[index];
        if (which == 0) {
            set.results = field;
        } else {
            (which == 1 ? set.messageSignature : set.seal) = std::move(signature);
        }
    }
    return true;
}

void ArcVerifier::checkStructure()
{
    // RFC 8617 §5.2 point 2: somebody before us has seen the chain broken.
    if (m_sets.back().seal.tags.value("cv") == "fail") {
        fail("the last sealer found the chain broken", m_sets.size());
        return;
    }
    for (size_t i = 0; i < m_sets.size(); ++i) {
        const Set &set = m_sets[i];
        if (set.seal.state != SignatureField::State::Usable) {
            fail("ARC-Seal: " + set.seal.reason, i + 1);
            return;
        }
        // Point 3.B and 3.C: cv=none for the first, cv=pass for the others.
        if (set.seal.tags.value("cv") != (i == 0 ? "none" : "pass")) {
            fail("cv= is wrong", i + 1);
            return;
        }
    }
    const SignatureField &last = m_sets.back().messageSignature;
    if (last.state != SignatureField::State::Usable) {
        fail("ARC-Message-Signature: " + last.reason, m_sets.size());
        return;
    }
    // RFC 8617 §4.1.2 with RFC 6376 §5.4: a signature of ours must not cover the seals.
    const auto &names = last.signedNames;
    if (std::find(names.begin(), names.end(), "arc-seal") != names.end()) {
        fail("ARC-Message-Signature covers ARC-Seal", m_sets.size());
    }
}

std::vector<QByteArray> ArcVerifier::keyNames() const
{
    std::vector<QByteArray> names;
    if (m_finding.result != ArcResult::Pass) {
        return names;
    }
    const auto add = [&](const SignatureField &signature) {
        if (signature.state == SignatureField::State::Usable
            && std::find(names.begin(), names.end(), signature.nameOfKey()) == names.end()) {
            names.push_back(signature.nameOfKey());
        }
    };
    add(m_sets.back().messageSignature);
    for (const Set &set : m_sets) {
        add(set.seal);
    }
    for (const Set &set : m_sets) {
        add(set.messageSignature);
    }
    return names;
}

ArcFinding ArcVerifier::verify(TxtLookup &dns)
{
    if (m_finding.result == ArcResult::Pass && checkMessageSignatures(dns)) {
        checkSeals(dns);
    }
    return m_finding;
}

// RFC 8617 §5.2 points 4 and 5: the last must verify; how far back others still do is told.
bool ArcVerifier::checkMessageSignatures(TxtLookup &dns)
{
    for (size_t i = m_sets.size(); i > 0; --i) {
        const SignatureField &signature = m_sets[i - 1].messageSignature;
        const bool isLast = i == m_sets.size();
        const bool isUsable = signature.state == SignatureField::State::Usable;
        const KeyRecord key = isUsable ? readKey(dns.texts(signature.nameOfKey()), m_limits)
                                       : KeyRecord();
        if (isLast && key.state != KeyRecord::State::Usable) {
            return failForKey(key, "ARC-Message-Signature", i);
        }
        const bool isOpen = signature.bodyLength
                            && *signature.bodyLength
                                   < m_message.bodyHash(signature.canonicalization.body, {}).length;
        const SignatureCheck check = key.state == KeyRecord::State::Usable
                                         ? checkSignature(m_message, signature, key)
                                         : SignatureCheck::Unable;
        if (check == SignatureCheck::Good && !isOpen) {
            continue;
        }
        if (isLast) {
            return fail(isOpen ? "ARC-Message-Signature leaves part of the body open (l=)"
                        : check == SignatureCheck::BodyChanged
                            ? "the body is not what ARC-Message-Signature says"
                            : "ARC-Message-Signature does not verify",
                        i);
        }
        m_finding.oldestPass = static_cast<int>(i) + 1;
        break;
    }
    return true;
}

// Point 6. Each seal covers all sets up to its own, so the hash of the former ones goes on.
bool ArcVerifier::checkSeals(TxtLookup &dns)
{
    QByteArray former;
    for (size_t i = 0; i < m_sets.size(); ++i) {
        const Set &set = m_sets[i];
        former += relaxed(m_message.octets(*set.results)) + "\r\n"
                  + relaxed(m_message.octets(*set.messageSignature.field)) + "\r\n";
        const KeyRecord key = readKey(dns.texts(set.seal.nameOfKey()), m_limits);
        if (key.state != KeyRecord::State::Usable) {
            return failForKey(key, "ARC-Seal", i + 1);
        }
        QCryptographicHash hash(QCryptographicHash::Sha256);
        hash.addData(former);
        hash.addData(relaxed(withoutSignature(m_message, set.seal)));
        const bool isEd25519 = set.seal.algorithm == "ed25519-sha256";
        if (isEd25519 != (key.kind == KeyRecord::Kind::Ed25519)
            || !key.verifies(hash.result(), set.seal.signature)) {
            return fail("ARC-Seal does not verify", i + 1);
        }
        former += relaxed(m_message.octets(*set.seal.field)) + "\r\n";
    }
    return true;
}

}  // namespace portcullis::authentication
