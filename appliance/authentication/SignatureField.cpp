// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/SignatureField.h"

#include "shared/base/Result.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QList>
#include <QtCore/QUrl>

#include <algorithm>

namespace portcullis::authentication {

namespace {

using State = SignatureField::State;

// dkim-quoted-printable (RFC 6376 §2.11), white space already gone.
QByteArray decodeQuoted(const QByteArray &text)
{
    QByteArray result;
    for (qsizetype i = 0; i < text.size(); ++i) {
        bool isOctet = false;
        const int octet = text[i] == '=' ? text.mid(i + 1, 2).toInt(&isOctet, 16) : 0;
        result.append(isOctet ? static_cast<char>(octet) : text[i]);
        i += isOctet ? 2 : 0;
    }
    return result;
}

/// Reads the tags one after the other; the first that is wrong ends it.
class SignatureReader
{
public:
    SignatureReader(SignatureField &signature,
                    SignatureKind kind,
                    const AuthenticationLimits &limits)
        : m_signature(signature)
        , m_tags(signature.tags)
        , m_kind(kind)
        , m_limits(limits)
    {
    }

    void read()
    {
        const bool isUsable = readOrigin() && readMethod() && readTimes() && readCoverage();
        if (isUsable) {
            m_signature.state = State::Usable;
        }
    }

private:
    bool broken(const QByteArray &reason) { return refuse(State::Broken, reason); }
    bool unsupported(const QByteArray &reason) { return refuse(State::Unsupported, reason); }

    bool refuse(State state, const QByteArray &reason)
    {
        m_signature.state = state;
        m_signature.reason = reason;
        return false;
    }

    bool readOrigin()
    {
        m_signature.algorithm = m_tags.value("a");
        m_signature.domain = asciiName(m_tags.value("d"));
        m_signature.selector = asciiName(m_tags.value("s"));
        if (!isDomainName(m_signature.domain)) {
            m_signature.domain.clear();
            return broken("d= is no domain name");
        }
        if (!isDomainName(m_signature.selector, 1)) {
            m_signature.selector.clear();
            return broken("s= is no selector");
        }
        // A name that the DNS cannot carry must not be asked for.
        return isDomainName(m_signature.nameOfKey()) || broken("the name of the key is too long");
    }

    static QByteArray asciiName(const QByteArray &name)
    {
        // RFC 8616: U-labels may stand in the fields of an internationalized message.
        const bool isAscii = std::all_of(
            name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
        return isAscii ? name.toLower()
                       : QUrl::toAce(QString::fromUtf8(name), QUrl::IgnoreIDNWhitelist);
    }

    bool readMethod()
    {
        const QByteArray &algorithm = m_signature.algorithm;
        if (algorithm.isEmpty()) {
            return broken("a= is missing");
        }
        const bool isSha1 = algorithm == "rsa-sha1" && m_kind == SignatureKind::Dkim;
        if (algorithm != "rsa-sha256" && algorithm != "ed25519-sha256" && !isSha1) {
            return unsupported("unknown algorithm " + printable(algorithm, 30));
        }
        const auto signature = strictBase64(m_tags.packed("b"));
        if (!signature) {
            return broken("b= is missing or not base64");
        }
        m_signature.signature = *signature;
        if (m_kind == SignatureKind::ArcSeal) {
            return true;
        }
        // RFC 6376 §3.5 says simple/simple. RFC 8617 §4.1.2 refers to it, but the suite of its authors
        // and dkimpy take relaxed/relaxed, which is how such fields are signed.
        const QByteArray silence = m_kind == SignatureKind::Dkim ? "simple/simple"
                                                                 : "relaxed/relaxed";
        const auto pair = parseCanonicalization(m_tags.has("c") ? m_tags.value("c") : silence);
        if (!pair) {
            return unsupported("unknown canonicalization");
        }
        m_signature.canonicalization = *pair;
        return readVersionAndQuery();
    }

    bool readVersionAndQuery()
    {
        if (m_kind != SignatureKind::Dkim) {
            return true;
        }
        if (!m_tags.has("v")) {
            return broken("v= is missing");
        }
        if (m_tags.value("v") != "1") {
            return unsupported("unknown version");
        }
        if (m_tags.has("q")) {
            const auto methods = m_tags.packed("q").split(':');
            if (!methods.contains("dns/txt") && !methods.contains("dns")) {
                return unsupported("unknown query method");
            }
        }
        return true;
    }

    bool readTimes()
    {
        m_signature.signedAt = decimal(m_tags.value("t"));
        m_signature.expires = decimal(m_tags.value("x"));
        if ((m_tags.has("t") && !m_signature.signedAt)
            || (m_tags.has("x") && !m_signature.expires)) {
            return broken("t= or x= is no time");
        }
        if (m_signature.signedAt && m_signature.expires
            && *m_signature.expires <= *m_signature.signedAt) {
            return broken("x= is not behind t=");
        }
        return true;
    }

    bool readCoverage()
    {
        if (m_kind == SignatureKind::ArcSeal) {
            // RFC 8617 §4.1.3: a seal covers the ARC fields; h= means that somebody misread it.
            return !m_tags.has("h") || broken("a seal has no h=");
        }
        const auto hash = strictBase64(m_tags.packed("bh"));
        if (!hash) {
            return broken("bh= is missing or not base64");
        }
        m_signature.bodyHash = *hash;
        if (m_tags.has("l")) {
            m_signature.bodyLength = decimal(m_tags.value("l"));
            if (!m_signature.bodyLength) {
                return broken("l= is no number");
            }
        }
        return readSignedNames() && (m_kind == SignatureKind::ArcMessage || readIdentity());
    }

    bool readSignedNames()
    {
        if (!m_tags.has("h")) {
            return broken("h= is missing");
        }
        for (const QByteArray &name : m_tags.packed("h").toLower().split(':')) {
            m_signature.signedNames.push_back(name);
        }
        if (static_cast<int>(m_signature.signedNames.size()) > m_limits.signedFields) {
            return broken("h= names too many fields");
        }
        const bool hasFrom = std::find(m_signature.signedNames.begin(),
                                       m_signature.signedNames.end(), "from")
                             != m_signature.signedNames.end();
        // RFC 6376 §5.4: From MUST be signed. RFC 8617 §4.1.2 does not ask for it.
        return hasFrom || m_kind == SignatureKind::ArcMessage || broken("h= does not name From");
    }

    bool readIdentity()
    {
        if (!m_tags.has("i")) {
            return true;
        }
        const QByteArray identity = decodeQuoted(m_tags.packed("i"));
        m_signature.identity = identity;
        const QByteArray domain = asciiName(identity.mid(identity.lastIndexOf('@') + 1));
        const bool isWithin = domain == m_signature.domain
                              || domain.endsWith('.' + m_signature.domain);
        return (identity.contains('@') && isWithin) || broken("i= is not within d=");
    }

    SignatureField &m_signature;
    const TagList &m_tags;
    SignatureKind m_kind;
    const AuthenticationLimits &m_limits;
};

}  // namespace

SignatureField readSignature(const mail::HeaderField &field,
                             SignatureKind kind,
                             const AuthenticationLimits &limits)
{
    SignatureField signature;
    signature.field = &field;
    if (field.rawValue().size() > limits.signatureBytes) {
        signature.reason = "the field is too long";
        return signature;
    }
    auto tags = TagList::parse(field.rawValue());
    if (!tags) {
        signature.reason = "the tags cannot be read";
        return signature;
    }
    signature.tags = std::move(*tags);
    SignatureReader(signature, kind, limits).read();
    return signature;
}

QByteArray withoutSignature(const ReceivedMessage &message, const SignatureField &signature)
{
    const QByteArrayView octets = message.octets(*signature.field);
    const TagList::Tag *tag = signature.tags.find("b");
    if (!tag) {
        return octets.toByteArray();
    }
    const qsizetype value = signature.field->rawValue().data() - octets.data();
    QByteArray result = octets.first(value + tag->span.begin).toByteArray();
    return result.append(octets.sliced(std::min(value + tag->span.end, octets.size())));
}

QByteArray headerDigest(const ReceivedMessage &message, const SignatureField &signature)
{
    QCryptographicHash hash(QCryptographicHash::Sha256);
    const Canonicalization method = signature.canonicalization.header;
    for (const mail::HeaderField *field : message.select(signature.signedNames)) {
        if (field) {
            hash.addData(canonicalField(message.octets(*field), method));
            hash.addData("\r\n");
        }
    }
    hash.addData(canonicalField(withoutSignature(message, signature), method));
    return hash.result();
}

SignatureCheck checkSignature(ReceivedMessage &message,
                              const SignatureField &signature,
                              const KeyRecord &key)
{
    const bool isEd25519 = signature.algorithm == "ed25519-sha256";
    if (!isEd25519 && signature.algorithm != "rsa-sha256") {
        return SignatureCheck::Unable;
    }
    if (isEd25519 != (key.kind == KeyRecord::Kind::Ed25519)) {
        return SignatureCheck::HeaderChanged;
    }
    const BodyHash body = message.bodyHash(signature.canonicalization.body, signature.bodyLength);
    if (body.digest != signature.bodyHash
        || (signature.bodyLength && *signature.bodyLength > body.length)) {
        return SignatureCheck::BodyChanged;
    }
    return key.verifies(headerDigest(message, signature), signature.signature)
               ? SignatureCheck::Good
               : SignatureCheck::HeaderChanged;
}

}  // namespace portcullis::authentication
