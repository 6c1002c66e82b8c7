// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/cli/pmgrule/Edit.h"

#include "appliance/cli/support/Terminal.h"
#include "appliance/cli/support/User.h"
#include "appliance/rules/PgRuleStore.h"
#include "appliance/rules/RuleText.h"

#include <QtCore/QFile>
#include <QtCore/QJsonArray>
#include <QtCore/QJsonObject>

namespace portcullis::cli::rule {

namespace {

Result<int> findRule(const rules::RuleDocument &document, const QString &wanted)
{
    bool isNumber = false;
    const int id = wanted.toInt(&isNumber);
    if (isNumber && document.rule(id) != nullptr) {
        return id;
    }
    for (const rules::Rule &rule : document.rules) {
        if (rule.name == wanted) {
            return rule.id;
        }
    }
    return Error::permanent("pmgrule.no-rule", QStringLiteral("there is no rule '%1'").arg(wanted));
}

Result<rules::RuleDocument> readFile(const QString &path)
{
    QFile file(path);
    const bool isOpen = path == QLatin1String("-") ? file.open(stdin, QIODevice::ReadOnly)
                                                   : file.open(QIODevice::ReadOnly);
    if (!isOpen) {
        return Error::permanent("pmgrule.file", path + QStringLiteral(": ") + file.errorString());
    }
    const auto document = rules::RuleDocument::fromJson(
        file.read(rules::DocumentLimits{}.bytes + 1));
    if (!document) {
        return Error::permanent("rules.document",
                                path + QStringLiteral(": ") + document.error().detail);
    }
    return document;
}

QString categoryText(const rules::RuleDocument &document,
                     const rules::Rule &rule,
                     rules::Category category)
{
    QStringList names;
    for (const int id : rule.groupsOf(category)) {
        const rules::Group *group = document.group(id);
        names << (group != nullptr ? group->name : QString::number(id));
    }
    return names.isEmpty() ? QStringLiteral("-") : printable(names.join(QStringLiteral(", ")));
}

void printTable(const rules::RuleDocument &document)
{
    std::vector<QStringList> rows{{QStringLiteral("ID"), QStringLiteral("PRIO"),
                                   QStringLiteral("ACTIVE"), QStringLiteral("DIR"),
                                   QStringLiteral("NAME"), QStringLiteral("FROM"),
                                   QStringLiteral("TO"), QStringLiteral("WHEN"),
                                   QStringLiteral("WHAT"), QStringLiteral("ACTION")}};
    for (const rules::Rule *rule : document.rulesInOrder()) {
        QStringList row{QString::number(rule->id), QString::number(rule->priority),
                        rule->isActive ? QStringLiteral("yes") : QStringLiteral("no"),
                        rules::directionName(rule->direction), printable(rule->name)};
        for (const auto category :
             {rules::Category::From, rules::Category::To, rules::Category::When,
              rules::Category::What, rules::Category::Action}) {
            row << categoryText(document, *rule, category);
        }
        rows.push_back(row);
    }
    print(table(rows));
}

}  // namespace

Result<LoadedDocument> loadDocument(store::Database &database)
{
    rules::PgRuleStore store(database);
    const rules::StoredDocument current = TRY(store.current());
    auto document = TRY(rules::RuleDocument::fromTrustedJson(current.json));
    return LoadedDocument{current.entry, std::move(document)};
}

Status saveDocument(store::Database &database, const LoadedDocument &loaded, const QString &note)
{
    rules::PgRuleStore store(database);
    const auto entry = TRY(
        store.save(loaded.document, userName(), note, loaded.entry.key.generation));
    print(QStringLiteral("Saved as generation %1.\n").arg(entry.key.generation));
    return ok();
}

Status listRules(store::Database &database, Format format)
{
    const LoadedDocument loaded = TRY(loadDocument(database));
    if (format == Format::Text) {
        printTable(loaded.document);
        return ok();
    }
    QJsonArray rules;
    for (const rules::Rule *rule : loaded.document.rulesInOrder()) {
        rules.append(QJsonObject{{QStringLiteral("id"), rule->id},
                                 {QStringLiteral("name"), rule->name},
                                 {QStringLiteral("priority"), rule->priority},
                                 {QStringLiteral("active"), rule->isActive},
                                 {QStringLiteral("direction"), static_cast<int>(rule->direction)}});
    }
    printJson(rules);
    return ok();
}

Status showRule(store::Database &database, const QString &rule)
{
    const LoadedDocument loaded = TRY(loadDocument(database));
    const int id = TRY(findRule(loaded.document, rule));
    print(rules::ruleText(loaded.document, *loaded.document.rule(id)));
    return ok();
}

Status setActivity(store::Database &database, const QString &rule, Activity activity)
{
    LoadedDocument loaded = TRY(loadDocument(database));
    const int id = TRY(findRule(loaded.document, rule));
    rules::Rule *found = loaded.document.rule(id);
    found->isActive = activity == Activity::Active;
    const QString note = QStringLiteral("%1 rule %2 '%3'")
                             .arg(found->isActive ? QStringLiteral("enable")
                                                  : QStringLiteral("disable"))
                             .arg(id)
                             .arg(found->name);
    return saveDocument(database, loaded, note);
}

Status exportRules(store::Database &database)
{
    rules::PgRuleStore store(database);
    printBytes(TRY(store.current()).json);
    return ok();
}

Status checkFile(const QString &file)
{
    const auto document = TRY(readFile(file));
    print(QStringLiteral("%1 rules and %2 groups are in order.\n")
              .arg(document.rules.size())
              .arg(document.groups.size()));
    return ok();
}

Status importRules(store::Database &database,
                   const QString &file,
                   const QString &note,
                   std::optional<qint64> expected)
{
    rules::RuleDocument document = TRY(readFile(file));
    const auto current = loadDocument(database);
    if (current) {
        // Numbers that were used once are not given to something else by an import.
        document.nextRuleId = std::max(document.nextRuleId, current->document.nextRuleId);
        document.nextGroupId = std::max(document.nextGroupId, current->document.nextGroupId);
        document.nextObjectId = std::max(document.nextObjectId, current->document.nextObjectId);
    } else if (current.error().id != "rules.none") {
        return current.error();
    }
    rules::PgRuleStore store(database);
    const auto entry = TRY(store.save(document, userName(), note, expected));
    print(QStringLiteral("Saved as generation %1.\n").arg(entry.key.generation));
    return ok();
}

}  // namespace portcullis::cli::rule
