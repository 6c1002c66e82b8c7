// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/client/PeerVerifier.h"

#include <QtCore/QCryptographicHash>

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <memory>

namespace portcullis::smtp {

namespace {

using config::TlsLevel;

struct X509Deleter {
    void operator()(X509 *certificate) const { X509_free(certificate); }
};
using X509Pointer = std::unique_ptr<X509, X509Deleter>;

struct StackDeleter {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};

X509Pointer parseCertificate(const QByteArray &der)
{
    const auto *data = reinterpret_cast<const unsigned char *>(der.constData());
    return X509Pointer(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
}

/// SubjectPublicKeyInfo as encoded in the certificate.
QByteArray publicKeyOf(const QByteArray &certificateDer)
{
    const X509Pointer certificate = parseCertificate(certificateDer);
    if (!certificate) {
        return {};
    }
    unsigned char *encoded = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &encoded);
    if (length <= 0) {
        return {};
    }
    QByteArray key(reinterpret_cast<const char *>(encoded), length);
    OPENSSL_free(encoded);
    return key;
}

Error peerError(const char *id, const QString &reason)
{
    return Error::transient(id, reason);
}

constexpr quint8 trustAnchor = 2;  // DANE-TA
constexpr quint8 endEntity = 3;    // DANE-EE

bool matchesRecord(const TlsaRecord &record, const QByteArray &certificateDer)
{
    const QByteArray selected = record.selector == 0 ? certificateDer : publicKeyOf(certificateDer);
    if (selected.isEmpty()) {
        return false;
    }
    switch (record.matching) {
    case 0:
        return selected == record.data;
    case 1:
        return QCryptographicHash::hash(selected, QCryptographicHash::Sha256) == record.data;
    case 2:
        return QCryptographicHash::hash(selected, QCryptographicHash::Sha512) == record.data;
    default:
        return false;
    }
}

/// Whether the peer's certificate is signed, directly or through the others, by `anchor`.
bool chainsTo(const std::vector<QByteArray> &chain, const QByteArray &anchor)
{
    struct StoreDeleter {
        void operator()(X509_STORE *store) const { X509_STORE_free(store); }
    };
    struct ContextDeleter {
        void operator()(X509_STORE_CTX *context) const { X509_STORE_CTX_free(context); }
    };
    const X509Pointer leaf = parseCertificate(chain.front());
    const X509Pointer root = parseCertificate(anchor);
    const std::unique_ptr<X509_STORE, StoreDeleter> store(X509_STORE_new());
    const std::unique_ptr<X509_STORE_CTX, ContextDeleter> context(X509_STORE_CTX_new());
    const std::unique_ptr<STACK_OF(X509), StackDeleter> others(sk_X509_new_null());
    if (!leaf || !root || !store || !context || !others) {
        return false;
    }
    for (size_t i = 1; i < chain.size(); ++i) {
        if (X509Pointer certificate = parseCertificate(chain[i])) {
            sk_X509_push(others.get(), certificate.release());
        }
    }
    X509_STORE_add_cert(store.get(), root.get());
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), others.get()) != 1) {
        return false;
    }
    X509_STORE_CTX_set_default(context.get(), "ssl_server");
    return X509_verify_cert(context.get()) == 1;
}

bool hasDnsName(const QSslCertificate &certificate)
{
    return certificate.subjectAlternativeNames().contains(QSsl::DnsEntry);
}

bool matchesAnyName(const QSslCertificate &certificate, const std::vector<QByteArray> &names)
{
    return std::any_of(names.begin(), names.end(), [&](const QByteArray &name) {
        return certificateMatchesName(certificate, name);
    });
}

Status verifyDane(const PeerPolicy &policy, const PeerCertificates &peer)
{
    constexpr size_t maxChain = 16;
    std::vector<QByteArray> chain;
    for (const QSslCertificate &certificate : peer.chain) {
        if (chain.size() < maxChain) {
            chain.push_back(certificate.toDer());
        }
    }
    bool isNameWrong = false;
    for (const TlsaRecord &record : policy.tlsa) {
        if (record.usage == endEntity) {
            if (matchesRecord(record, chain.front())) {
                return ok();  // RFC 7672 §3.1.1: neither names nor dates count.
            }
            continue;
        }
        std::vector<QByteArray> anchors;
        std::copy_if(chain.begin() + 1, chain.end(), std::back_inserter(anchors),
                     [&](const QByteArray &der) { return matchesRecord(record, der); });
        if (record.selector == 0 && record.matching == 0) {
            anchors.push_back(record.data);  // The anchor itself is in DNS (RFC 7671 §5.2.2).
        }
        for (const QByteArray &anchor : anchors) {
            if (chainsTo(chain, anchor)) {
                if (matchesAnyName(peer.chain.front(), policy.daneNames)) {
                    return ok();
                }
                isNameWrong = true;
            }
        }
    }
    return isNameWrong
               ? peerError("tls.peer-name",
                           QStringLiteral("the certificate has another name (DANE-TA)"))
               : peerError("tls.peer-tlsa",
                           QStringLiteral("no certificate matches the TLSA records (DANE)"));
}

Status verifyFingerprint(const PeerPolicy &policy, const PeerCertificates &peer)
{
    const QByteArray certificate = peer.chain.front().toDer();
    const QByteArray key = publicKeyOf(certificate);
    for (const QByteArray &text : policy.match) {
        const QByteArray wanted = QByteArray::fromHex(QByteArray(text).replace(':', ""));
        for (const auto algorithm :
             {QCryptographicHash::Sha1, QCryptographicHash::Sha256, QCryptographicHash::Sha512}) {
            if (wanted.size() == QCryptographicHash::hashLength(algorithm)
                && (QCryptographicHash::hash(certificate, algorithm) == wanted
                    || QCryptographicHash::hash(key, algorithm) == wanted)) {
                return ok();
            }
        }
    }
    return peerError(
        "tls.peer-fingerprint",
        QStringLiteral("the certificate has another fingerprint: SHA-256 %1")
            .arg(QString::fromLatin1(
                QCryptographicHash::hash(certificate, QCryptographicHash::Sha256).toHex(':'))));
}

const char *idOf(QSslError::SslError error)
{
    switch (error) {
    case QSslError::CertificateExpired:
    case QSslError::CertificateNotYetValid:
        return "tls.peer-expired";
    default:
        return "tls.peer-untrusted";
    }
}

Status verifyChainAndName(const PeerPolicy &policy, const PeerCertificates &peer)
{
    for (const QSslError &error : peer.errors) {
        if (error.error() != QSslError::NoError && error.error() != QSslError::HostNameMismatch) {
            return peerError(idOf(error.error()), error.errorString());
        }
    }
    const QSslCertificate &certificate = peer.chain.front();
    if ((policy.ignoresCommonName && !hasDnsName(certificate))
        || !matchesAnyName(certificate, policy.match)) {
        return peerError(
            "tls.peer-name",
            QStringLiteral("the certificate has another name than %1")
                .arg(QString::fromUtf8(
                    QByteArrayList(policy.match.begin(), policy.match.end()).join(" or "))));
    }
    return ok();
}

bool nameMatches(const QByteArray &pattern, const QByteArray &name)
{
    if (name.startsWith('.')) {
        return pattern.size() > name.size() && pattern.endsWith(name);
    }
    if (!pattern.startsWith("*.")) {
        return pattern == name;
    }
    const qsizetype firstDot = name.indexOf('.');
    // "*.com" would be too much to believe; the RFC leaves it to us.
    return firstDot > 0 && pattern.count('.') >= 2
           && QByteArrayView(name).sliced(firstDot) == QByteArrayView(pattern).sliced(1);
}

}  // namespace

bool TlsaRecord::isUsable() const
{
    return (usage == trustAnchor || usage == endEntity) && selector <= 1 && matching <= 2;
}

std::optional<TlsaRecord> TlsaRecord::fromRdata(QByteArrayView rdata)
{
    if (rdata.size() < 4) {
        return std::nullopt;
    }
    TlsaRecord record{static_cast<quint8>(rdata[0]), static_cast<quint8>(rdata[1]),
                      static_cast<quint8>(rdata[2]), rdata.sliced(3).toByteArray()};
    if ((record.matching == 1 && record.data.size() != 32)
        || (record.matching == 2 && record.data.size() != 64)) {
        return std::nullopt;
    }
    return record;
}

bool PeerPolicy::needsTls() const
{
    return level != TlsLevel::None && level != TlsLevel::May && !isAdvisory;
}

bool PeerPolicy::asksForProof() const
{
    return level != TlsLevel::None && level != TlsLevel::May && level != TlsLevel::Encrypt;
}

Status verifyPeer(const PeerPolicy &policy, const PeerCertificates &peer)
{
    if (!policy.asksForProof()) {
        return ok();
    }
    if (peer.chain.empty() || peer.chain.front().isNull()) {
        return peerError("tls.peer-missing", QStringLiteral("the server showed no certificate"));
    }
    switch (policy.level) {
    case TlsLevel::Dane:
    case TlsLevel::DaneOnly:
        return verifyDane(policy, peer);
    case TlsLevel::Fingerprint:
        return verifyFingerprint(policy, peer);
    default:
        return verifyChainAndName(policy, peer);
    }
}

bool certificateMatchesName(const QSslCertificate &certificate, const QByteArray &name)
{
    const QByteArray wanted = name.toLower();
    const QStringList dnsNames = certificate.subjectAlternativeNames().values(QSsl::DnsEntry);
    // RFC 6125 §6.4.4: the common name is looked at only where there is no DNS name.
    const QStringList names = dnsNames.isEmpty()
                                  ? certificate.subjectInfo(QSslCertificate::CommonName)
                                  : dnsNames;
    return std::any_of(names.begin(), names.end(), [&](const QString &candidate) {
        return nameMatches(candidate.toLower().toUtf8(), wanted);
    });
}

}  // namespace portcullis::smtp
