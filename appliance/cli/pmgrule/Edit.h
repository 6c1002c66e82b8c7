// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/rules/RuleStore.h"
#include "appliance/store/Database.h"
#include "shared/base/Result.h"

#include <optional>

namespace portcullis::cli::rule {

enum class Format { Text, Json };
enum class Activity { Active, Inactive };

/// The document in force and what it is.
struct LoadedDocument {
    rules::DocumentEntry entry;
    rules::RuleDocument document;
};
Result<LoadedDocument> loadDocument(store::Database &database);

/// Saves a changed document if `loaded` is still in force (`rules.conflict`), and says so.
Status saveDocument(store::Database &database, const LoadedDocument &loaded, const QString &note);

Status listRules(store::Database &database, Format format);

/// `rule` is an id or a name. Error `pmgrule.no-rule` (permanent).
Status showRule(store::Database &database, const QString &rule);
Status setActivity(store::Database &database, const QString &rule, Activity activity);

/// The document in force, on standard output.
Status exportRules(store::Database &database);

/// Reads and checks a document without saving it. Errors: `pmgrule.file`, `rules.document`.
Status checkFile(const QString &file);

/// Checks and saves. With `expected` only if that generation is still in force (`rules.conflict`).
Status importRules(store::Database &database,
                   const QString &file,
                   const QString &note,
                   std::optional<qint64> expected);

}  // namespace portcullis::cli::rule
