// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/Token.h"

#include <openssl/evp.h>

#include <new>

namespace portcullis::spam {

QByteArray tokenText(Token token)
{
    return QByteArray::number(token, 16).rightJustified(tokenBits / 4, '0');
}

std::optional<Token> tokenOfText(QByteArrayView text)
{
    bool isNumber = false;
    const Token token = text.toByteArray().toULongLong(&isNumber, 16);
    const bool isPlain = text.size() == tokenBits / 4 && text.front() != '+' && text.front() != '-';
    return isNumber && isPlain ? std::optional(token) : std::nullopt;
}

struct TokenHash::Context {
    EVP_MD_CTX *state = nullptr;
};

TokenHash::TokenHash()
    : m_context(new Context{EVP_MD_CTX_new()})
{
    // Fetched once: looking the algorithm up costs more than hashing a word.
    if (m_context->state == nullptr
        || EVP_DigestInit_ex2(m_context->state, EVP_sha1(), nullptr) != 1) {
        qFatal("SHA-1 is not available");
    }
}

TokenHash::~TokenHash()
{
    EVP_MD_CTX_free(m_context->state);
    delete m_context;
}

Token TokenHash::operator()(QByteArrayView text)
{
    unsigned char digest[20] = {};
    EVP_DigestInit_ex2(m_context->state, nullptr, nullptr);
    EVP_DigestUpdate(m_context->state, text.data(), size_t(text.size()));
    EVP_DigestFinal_ex(m_context->state, digest, nullptr);
    Token token = 0;
    for (int i = 15; i < 20; ++i) {
        token = token << 8 | digest[i];
    }
    return token;
}

}  // namespace portcullis::spam
