// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/PgRuleStore.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDateTime>

namespace portcullis::rules {

namespace {

constexpr char selectCurrent[] =
    "SELECT cid, term, generation, saved_at, author, note, restored_from, sha256, document"
    " FROM rule_document_current";
// Of two terms with the same generation the one in force: the newer.
constexpr char selectGeneration[] =
    "SELECT cid, term, generation, saved_at, author, note, restored_from, sha256, document"
    " FROM rule_document WHERE generation = ? ORDER BY term DESC, cid LIMIT 1";
constexpr char selectHistory[] =
    "SELECT cid, term, generation, saved_at, author, note, restored_from, sha256"
    " FROM rule_document ORDER BY term DESC, generation DESC, cid LIMIT ?";
constexpr char selectNewest[] = "SELECT generation FROM rule_document_current";
constexpr char selectTerm[] = "SELECT term FROM current_master";
constexpr char insertDocument[] =
    "INSERT INTO rule_document"
    " (cid, term, generation, saved_at, author, note, restored_from, sha256, document)"
    " VALUES (?, ?, ?, clock_timestamp(), ?, ?, ?, ?, ?)";
// Two savers at once: the second waits, and then sees that its expectation no longer holds.
constexpr char lockTable[] = "LOCK TABLE rule_document IN SHARE ROW EXCLUSIVE MODE";

DocumentEntry entryOf(const store::Row &row)
{
    DocumentEntry entry;
    entry.key = {row[0].toInt(), row[1].toInt(), row[2].toLongLong()};
    entry.savedAt = Clock::WallTime(
        std::chrono::milliseconds(row[3].toDateTime().toMSecsSinceEpoch()));
    entry.author = row[4].toString();
    entry.note = row[5].toString();
    if (!row[6].isNull()) {
        entry.restoredFrom = row[6].toLongLong();
    }
    entry.sha256 = row[7].toByteArray().toHex();
    return entry;
}

Result<StoredDocument> documentOf(const store::Row &row)
{
    StoredDocument stored{entryOf(row), qUncompress(row[8].toByteArray())};
    if (QCryptographicHash::hash(stored.json, QCryptographicHash::Sha256).toHex()
        != stored.entry.sha256) {
        return Error::permanent("rules.checksum",
                                QStringLiteral("generation %1 does not match its checksum")
                                    .arg(stored.entry.key.toString()));
    }
    return stored;
}

}  // namespace

PgRuleStore::PgRuleStore(store::Database &database)
    : m_database(database)
{
}

Result<StoredDocument> PgRuleStore::current()
{
    const store::Rows rows = TRY(m_database.query(selectCurrent));
    if (rows.isEmpty()) {
        return Error::permanent("rules.none", QStringLiteral("no rules were ever saved"));
    }
    return documentOf(rows.first());
}

Result<StoredDocument> PgRuleStore::generation(qint64 generation)
{
    const store::Rows rows = TRY(m_database.query(selectGeneration, {generation}));
    if (rows.isEmpty()) {
        return Error::permanent("rules.no-generation",
                                QStringLiteral("there is no generation %1").arg(generation));
    }
    return documentOf(rows.first());
}

Result<std::vector<DocumentEntry>> PgRuleStore::history(int limit)
{
    std::vector<DocumentEntry> entries;
    const store::Rows rows = TRY(m_database.query(selectHistory, {limit}));
    for (const store::Row &row : rows) {
        entries.push_back(entryOf(row));
    }
    return entries;
}

Result<DocumentEntry> PgRuleStore::append(const NewDocument &document)
{
    qint64 saved = 0;
    const int cid = TRY(m_database.nodeId());
    const Status done = m_database.inTransaction([&]() -> Status {
        TRY(m_database.runScript(QString::fromLatin1(lockTable)));  // LOCK cannot be prepared.
        const store::Rows newest = TRY(m_database.query(selectNewest));
        const qint64 inForce = newest.isEmpty() ? 0 : newest.first().first().toLongLong();
        if (document.expected && *document.expected != inForce) {
            return Error::transient("rules.conflict",
                                    QStringLiteral("generation %1 is in force, not %2")
                                        .arg(inForce)
                                        .arg(*document.expected));
        }
        const store::Rows term = TRY(m_database.query(selectTerm));
        saved = inForce + 1;
        TRY(m_database.execute(
            insertDocument,
            {cid, term.first().first().toInt(), saved, document.author, document.note,
             document.restoredFrom ? QVariant(*document.restoredFrom) : QVariant(),
             QCryptographicHash::hash(document.json, QCryptographicHash::Sha256),
             qCompress(document.json)}));
        return ok();
    });
    TRY(done);
    return TRY(generation(saved)).entry;
}

}  // namespace portcullis::rules
