// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/DkimKey.h"

#include "appliance/authentication/TagList.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <climits>

namespace portcullis::authentication {

namespace {

using KeyPtr = std::shared_ptr<EVP_PKEY>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

constexpr int c_shortestRsa = 1024;
constexpr int c_longestRsa = 8192;
constexpr qsizetype c_longestString = 255;  // RFC 1035 §3.3
constexpr qsizetype c_longestPem = 64 * 1024;
constexpr qsizetype c_ed25519Octets = 32;

Error keyError(const QString &detail)
{
    ERR_clear_error();
    return Error::permanent("dkim.key", detail);
}

int noPassword(char * /*buffer*/, int /*size*/, int /*isWriting*/, void * /*data*/)
{
    return -1;  // Without this OpenSSL would ask on the terminal.
}

QByteArray contentOf(BIO *bio)
{
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? QByteArray(data, size) : QByteArray();
}

}  // namespace

struct DkimKey::Private {
    KeyPtr key;
    Kind kind = Kind::Rsa;
    int bits = 0;

    static Result<DkimKey> wrap(EVP_PKEY *raw)
    {
        if (!raw) {
            return keyError(QStringLiteral("not a private key in PEM, or protected by a password"));
        }
        auto key = std::make_shared<Private>();
        key->key = KeyPtr(raw, EVP_PKEY_free);
        key->bits = EVP_PKEY_get_bits(raw);
        const int type = EVP_PKEY_get_base_id(raw);
        if (type != EVP_PKEY_RSA && type != EVP_PKEY_ED25519) {
            return keyError(QStringLiteral("neither an RSA nor an Ed25519 key"));
        }
        key->kind = type == EVP_PKEY_RSA ? Kind::Rsa : Kind::Ed25519;
        if (type == EVP_PKEY_RSA && (key->bits < c_shortestRsa || key->bits > c_longestRsa)) {
            return keyError(
                QStringLiteral("an RSA key of %1 bits; 1024 to 8192 are possible").arg(key->bits));
        }
        DkimKey result;
        result.d = std::move(key);
        return result;
    }
};

Result<DkimKey> DkimKey::fromPem(const QByteArray &pem)
{
    if (pem.size() > c_longestPem) {
        return keyError(QStringLiteral("the file is too large for a key"));
    }
    const BioPtr bio(BIO_new_mem_buf(pem.constData(), static_cast<int>(pem.size())), BIO_free);
    return Private::wrap(PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassword, nullptr));
}

Result<DkimKey> DkimKey::generate(int bits)
{
    if (bits < c_shortestRsa || bits > c_longestRsa || bits % CHAR_BIT != 0) {
        return keyError(QStringLiteral("RSA keys have 1024 to 8192 bits, in steps of 8"));
    }
    return Private::wrap(EVP_RSA_gen(static_cast<unsigned int>(bits)));
}

Result<DkimKey> DkimKey::generateEd25519()
{
    return Private::wrap(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

DkimKey::Kind DkimKey::kind() const
{
    return d->kind;
}

int DkimKey::bits() const
{
    return d->bits;
}

QByteArray DkimKey::toPem() const
{
    const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
    if (d->kind == Kind::Rsa) {
        PEM_write_bio_PrivateKey_traditional(bio.get(), d->key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr);
    } else {
        PEM_write_bio_PrivateKey(bio.get(), d->key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    }
    return contentOf(bio.get());
}

QByteArray DkimKey::signEd25519(QByteArrayView octets) const
{
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    QByteArray signature(2 * c_ed25519Octets, '\0');
    auto size = static_cast<size_t>(signature.size());
    const bool isSigned = d->kind == Kind::Ed25519 && context
                          && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                                d->key.get())
                                 > 0
                          && EVP_DigestSign(
                                 context.get(), reinterpret_cast<unsigned char *>(signature.data()),
                                 &size, reinterpret_cast<const unsigned char *>(octets.data()),
                                 static_cast<size_t>(octets.size()))
                                 > 0;
    return isSigned ? signature : QByteArray();
}

QByteArray DkimKey::publicBase64() const
{
    if (d->kind == Kind::Ed25519) {
        // RFC 8463 §4.2: the 32 octets themselves.
        QByteArray octets(c_ed25519Octets, '\0');
        auto size = static_cast<size_t>(octets.size());
        EVP_PKEY_get_raw_public_key(d->key.get(), reinterpret_cast<unsigned char *>(octets.data()),
                                    &size);
        return octets.toBase64();
    }
    const BioPtr bio(BIO_new(BIO_s_mem()), BIO_free);
    i2d_PUBKEY_bio(bio.get(), d->key.get());
    return contentOf(bio.get()).toBase64();
}

QByteArray DkimKey::recordText() const
{
    return (d->kind == Kind::Rsa ? "v=DKIM1; h=sha256; k=rsa; p="
                                 : "v=DKIM1; h=sha256; k=ed25519; p=")
           + publicBase64();
}

QByteArray DkimKey::zoneLine(const QByteArray &selector, const QByteArray &domain) const
{
    const QByteArray text = recordText();
    // The tags in a string of their own, as opendkim-genkey and PMG show it.
    const qsizetype keyBegin = text.indexOf("p=");
    QByteArray line = selector + "._domainkey" + (domain.isEmpty() ? domain : '.' + domain + '.')
                      + "\tIN\tTXT\t( \"" + text.left(keyBegin) + '"';
    for (qsizetype at = keyBegin; at < text.size(); at += c_longestString) {
        line += "\n\t  \"" + text.mid(at, c_longestString) + '"';
    }
    return line + " )  ; ----- DKIM key " + selector + '\n';
}

bool isSelector(const QByteArray &text)
{
    return isDomainName(text, 1);
}

}  // namespace portcullis::authentication
