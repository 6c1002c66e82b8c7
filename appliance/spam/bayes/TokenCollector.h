// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/bayes/Tokenizer.h"

namespace portcullis::spam {

/// Gathers the texts of tokens, each once, and hashes them.
class TokenCollector
{
public:
    explicit TokenCollector(TokenHash &hash);

    void add(QByteArrayView prefix, QByteArrayView text);
    /// How many were added, repetitions counted: what the limits of a region are about.
    [[nodiscard]] qsizetype count() const { return m_count; }
    void beginRegion() { m_count = 0; }
    [[nodiscard]] TokenSet take();

private:
    void grow();
    [[nodiscard]] bool isText(const TokenSet::Entry &entry, QByteArrayView text) const;

    TokenHash &m_hash;
    TokenSet m_set;
    std::vector<quint64> m_hashes;  ///< Of the entries' texts, fast ones.
    std::vector<qint32> m_places;   ///< Hash table of entries; -1: free.
    qsizetype m_count = 0;
};

}  // namespace portcullis::spam
