// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/bayes/TokenCollector.h"

#include <QtCore/QHashFunctions>

#include <unordered_set>

namespace portcullis::spam {

namespace {
constexpr size_t firstPlaces = 1024;
}  // namespace

TokenCollector::TokenCollector(TokenHash &hash)
    : m_hash(hash)
    , m_places(firstPlaces, -1)
{
}

bool TokenCollector::isText(const TokenSet::Entry &entry, QByteArrayView text) const
{
    return m_set.text(entry) == text;
}

void TokenCollector::grow()
{
    m_places.assign(m_places.size() * 2, -1);
    const size_t mask = m_places.size() - 1;
    for (size_t i = 0; i < m_hashes.size(); ++i) {
        size_t place = m_hashes[i] & mask;
        while (m_places[place] >= 0) {
            place = (place + 1) & mask;
        }
        m_places[place] = qint32(i);
    }
}

void TokenCollector::add(QByteArrayView prefix, QByteArrayView text)
{
    ++m_count;
    const qsizetype length = prefix.size() + text.size();
    if (length == 0) {
        return;
    }
    // The text is put where it would stay, so that prefix and text are looked up as one.
    const qsizetype position = m_set.m_texts.size();
    m_set.m_texts.append(prefix).append(text);
    const QByteArrayView whole = QByteArrayView(m_set.m_texts).sliced(position, length);
    // Seeded per process by Qt: nobody can prepare words that collide.
    const quint64 hash = qHash(whole, QHashSeed::globalSeed());
    const size_t mask = m_places.size() - 1;
    size_t place = hash & mask;
    for (; m_places[place] >= 0; place = (place + 1) & mask) {
        const auto index = size_t(m_places[place]);
        if (m_hashes[index] == hash && isText(m_set.m_entries[index], whole)) {
            m_set.m_texts.truncate(position);
            return;
        }
    }
    m_places[place] = qint32(m_hashes.size());
    m_hashes.push_back(hash);
    m_set.m_entries.push_back({m_hash(whole), position, length});
    if (m_hashes.size() * 2 > m_places.size()) {
        grow();
    }
}

TokenSet TokenCollector::take()
{
    // Two texts with the same 40 bits are one token.
    std::unordered_set<Token> seen;
    seen.reserve(m_set.m_entries.size());
    std::erase_if(m_set.m_entries, [&seen](const TokenSet::Entry &entry) {
        return !seen.insert(entry.token).second;
    });
    return std::move(m_set);
}

}  // namespace portcullis::spam
