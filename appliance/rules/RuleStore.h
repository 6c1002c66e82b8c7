// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleDocument.h"

#include <optional>

namespace portcullis::rules {

/// Which saved document: the key of a row. The highest (term, generation) is in force.
struct DocumentKey {
    int cid = 1;   ///< The node that saved it.
    int term = 1;  ///< Grows when another node becomes master.
    qint64 generation = 0;
    friend auto operator<=>(const DocumentKey &, const DocumentKey &) = default;

    [[nodiscard]] QString toString() const;  ///< "1.4": term and generation, as pmgdb shows it.
};

/// Who saved a document, when and why.
struct DocumentEntry {
    DocumentKey key;
    Clock::WallTime savedAt{};
    QString author;
    QString note;
    QByteArray sha256;                   ///< Of the JSON text, hex.
    std::optional<qint64> restoredFrom;  ///< The generation that an undo brought back.
};

struct StoredDocument {
    DocumentEntry entry;
    QByteArray json;  ///< As saved; its checksum has been verified.
};

/// Documents with history. Nothing is ever changed or removed: undo saves an older one again.
///
/// Blocking; used on one thread. Errors of the storage pass through (`store.*`).
class RuleStore
{
public:
    virtual ~RuleStore() = default;

    /// The document in force. `rules.none` (permanent) if none was ever saved;
    /// `rules.checksum` (permanent) if it does not match its checksum.
    virtual Result<StoredDocument> current() = 0;
    virtual Result<StoredDocument> generation(qint64 generation) = 0;  ///< `rules.no-generation`.

    /// Newest first.
    virtual Result<std::vector<DocumentEntry>> history(int limit) = 0;

    /// Validates and saves. `expected` is the generation that the editor started from: if another
    /// one is in force by now, `rules.conflict` (transient) and nothing is saved.
    Result<DocumentEntry> save(const RuleDocument &document,
                               const QString &author,
                               const QString &note,
                               std::optional<qint64> expected = {});

    /// Saves an older document as a new generation: `generation`, or the one before the current.
    Result<DocumentEntry> undo(const QString &author, std::optional<qint64> generation = {});

    /// Saves the factory defaults if nothing was ever saved; true if it did.
    Result<bool> createDefaults();

protected:
    struct NewDocument {
        QByteArray json;
        QString author;
        QString note;
        std::optional<qint64> restoredFrom;
        std::optional<qint64> expected;
    };
    virtual Result<DocumentEntry> append(const NewDocument &document) = 0;
};

/// For tests and for programs without a database. Needs a clock that outlives it.
class MemoryRuleStore final : public RuleStore
{
public:
    explicit MemoryRuleStore(const Clock &clock = SystemClock::instance());

    Result<StoredDocument> current() override;
    Result<StoredDocument> generation(qint64 generation) override;
    Result<std::vector<DocumentEntry>> history(int limit) override;

protected:
    Result<DocumentEntry> append(const NewDocument &document) override;

private:
    const Clock &m_clock;
    std::vector<StoredDocument> m_documents;
};

}  // namespace portcullis::rules
