// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleStore.h"
#include "appliance/store/Database.h"

namespace portcullis::rules {

/// Channel on which each saved rule document is announced; the payload is its generation.
inline constexpr char ruleDocumentChannel[] = "rule_document";

/// Rule documents in PostgreSQL (table rule_document). Belongs to the thread of its Database.
class PgRuleStore final : public RuleStore
{
public:
    explicit PgRuleStore(store::Database &database);

    Result<StoredDocument> current() override;
    Result<StoredDocument> generation(qint64 generation) override;
    Result<std::vector<DocumentEntry>> history(int limit) override;

protected:
    Result<DocumentEntry> append(const NewDocument &document) override;

private:
    store::Database &m_database;
};

}  // namespace portcullis::rules
