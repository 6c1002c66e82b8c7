// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgdb/Commands.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/rules/PgRuleStore.h"
#include "appliance/rules/RuleText.h"
#include "appliance/store/Administration.h"
#include "appliance/store/Migrations.h"

namespace portcullis::cli::db {

namespace {

Result<std::unique_ptr<store::Database>> openCurrent(const store::DatabaseSettings &settings)
{
    auto database = TRY(store::Database::open(settings));
    TRY(store::checkSchema(*database));
    return database;
}

void printSaved(const rules::DocumentEntry &entry)
{
    print(QStringLiteral("Saved as generation %1.\n").arg(entry.key.generation));
}

bool isSelected(const rules::Rule &rule, Selection selection)
{
    return selection == Selection::All || rule.isActive == (selection == Selection::Active);
}

}  // namespace

Status initialise(const store::DatabaseSettings &settings, Existing existing)
{
    if (existing == Existing::Replace) {
        TRY(store::dropDatabase(settings));
    }
    if (TRY(store::createDatabaseIfMissing(settings))) {
        print(QStringLiteral("Created database '%1'.\n").arg(settings.name));
    }
    TRY(update(settings));
    const auto database = TRY(store::Database::open(settings));
    rules::PgRuleStore rules(*database);
    if (TRY(rules.createDefaults())) {
        print(QStringLiteral("Saved the factory rules.\n"));
    } else {
        print(QStringLiteral("There are rules already; they stay. 'pmgdb reset' brings the factory "
                             "rules back.\n"));
    }
    return ok();
}

Status reset(const store::DatabaseSettings &settings, const QString &author)
{
    const auto database = TRY(openCurrent(settings));
    rules::PgRuleStore store(*database);
    const auto current = store.current();
    rules::RuleDocument document = rules::factoryDefaults();
    std::optional<qint64> expected;
    if (current) {
        expected = current->entry.key.generation;
        document = rules::resetKeepingAllowList(
            TRY(rules::RuleDocument::fromTrustedJson(current->json)));
    } else if (current.error().id != "rules.none") {
        return current.error();
    }
    printSaved(TRY(store.save(document, author, QStringLiteral("factory reset"), expected)));
    return ok();
}

Status dump(const store::DatabaseSettings &settings, Selection selection)
{
    const auto database = TRY(openCurrent(settings));
    rules::PgRuleStore store(*database);
    const auto current = TRY(store.current());
    const auto document = TRY(rules::RuleDocument::fromTrustedJson(current.json));
    for (const rules::Rule *rule : document.rulesInOrder()) {
        if (isSelected(*rule, selection)) {
            print(rules::ruleText(document, *rule) + QLatin1Char('\n'));
        }
    }
    return ok();
}

Status drop(const store::DatabaseSettings &settings)
{
    TRY(store::dropDatabase(settings));
    print(QStringLiteral("Deleted database '%1'.\n").arg(settings.name));
    return ok();
}

Status update(const store::DatabaseSettings &settings)
{
    const auto database = TRY(store::Database::open(settings));
    const QStringList applied = TRY(store::migrate(*database));
    for (const QString &name : applied) {
        print(QStringLiteral("Applied %1\n").arg(name));
    }
    if (applied.isEmpty()) {
        print(QStringLiteral("The schema is up to date.\n"));
    }
    return ok();
}

Status history(const store::DatabaseSettings &settings, int limit)
{
    const auto database = TRY(openCurrent(settings));
    rules::PgRuleStore store(*database);
    std::vector<QStringList> rows{{QStringLiteral("GENERATION"), QStringLiteral("TERM"),
                                   QStringLiteral("NODE"), QStringLiteral("SAVED"),
                                   QStringLiteral("AUTHOR"), QStringLiteral("NOTE")}};
    for (const rules::DocumentEntry &entry : TRY(store.history(limit))) {
        rows.push_back({QString::number(entry.key.generation), QString::number(entry.key.term),
                        QString::number(entry.key.cid), localTime(entry.savedAt),
                        printable(entry.author), printable(entry.note)});
    }
    print(table(rows));
    return ok();
}

Status undo(const store::DatabaseSettings &settings,
            const QString &author,
            std::optional<qint64> generation)
{
    const auto database = TRY(openCurrent(settings));
    rules::PgRuleStore store(*database);
    const auto entry = TRY(store.undo(author, generation));
    print(QStringLiteral("Generation %1 is in force again.\n").arg(entry.restoredFrom.value_or(0)));
    printSaved(entry);
    return ok();
}

}  // namespace portcullis::cli::db
