// SPDX-License-Identifier: GPL-2.0-or-later
#include "Forge.h"

#include "appliance/authentication/SignatureField.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace portcullis::authentication {

namespace {

const unsigned char *octets(const QByteArray &bytes)
{
    return reinterpret_cast<const unsigned char *>(bytes.constData());
}

QByteArray signDigest(const QByteArray &digest, const DkimKey &key)
{
    const QByteArray pem = key.toPem();
    BIO *bio = BIO_new_mem_buf(pem.constData(), static_cast<int>(pem.size()));
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    QByteArray signature(EVP_PKEY_get_size(pkey), '\0');
    auto size = static_cast<size_t>(signature.size());
    auto *out = reinterpret_cast<unsigned char *>(signature.data());
    if (key.kind() == DkimKey::Kind::Ed25519) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_DigestSignInit(context, nullptr, nullptr, nullptr, pkey);
        EVP_DigestSign(context, out, &size, octets(digest), static_cast<size_t>(digest.size()));
        EVP_MD_CTX_free(context);
    } else {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, nullptr);
        EVP_PKEY_sign_init(context);
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
        EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
        EVP_PKEY_sign(context, out, &size, octets(digest), static_cast<size_t>(digest.size()));
        EVP_PKEY_CTX_free(context);
    }
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return signature.left(static_cast<qsizetype>(size));
}

}  // namespace

QByteArray forgeSignature(const QByteArray &message, const QByteArray &tags, const DkimKey &key)
{
    const AuthenticationLimits limits;
    const auto list = TagList::parse(tags);
    const auto method = list ? parseCanonicalization(list->value("c")) : std::nullopt;
    ReceivedMessage plain(message, limits);
    const BodyHash body = plain.bodyHash(method ? method->body : Canonicalization::Simple,
                                         list && list->has("l") ? decimal(list->value("l"))
                                                                : std::nullopt);
    const QByteArray begin = "DKIM-Signature: " + tags + "; bh=" + body.digest.toBase64() + "; b=";
    const QByteArray whole = begin + "AAAA\r\n" + message;
    const ReceivedMessage unsignedMessage(whole, limits);
    const SignatureField field = readSignature(unsignedMessage.fields().front(),
                                               SignatureKind::Dkim, limits);
    return begin + signDigest(headerDigest(unsignedMessage, field), key).toBase64() + "\r\n";
}

QByteArray recordOfBits(int bits)
{
    BIGNUM *modulus = BN_new();
    BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BIGNUM *exponent = BN_new();
    BN_set_word(exponent, RSA_F4);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
    EVP_PKEY *key = nullptr;
    EVP_PKEY_fromdata_init(context);
    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    unsigned char *der = nullptr;
    const int size = i2d_PUBKEY(key, &der);
    const QByteArray text(reinterpret_cast<char *>(der), size);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(exponent);
    BN_free(modulus);
    return "v=DKIM1; k=rsa; p=" + text.toBase64();
}

const DkimKey &testKey()
{
    static const DkimKey key = [] {
        constexpr int c_bits = 2048;
        return *DkimKey::generate(c_bits);
    }();
    return key;
}

}  // namespace portcullis::authentication
