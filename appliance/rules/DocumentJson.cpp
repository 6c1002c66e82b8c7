// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/RuleDocument.h"

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>

#include <algorithm>

namespace portcullis::rules {

namespace {

Error readError(const QString &detail)
{
    return Error::permanent("rules.document", detail);
}

/// Reads one JSON object; unknown keys and wrong types are errors that name the place.
class JsonReader
{
public:
    JsonReader(QJsonObject object, QString place)
        : m_object(std::move(object))
        , m_place(std::move(place))
    {
    }

    [[nodiscard]] Error error(const QString &key, const QString &reason) const
    {
        return readError(m_place + QStringLiteral(": ") + key + QStringLiteral(": ") + reason);
    }

    Result<QString> text(const char *key)
    {
        const QJsonValue value = take(key);
        if (!value.isUndefined() && !value.isString()) {
            return error(QLatin1String(key), QStringLiteral("must be a text"));
        }
        return value.toString();
    }

    Result<int> number(const char *key, int whenMissing)
    {
        const QJsonValue value = take(key);
        if (value.isUndefined()) {
            return whenMissing;
        }
        const double number = value.toDouble(-1);
        if (!value.isDouble() || number < 0 || number > 2'000'000'000
            || number != static_cast<int>(number)) {
            return error(QLatin1String(key), QStringLiteral("must be a whole number"));
        }
        return static_cast<int>(number);
    }

    Result<bool> flag(const char *key, bool whenMissing)
    {
        const QJsonValue value = take(key);
        const double number = value.toDouble(-1);
        if (!value.isUndefined() && !value.isBool() && number != 0 && number != 1) {
            return error(QLatin1String(key), QStringLiteral("must be true or false"));
        }
        return value.isUndefined() ? whenMissing : value.toBool(number == 1);
    }

    Result<QJsonArray> array(const char *key)
    {
        const QJsonValue value = take(key);
        if (!value.isUndefined() && !value.isArray()) {
            return error(QLatin1String(key), QStringLiteral("must be a list"));
        }
        return value.toArray();
    }

    /// What has not been read yet.
    [[nodiscard]] const QJsonObject &rest() const { return m_object; }

    [[nodiscard]] Status end() const
    {
        if (!m_object.isEmpty()) {
            return error(m_object.begin().key(), QStringLiteral("unknown key"));
        }
        return ok();
    }

private:
    QJsonValue take(const char *key) { return m_object.take(QLatin1String(key)); }

    QJsonObject m_object;
    QString m_place;
};

Result<QJsonObject> objectAt(const QJsonArray &array, qsizetype index, const QString &place)
{
    if (!array[index].isObject()) {
        return readError(place + QStringLiteral(": must be an object"));
    }
    return array[index].toObject();
}

/// `type` is the number of a kind; people may write `kind`, the name used in URLs, instead.
Result<ObjectType> readType(JsonReader &reader, GroupClass groupClass)
{
    const int type = TRY(reader.number("type", 0));
    const QString kindName = TRY(reader.text("kind"));
    const ObjectKind *kind = type != 0 ? kindOf(static_cast<ObjectType>(type))
                                       : kindOf(groupClass, kindName);
    if (kind == nullptr) {
        return type != 0
                   ? reader.error(QStringLiteral("type"),
                                  QStringLiteral("unknown type %1").arg(type))
                   : reader.error(QStringLiteral("kind"),
                                  QStringLiteral("'%1' is no kind of this class").arg(kindName));
    }
    return kind->type;
}

enum class Trust { Checked, Trusted };

Result<Object> readObject(const QJsonObject &json,
                          GroupClass groupClass,
                          const QString &place,
                          Trust trust)
{
    JsonReader reader(json, place);
    Object object;
    object.id = TRY(reader.number("id", 0));
    object.type = TRY(readType(reader, groupClass));
    object.properties = reader.rest();
    if (trust == Trust::Trusted) {
        return object;
    }
    auto checked = checkedObject(object);
    if (!checked) {
        return readError(place + QStringLiteral(": ") + checked.error().detail);
    }
    return checked;
}

Result<GroupClass> readClass(JsonReader &reader)
{
    const QString name = TRY(reader.text("class"));
    for (const GroupClass candidate : {GroupClass::Who, GroupClass::What, GroupClass::When,
                                       GroupClass::Action, GroupClass::Greylist}) {
        if (name == QLatin1String(nameOf(candidate))) {
            return candidate;
        }
    }
    return reader.error(QStringLiteral("class"),
                        QStringLiteral("must be who, what, when, action or greylist"));
}

Result<Group> readGroup(const QJsonObject &json, qsizetype index, Trust trust)
{
    const QString place =
        QStringLiteral("group %1 '%2'")
            .arg(json.value(QLatin1String("id")).toInt(static_cast<int>(index) + 1))
            .arg(json.value(QLatin1String("name")).toString());
    JsonReader reader(json, place);
    Group group;
    group.id = TRY(reader.number("id", 0));
    group.groupClass = TRY(readClass(reader));
    group.name = TRY(reader.text("name"));
    group.info = TRY(reader.text("info"));
    group.mode.all = TRY(reader.flag("and", false));
    group.mode.invert = TRY(reader.flag("invert", false));
    const QJsonArray objects = TRY(reader.array("objects"));
    group.objects.reserve(static_cast<size_t>(objects.size()));
    for (qsizetype i = 0; i < objects.size(); ++i) {
        const QString objectPlace = place + QStringLiteral(", object %1").arg(i + 1);
        const QJsonObject object = TRY(objectAt(objects, i, objectPlace));
        group.objects.push_back(TRY(readObject(object, group.groupClass, objectPlace, trust)));
    }
    TRY(reader.end());
    return group;
}

Result<std::vector<int>> readIds(JsonReader &reader, const char *key)
{
    const QJsonArray array = TRY(reader.array(key));
    std::vector<int> ids;
    for (const QJsonValue &value : array) {
        if (!value.isDouble() || value.toInt(0) < 1) {
            return reader.error(QLatin1String(key), QStringLiteral("must be a list of group ids"));
        }
        ids.push_back(value.toInt());
    }
    return ids;
}

Result<Rule> readRule(const QJsonObject &json, qsizetype index)
{
    JsonReader reader(json,
                      QStringLiteral("rule %1 '%2'")
                          .arg(json.value(QLatin1String("id")).toInt(static_cast<int>(index) + 1))
                          .arg(json.value(QLatin1String("name")).toString()));
    Rule rule;
    rule.id = TRY(reader.number("id", 0));
    rule.name = TRY(reader.text("name"));
    rule.priority = TRY(reader.number("priority", 0));
    rule.isActive = TRY(reader.flag("active", false));
    const int direction = TRY(reader.number("direction", 2));
    if (direction > 2) {
        return reader.error(QStringLiteral("direction"),
                            QStringLiteral("must be 0 (in), 1 (out) or 2 (both)"));
    }
    rule.direction = static_cast<RuleDirection>(direction);
    for (size_t i = 0; i < categoryCount; ++i) {
        const QByteArray name = nameOf(static_cast<Category>(i));
        rule.groups[i] = TRY(readIds(reader, name.constData()));
        if (static_cast<Category>(i) != Category::Action) {
            rule.modes[i].all = TRY(reader.flag((name + "-and").constData(), false));
            rule.modes[i].invert = TRY(reader.flag((name + "-invert").constData(), false));
        }
    }
    TRY(reader.end());
    return rule;
}

/// Gives numbers to what has none, above all that were ever used.
void numberAll(RuleDocument &document)
{
    const auto raise = [](int &next, int id) { next = std::max(next, id + 1); };
    for (const Group &group : document.groups) {
        raise(document.nextGroupId, group.id);
        for (const Object &object : group.objects) {
            raise(document.nextObjectId, object.id);
        }
    }
    for (const Rule &rule : document.rules) {
        raise(document.nextRuleId, rule.id);
    }
    const auto number = [](int &id, int &next) { id = id == 0 ? next++ : id; };
    for (Group &group : document.groups) {
        number(group.id, document.nextGroupId);
        for (Object &object : group.objects) {
            number(object.id, document.nextObjectId);
        }
    }
    for (Rule &rule : document.rules) {
        number(rule.id, document.nextRuleId);
    }
}

QJsonObject toJson(const Group &group)
{
    QJsonArray objects;
    for (const Object &object : group.objects) {
        QJsonObject json = object.properties;
        json.insert(QStringLiteral("id"), object.id);
        json.insert(QStringLiteral("type"), static_cast<int>(object.type));
        objects.append(json);
    }
    return {{QStringLiteral("id"), group.id},
            {QStringLiteral("class"), QString::fromLatin1(nameOf(group.groupClass))},
            {QStringLiteral("name"), group.name},
            {QStringLiteral("info"), group.info},
            {QStringLiteral("and"), group.mode.all},
            {QStringLiteral("invert"), group.mode.invert},
            {QStringLiteral("objects"), objects}};
}

QJsonObject toJson(const Rule &rule)
{
    QJsonObject json{{QStringLiteral("id"), rule.id},
                     {QStringLiteral("name"), rule.name},
                     {QStringLiteral("priority"), rule.priority},
                     {QStringLiteral("active"), rule.isActive},
                     {QStringLiteral("direction"), static_cast<int>(rule.direction)}};
    for (size_t i = 0; i < categoryCount; ++i) {
        const QString name = QString::fromLatin1(nameOf(static_cast<Category>(i)));
        QJsonArray ids;
        for (const int id : rule.groups[i]) {
            ids.append(id);
        }
        json.insert(name, ids);
        if (static_cast<Category>(i) != Category::Action) {
            json.insert(name + QStringLiteral("-and"), rule.modes[i].all);
            json.insert(name + QStringLiteral("-invert"), rule.modes[i].invert);
        }
    }
    return json;
}

Result<QJsonObject> parseText(const QByteArray &json, const DocumentLimits &limits)
{
    if (json.size() > limits.bytes) {
        return readError(QStringLiteral("larger than %1 bytes").arg(limits.bytes));
    }
    QJsonParseError problem;
    const QJsonDocument parsed = QJsonDocument::fromJson(json, &problem);
    if (problem.error != QJsonParseError::NoError) {
        const auto line = json.left(problem.offset).count('\n') + 1;
        return readError(QStringLiteral("line %1, byte %2: %3")
                             .arg(line)
                             .arg(problem.offset)
                             .arg(problem.errorString()));
    }
    if (!parsed.isObject()) {
        return readError(QStringLiteral("must be a JSON object"));
    }
    return parsed.object();
}

Result<RuleDocument> readDocument(const QByteArray &json, const DocumentLimits &limits, Trust trust)
{
    JsonReader reader(TRY(parseText(json, limits)), QStringLiteral("document"));
    const int format = TRY(reader.number("format", RuleDocument::currentFormat));
    if (format != RuleDocument::currentFormat) {
        return reader.error(QStringLiteral("format"),
                            QStringLiteral("%1 is not supported; this program reads %2")
                                .arg(format)
                                .arg(RuleDocument::currentFormat));
    }
    RuleDocument document;
    document.nextRuleId = std::max(1, TRY(reader.number("next-rule", 1)));
    document.nextGroupId = std::max(1, TRY(reader.number("next-group", 1)));
    document.nextObjectId = std::max(1, TRY(reader.number("next-object", 1)));
    const QJsonArray groups = TRY(reader.array("groups"));
    const QJsonArray rules = TRY(reader.array("rules"));
    TRY(reader.end());
    if (groups.size() > limits.groups || rules.size() > limits.rules) {
        return readError(
            QStringLiteral("more than %1 groups or %2 rules").arg(limits.groups).arg(limits.rules));
    }
    for (qsizetype i = 0; i < groups.size(); ++i) {
        const QJsonObject group = TRY(objectAt(groups, i, QStringLiteral("group %1").arg(i + 1)));
        document.groups.push_back(TRY(readGroup(group, i, trust)));
    }
    for (qsizetype i = 0; i < rules.size(); ++i) {
        const QJsonObject rule = TRY(objectAt(rules, i, QStringLiteral("rule %1").arg(i + 1)));
        document.rules.push_back(TRY(readRule(rule, i)));
    }
    numberAll(document);
    TRY(document.validateStructure(limits));
    return document;
}

}  // namespace

Result<RuleDocument> RuleDocument::fromJson(const QByteArray &json, const DocumentLimits &limits)
{
    return readDocument(json, limits, Trust::Checked);
}

Result<RuleDocument> RuleDocument::fromTrustedJson(const QByteArray &json)
{
    return readDocument(json, {}, Trust::Trusted);
}

QByteArray RuleDocument::toJson() const
{
    QJsonArray groupArray;
    for (const Group &group : groups) {
        groupArray.append(rules::toJson(group));
    }
    QJsonArray ruleArray;
    for (const Rule &rule : rules) {
        ruleArray.append(rules::toJson(rule));
    }
    return QJsonDocument(QJsonObject{{QStringLiteral("format"), currentFormat},
                                     {QStringLiteral("next-rule"), nextRuleId},
                                     {QStringLiteral("next-group"), nextGroupId},
                                     {QStringLiteral("next-object"), nextObjectId},
                                     {QStringLiteral("groups"), groupArray},
                                     {QStringLiteral("rules"), ruleArray}})
        .toJson();
}

}  // namespace portcullis::rules
