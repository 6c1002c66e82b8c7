// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/BayesSettings.h"
#include "appliance/spam/bayes/Token.h"

#include <utility>
#include <vector>

namespace portcullis::spam {

/// The texts of a message that tokens are made of, as octets.
struct TokenSources {
    using Field = std::pair<QByteArray, QByteArray>;  ///< Name as written, decoded value.
    std::vector<QByteArray> visible;
    std::vector<QByteArray> invisible;
    std::vector<QByteArray> uris;
    std::vector<Field> fields;          ///< Of the header, in order.
    std::vector<Field> metadata;        ///< "x-spam-relays-untrusted" … in lower case.
    std::vector<QByteArray> mimeParts;  ///< "sha1 in hexadecimal:type/subtype"
};

/// What a message is made of: each token once, with its text.
class TokenSet
{
public:
    struct Entry {
        Token token;
        qsizetype position;
        qsizetype length;
    };
    [[nodiscard]] const std::vector<Entry> &entries() const { return m_entries; }
    [[nodiscard]] qsizetype size() const { return static_cast<qsizetype>(m_entries.size()); }
    [[nodiscard]] QByteArrayView text(const Entry &entry) const
    {
        return QByteArrayView(m_texts).sliced(entry.position, entry.length);
    }
    [[nodiscard]] std::vector<Token> tokens() const;

private:
    friend class TokenCollector;
    QByteArray m_texts;
    std::vector<Entry> m_entries;
};

/// What bounds the work on one message; the numbers of tokens are SpamAssassin's.
struct TokenLimits {
    qsizetype bodyTokens = 50'000;
    qsizetype uriTokens = 10'000;
    qsizetype headerTokens = 10'000;
    qsizetype headerBytes = 65'536;
    int domainLabels = 64;  ///< Of one name; each makes a token. SpamAssassin has no bound here.
};

/// SpamAssassin 4.0.1's tokens of a message (Plugin::Bayes(3)). Not thread-safe: keeps its hash.
class Tokenizer
{
public:
    /// `settings` outlives the tokenizer.
    explicit Tokenizer(const BayesSettings &settings, TokenLimits limits = {});

    [[nodiscard]] TokenSet tokenize(const TokenSources &sources);

private:
    const BayesSettings &m_settings;
    TokenLimits m_limits;
    TokenHash m_hash;
};

}  // namespace portcullis::spam
