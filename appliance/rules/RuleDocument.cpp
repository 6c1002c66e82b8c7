// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RuleDocument.h"

#include "appliance/rules/ObjectKinds.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QJsonDocument>
#include <QtCore/QSet>

#include <algorithm>

namespace portcullis::rules {

namespace {

Error documentError(const QString &detail)
{
    return Error::permanent("rules.document", detail);
}

QString placeOf(const Group &group)
{
    return QStringLiteral("group %1 '%2'").arg(group.id).arg(group.name);
}

QString placeOf(const Rule &rule)
{
    return QStringLiteral("rule %1 '%2'").arg(rule.id).arg(rule.name);
}

Status checkName(const QString &place, const QString &name, const DocumentLimits &limits)
{
    if (name.trimmed().isEmpty()) {
        return documentError(place + QStringLiteral(": name: must not be empty"));
    }
    if (name.size() > limits.nameLength) {
        return documentError(
            place + QStringLiteral(": name: longer than %1 characters").arg(limits.nameLength));
    }
    const bool hasControl = std::any_of(
        name.begin(), name.end(), [](QChar c) { return c.category() == QChar::Other_Control; });
    if (hasControl) {
        return documentError(place + QStringLiteral(": name: holds a control character"));
    }
    return ok();
}

bool fitsInto(const ObjectKind &kind, GroupClass groupClass)
{
    return groupClass == GroupClass::Greylist ? kind.inGreylist : kind.groupClass == groupClass;
}

bool isPatternType(ObjectType type)
{
    const ObjectKind *kind = kindOf(type);
    return kind != nullptr
           && std::any_of(kind->properties.begin(), kind->properties.end(),
                          [](const auto &spec) { return spec.form == PropertySpec::Form::Regex; });
}

/// Counts and numbers seen so far while a document is checked.
struct Census {
    QSet<int> ruleIds;
    QSet<int> groupIds;
    QSet<int> objectIds;
    int patterns = 0;
    int allowLists = 0;
};

Status checkType(const QString &place, const Group &group, const Object &object)
{
    const ObjectKind *kind = kindOf(object.type);
    if (kind == nullptr || !fitsInto(*kind, group.groupClass)) {
        return documentError(place
                             + QStringLiteral(": type %1 does not belong into a '%2' group")
                                   .arg(static_cast<int>(object.type))
                                   .arg(QString::fromLatin1(nameOf(group.groupClass))));
    }
    return ok();
}

Status checkGroup(const Group &group,
                  const RuleDocument &document,
                  const DocumentLimits &limits,
                  Census &census)
{
    const QString place = placeOf(group);
    TRY(checkName(place, group.name, limits));
    if (group.info.size() > limits.nameLength) {
        return documentError(
            place + QStringLiteral(": info: longer than %1 characters").arg(limits.nameLength));
    }
    if (group.id < 1 || group.id >= document.nextGroupId || census.groupIds.contains(group.id)) {
        return documentError(place + QStringLiteral(": the id is used twice or out of range"));
    }
    census.groupIds.insert(group.id);
    if (group.groupClass == GroupClass::Action && group.objects.size() != 1) {
        return documentError(place + QStringLiteral(": an action holds exactly one object"));
    }
    census.allowLists += group.groupClass == GroupClass::Greylist ? 1 : 0;
    if (census.allowLists > 1) {
        return documentError(place + QStringLiteral(": there is one group of class greylist only"));
    }
    for (const Object &object : group.objects) {
        const QString objectPlace = place + QStringLiteral(", object %1").arg(object.id);
        if (object.id < 1 || object.id >= document.nextObjectId
            || census.objectIds.contains(object.id)) {
            return documentError(objectPlace
                                 + QStringLiteral(": the id is used twice or out of range"));
        }
        census.objectIds.insert(object.id);
        census.patterns += isPatternType(object.type) ? 1 : 0;
        if (census.objectIds.size() > limits.objects || census.patterns > limits.regexObjects) {
            return documentError(objectPlace
                                 + QStringLiteral(": more than %1 objects or %2 patterns in all")
                                       .arg(limits.objects)
                                       .arg(limits.regexObjects));
        }
        TRY(checkType(objectPlace, group, object));
    }
    return ok();
}

Status checkRule(const Rule &rule,
                 const RuleDocument &document,
                 const DocumentLimits &limits,
                 Census &census)
{
    const QString place = placeOf(rule);
    TRY(checkName(place, rule.name, limits));
    if (rule.id < 1 || rule.id >= document.nextRuleId || census.ruleIds.contains(rule.id)) {
        return documentError(place + QStringLiteral(": the id is used twice or out of range"));
    }
    census.ruleIds.insert(rule.id);
    if (rule.priority < 0 || rule.priority > 100) {
        return documentError(place + QStringLiteral(": priority: must be 0 to 100"));
    }
    for (size_t i = 0; i < categoryCount; ++i) {
        const auto category = static_cast<Category>(i);
        const QString where = place + QLatin1String(": ") + QLatin1String(nameOf(category));
        QSet<int> seen;
        for (const int id : rule.groups[i]) {
            const Group *group = document.group(id);
            if (group == nullptr || group->groupClass != classFor(category)) {
                return documentError(where
                                     + QStringLiteral(": there is no '%1' group %2")
                                           .arg(QLatin1String(nameOf(classFor(category))))
                                           .arg(id));
            }
            if (seen.contains(id)) {
                return documentError(where + QStringLiteral(": group %1 is there twice").arg(id));
            }
            seen.insert(id);
        }
    }
    return ok();
}

template<typename Items>
auto *findById(Items &items, int id)
{
    const auto found = std::find_if(items.begin(), items.end(),
                                    [id](const auto &item) { return item.id == id; });
    return found == items.end() ? nullptr : &*found;
}

}  // namespace

Status RuleDocument::validate(const DocumentLimits &limits) const
{
    TRY(validateStructure(limits));
    for (const Group &group : groups) {
        for (const Object &object : group.objects) {
            const auto checked = checkedObject(object);
            if (!checked) {
                return documentError(QStringLiteral("%1, object %2: %3")
                                         .arg(placeOf(group))
                                         .arg(object.id)
                                         .arg(checked.error().detail));
            }
        }
    }
    return ok();
}

Status RuleDocument::validateStructure(const DocumentLimits &limits) const
{
    if (rules.size() > static_cast<size_t>(limits.rules)) {
        return documentError(QStringLiteral("more than %1 rules").arg(limits.rules));
    }
    if (groups.size() > static_cast<size_t>(limits.groups)) {
        return documentError(QStringLiteral("more than %1 groups").arg(limits.groups));
    }
    Census census;
    for (const Group &group : groups) {
        TRY(checkGroup(group, *this, limits, census));
    }
    for (const Rule &rule : rules) {
        TRY(checkRule(rule, *this, limits, census));
    }
    return ok();
}

const Group *RuleDocument::group(int id) const
{
    return findById(groups, id);
}

Group *RuleDocument::group(int id)
{
    return findById(groups, id);
}

const Rule *RuleDocument::rule(int id) const
{
    return findById(rules, id);
}

Rule *RuleDocument::rule(int id)
{
    return findById(rules, id);
}

std::vector<const Rule *> RuleDocument::rulesUsing(int groupId) const
{
    std::vector<const Rule *> users;
    for (const Rule &rule : rules) {
        const bool uses = std::any_of(
            rule.groups.begin(), rule.groups.end(), [groupId](const auto &ids) {
                return std::find(ids.begin(), ids.end(), groupId) != ids.end();
            });
        if (uses) {
            users.push_back(&rule);
        }
    }
    return users;
}

std::vector<const Rule *> RuleDocument::rulesInOrder() const
{
    std::vector<const Rule *> ordered;
    for (const Rule &rule : rules) {
        ordered.push_back(&rule);
    }
    std::sort(ordered.begin(), ordered.end(), [](const Rule *a, const Rule *b) {
        return std::pair(a->priority, a->id) > std::pair(b->priority, b->id);
    });
    return ordered;
}

QByteArray RuleDocument::digest() const
{
    RuleDocument relevant;
    QSet<int> used;
    for (const Rule *rule : rulesInOrder()) {
        if (rule->isActive) {
            relevant.rules.push_back(*rule);
            for (const auto &ids : rule->groups) {
                used.unite(QSet<int>(ids.begin(), ids.end()));
            }
        }
    }
    for (const Group &group : groups) {
        if (used.contains(group.id) || group.groupClass == GroupClass::Greylist) {
            relevant.groups.push_back(group);
        }
    }
    return QCryptographicHash::hash(relevant.toJson(), QCryptographicHash::Sha1).toHex();
}

}  // namespace portcullis::rules
