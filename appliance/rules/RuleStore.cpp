// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RuleStore.h"

#include <QtCore/QCryptographicHash>

namespace portcullis::rules {

namespace {

Error noSuchGeneration(qint64 generation)
{
    return Error::permanent("rules.no-generation",
                            QStringLiteral("there is no generation %1").arg(generation));
}

}  // namespace

QString DocumentKey::toString() const
{
    return QStringLiteral("%1.%2").arg(term).arg(generation);
}

Result<DocumentEntry> RuleStore::save(const RuleDocument &document,
                                      const QString &author,
                                      const QString &note,
                                      std::optional<qint64> expected)
{
    TRY(document.validate());
    return append({document.toJson(), author, note, {}, expected});
}

Result<DocumentEntry> RuleStore::undo(const QString &author, std::optional<qint64> generation)
{
    const qint64 newest = TRY(current()).entry.key.generation;
    qint64 wanted = generation.value_or(0);
    if (!generation) {
        const auto entries = TRY(history(2));
        if (entries.size() < 2) {
            return Error::permanent("rules.no-generation",
                                    QStringLiteral("there is nothing to undo"));
        }
        wanted = entries[1].key.generation;
    }
    const StoredDocument older = TRY(this->generation(wanted));
    // Older releases may have accepted what is refused today.
    TRY(RuleDocument::fromJson(older.json));
    return append(
        {older.json, author, QStringLiteral("back to generation %1").arg(wanted), wanted, newest});
}

Result<bool> RuleStore::createDefaults()
{
    const auto existing = current();
    if (existing) {
        return false;
    }
    if (existing.error().id != "rules.none") {
        return existing.error();
    }
    const auto saved = append({factoryDefaults().toJson(),
                               QStringLiteral("system"),
                               QStringLiteral("factory defaults"),
                               {},
                               0});
    if (!saved && saved.error().id == "rules.conflict") {
        return false;  // Another starter was quicker.
    }
    TRY(saved);
    return true;
}

MemoryRuleStore::MemoryRuleStore(const Clock &clock)
    : m_clock(clock)
{
}

Result<StoredDocument> MemoryRuleStore::current()
{
    if (m_documents.empty()) {
        return Error::permanent("rules.none", QStringLiteral("no rules were ever saved"));
    }
    return m_documents.back();
}

Result<StoredDocument> MemoryRuleStore::generation(qint64 generation)
{
    for (const StoredDocument &document : m_documents) {
        if (document.entry.key.generation == generation) {
            return document;
        }
    }
    return noSuchGeneration(generation);
}

Result<std::vector<DocumentEntry>> MemoryRuleStore::history(int limit)
{
    std::vector<DocumentEntry> entries;
    for (auto it = m_documents.rbegin();
         it != m_documents.rend() && static_cast<int>(entries.size()) < limit; ++it) {
        entries.push_back(it->entry);
    }
    return entries;
}

Result<DocumentEntry> MemoryRuleStore::append(const NewDocument &document)
{
    const qint64 newest = m_documents.empty() ? 0 : m_documents.back().entry.key.generation;
    if (document.expected && *document.expected != newest) {
        return Error::transient("rules.conflict",
                                QStringLiteral("generation %1 is in force, not %2")
                                    .arg(newest)
                                    .arg(*document.expected));
    }
    const DocumentEntry entry{
        {1, 1, newest + 1},
        m_clock.wall(),
        document.author,
        document.note,
        QCryptographicHash::hash(document.json, QCryptographicHash::Sha256).toHex(),
        document.restoredFrom};
    m_documents.push_back({entry, document.json});
    return entry;
}

}  // namespace portcullis::rules
