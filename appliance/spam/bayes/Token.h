// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QByteArray>
#include <QtCore/QByteArrayView>

#include <optional>

namespace portcullis::spam {

/// A token as SpamAssassin stores it: the last five octets of the SHA-1 of its text, as a number.
using Token = quint64;

inline constexpr int tokenBits = 40;

/// "f00dcafe01", as in sa-learn's backup.
QByteArray tokenText(Token token);
std::optional<Token> tokenOfText(QByteArrayView text);

/// Makes tokens of texts. Keeps the state of the hash, so make one and use it often. Not thread-safe.
class TokenHash
{
public:
    TokenHash();
    ~TokenHash();
    Q_DISABLE_COPY_MOVE(TokenHash)
    [[nodiscard]] Token operator()(QByteArrayView text);

private:
    struct Context;
    Context *m_context;
};

}  // namespace portcullis::spam
