// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RuleText.h"

#include "appliance/rules/ObjectKinds.h"

#include <QtCore/QJsonArray>

namespace portcullis::rules {

namespace {

QString modeText(MatchMode mode)
{
    if (mode == MatchMode{}) {
        return {};
    }
    if (mode.all) {
        return mode.invert ? QStringLiteral(" (not all of)") : QStringLiteral(" (all of)");
    }
    return QStringLiteral(" (none of)");
}

QString groupText(const Group &group)
{
    QString text =
        QStringLiteral("    %1%2 [group %3]\n").arg(group.name, modeText(group.mode)).arg(group.id);
    for (const Object &object : group.objects) {
        text += QStringLiteral("      %1: %2\n").arg(object.id).arg(describe(object));
    }
    return text;
}

QString field(const QJsonObject &object, const char *key)
{
    return object.value(QLatin1String(key)).toString();
}

bool isSet(const QJsonObject &object, const char *key)
{
    return object.value(QLatin1String(key)).toBool();
}

QString mark(bool isMatch)
{
    return isMatch ? QStringLiteral("yes") : QStringLiteral("no ");
}

QString categoryExplanation(const QJsonObject &category)
{
    QString text = QStringLiteral("      %1 %2 (%3 of)\n")
                       .arg(mark(isSet(category, "matched")), field(category, "category"),
                            field(category, "mode"));
    const QJsonArray groups = category.value(QLatin1String("groups")).toArray();
    for (const QJsonValue &groupValue : groups) {
        const QJsonObject group = groupValue.toObject();
        text += QStringLiteral("        %1 %2 (%3 of)\n")
                    .arg(mark(isSet(group, "matched")), field(group, "group"),
                         field(group, "mode"));
        const QJsonArray objects = group.value(QLatin1String("objects")).toArray();
        for (const QJsonValue &objectValue : objects) {
            const QJsonObject object = objectValue.toObject();
            const QString why = field(object, "why");
            text += QStringLiteral("          %1 %2%3\n")
                        .arg(mark(isSet(object, "matched")), field(object, "object"),
                             why.isEmpty() ? QString() : QStringLiteral("  -- ") + why);
        }
    }
    return text;
}

QString ruleExplanation(const QJsonObject &rule)
{
    QString text = QStringLiteral("  %1 %2: %3 -- %4\n")
                       .arg(rule.value(QLatin1String("priority")).toInt(), 3)
                       .arg(field(rule, "rule"), field(rule, "result").toUpper(),
                            field(rule, "why"));
    const QJsonArray categories = rule.value(QLatin1String("categories")).toArray();
    for (const QJsonValue &category : categories) {
        text += categoryExplanation(category.toObject());
    }
    return text;
}

}  // namespace

QString directionName(RuleDirection direction)
{
    switch (direction) {
    case RuleDirection::In:
        return QStringLiteral("in");
    case RuleDirection::Out:
        return QStringLiteral("out");
    case RuleDirection::Both:
        break;
    }
    return QStringLiteral("both");
}

QString ruleText(const RuleDocument &document, const Rule &rule)
{
    QString text = QStringLiteral("Rule %1: %2 (priority %3, direction %4, %5)\n")
                       .arg(rule.id)
                       .arg(rule.name)
                       .arg(rule.priority)
                       .arg(directionName(rule.direction),
                            rule.isActive ? QStringLiteral("active") : QStringLiteral("inactive"));
    for (size_t i = 0; i < categoryCount; ++i) {
        if (rule.groups[i].empty()) {
            continue;
        }
        text += QStringLiteral("  %1%2\n")
                    .arg(QString::fromLatin1(nameOf(static_cast<Category>(i))).toUpper(),
                         modeText(rule.modes[i]));
        for (const int id : rule.groups[i]) {
            if (const Group *group = document.group(id)) {
                text += groupText(*group);
            }
        }
    }
    return text;
}

QString explanationText(const QJsonObject &explanation)
{
    QString text;
    const QJsonArray recipients = explanation.value(QLatin1String("recipients")).toArray();
    for (const QJsonValue &value : recipients) {
        const QJsonObject recipient = value.toObject();
        text += QStringLiteral("Recipient %1\n").arg(field(recipient, "recipient"));
        const QJsonArray rules = recipient.value(QLatin1String("rules")).toArray();
        for (const QJsonValue &rule : rules) {
            text += ruleExplanation(rule.toObject());
        }
        QStringList actions;
        const QJsonArray actionArray = recipient.value(QLatin1String("actions")).toArray();
        for (const QJsonValue &action : actionArray) {
            actions << action.toString();
        }
        text += QStringLiteral("  Actions: %1\n  Decided by: %2\n\n")
                    .arg(actions.isEmpty() ? QStringLiteral("none")
                                           : actions.join(QStringLiteral("; ")),
                         field(recipient, "decided-by"));
    }
    return text;
}

}  // namespace portcullis::rules
