// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/authentication/KeyRecord.h"

#include "appliance/authentication/TagList.h"

#include <QtCore/QList>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>

namespace portcullis::authentication {

namespace {

constexpr qsizetype c_ed25519KeyOctets = 32;
constexpr int c_ed25519Bits = 256;

using PkeyPtr = std::shared_ptr<EVP_PKEY>;

PkeyPtr owned(EVP_PKEY *key)
{
    ERR_clear_error();  // The queue is the thread's; nobody else wants our failures.
    return key ? PkeyPtr(key, EVP_PKEY_free) : PkeyPtr();
}

const unsigned char *octetsOf(QByteArrayView bytes)
{
    return reinterpret_cast<const unsigned char *>(bytes.data());
}

// RFC 6376 §3.6.1 says SubjectPublicKeyInfo; some publish the inner RSAPublicKey (its Appendix C did).
PkeyPtr readRsa(const QByteArray &der)
{
    const unsigned char *at = octetsOf(der);
    PkeyPtr key = owned(d2i_PUBKEY(nullptr, &at, der.size()));
    if (!key) {
        at = octetsOf(der);
        key = owned(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, der.size()));
    }
    return key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA ? key : PkeyPtr();
}

bool listHas(const QByteArray &list, QByteArrayView wanted)
{
    const auto items = list.split(':');
    return std::any_of(items.begin(), items.end(),
                       [&](const QByteArray &item) { return item.trimmed() == wanted; });
}

KeyRecord refused(KeyRecord record, KeyRecord::State state, const QByteArray &reason)
{
    record.state = state;
    record.reason = reason;
    return record;
}

// What the tags say, before the key itself is read; State::Usable: go on.
KeyRecord readTags(const TagList &tags, KeyRecord record)
{
    using State = KeyRecord::State;
    const auto broken = [&](const QByteArray &reason) {
        return refused(record, State::Broken, reason);
    };
    if (tags.has("v") && (tags.value("v") != "DKIM1" || tags.tags().front().name != "v")) {
        return broken("the key record is not of version DKIM1");
    }
    if (tags.has("h")) {
        record.allowsSha1 = listHas(tags.packed("h"), "sha1");
        record.allowsSha256 = listHas(tags.packed("h"), "sha256");
    }
    if (!record.allowsSha1 && !record.allowsSha256) {
        return broken("the key record allows no hash that is known");
    }
    if (tags.has("s") && !listHas(tags.packed("s"), "*") && !listHas(tags.packed("s"), "email")) {
        return broken("the key is not for e-mail");
    }
    const QByteArray kind = tags.has("k") ? tags.value("k") : QByteArray("rsa");
    if (kind != "rsa" && kind != "ed25519") {
        return broken("unknown key type " + printable(kind, 20));
    }
    record.kind = kind == "rsa" ? KeyRecord::Kind::Rsa : KeyRecord::Kind::Ed25519;
    record.isTesting = listHas(tags.packed("t"), "y");
    record.isStrictDomain = listHas(tags.packed("t"), "s");
    record.base64 = tags.packed("p");
    if (record.base64.isEmpty()) {
        // RFC 6376 §3.6.1 requires p=; a record that has lost it is a key that is gone, too.
        return refused(record, State::Revoked, "the key is revoked");
    }
    record.state = State::Usable;
    return record;
}

KeyRecord readRecord(const QByteArray &text, const AuthenticationLimits &limits)
{
    using State = KeyRecord::State;
    if (text.size() > limits.keyRecordBytes) {
        return refused({}, State::Broken, "the key record is too long");
    }
    const auto tags = TagList::parse(text);
    if (!tags) {
        return refused({}, State::Broken, "the key record cannot be read");
    }
    KeyRecord record = readTags(*tags, {});
    if (record.state != State::Usable) {
        return record;
    }
    const auto octets = strictBase64(record.base64);
    if (!octets) {
        return refused(record, State::Broken, "the key is not base64");
    }
    if (record.kind == KeyRecord::Kind::Ed25519) {
        if (octets->size() != c_ed25519KeyOctets) {
            return refused(record, State::Broken, "the Ed25519 key is not of 32 octets");
        }
        record.key = owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octetsOf(*octets),
                                                       static_cast<size_t>(octets->size())));
        record.bits = c_ed25519Bits;
    } else {
        record.key = readRsa(*octets);
        record.bits = record.key ? EVP_PKEY_get_bits(record.key.get()) : 0;
    }
    if (!record.key) {
        return refused(record, State::Broken, "the key cannot be read");
    }
    if (record.kind == KeyRecord::Kind::Rsa
        && (record.bits < limits.minimumKeyBits || record.bits > limits.maximumKeyBits)) {
        return refused(record, State::Unaccepted,
                       "RSA key of " + QByteArray::number(record.bits) + " bits (RFC 8301)");
    }
    return record;
}

bool verifyRsa(EVP_PKEY *key, QByteArrayView digest, QByteArrayView signature)
{
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
    return context && EVP_PKEY_verify_init(context.get()) > 0
           && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) > 0
           && EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) > 0
           && EVP_PKEY_verify(context.get(), octetsOf(signature),
                              static_cast<size_t>(signature.size()), octetsOf(digest),
                              static_cast<size_t>(digest.size()))
                  == 1;
}

bool verifyEd25519(EVP_PKEY *key, QByteArrayView digest, QByteArrayView signature)
{
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) > 0
           && EVP_DigestVerify(context.get(), octetsOf(signature),
                               static_cast<size_t>(signature.size()), octetsOf(digest),
                               static_cast<size_t>(digest.size()))
                  == 1;
}

}  // namespace

bool KeyRecord::verifies(QByteArrayView digest, QByteArrayView signature) const
{
    if (state != State::Usable || !key || !allowsSha256) {
        return false;
    }
    const bool isGood = kind == Kind::Rsa ? verifyRsa(key.get(), digest, signature)
                                          : verifyEd25519(key.get(), digest, signature);
    ERR_clear_error();
    return isGood;
}

QByteArray keyName(const QByteArray &selector, const QByteArray &domain)
{
    return (selector + "._domainkey." + domain).toLower();
}

KeyRecord readKey(const TxtAnswer &answer, const AuthenticationLimits &limits)
{
    using State = KeyRecord::State;
    switch (answer.kind) {
    case TxtAnswer::Kind::None:
        return refused({}, State::Missing, "no key in the DNS");
    case TxtAnswer::Kind::TemporaryFailure:
        return refused({}, State::Unavailable, "the DNS did not answer for the key");
    case TxtAnswer::Kind::Records:
        break;
    }
    for (const QByteArray &text : answer.records) {
        if (text.contains("p=")) {
            return readRecord(text, limits);
        }
    }
    if (answer.records.empty()) {
        return refused({}, State::Missing, "no key in the DNS");
    }
    return readRecord(answer.records.front(), limits);
}

}  // namespace portcullis::authentication
