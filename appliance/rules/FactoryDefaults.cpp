// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/RuleDocument.h"

#include <QtCore/QFile>

#include <algorithm>

// Q_INIT_RESOURCE must stand outside of namespaces.
static void initialiseRulesResource()
{
    Q_INIT_RESOURCE(rules);
}

namespace portcullis::rules {

namespace {

RuleDocument readFactoryDefaults()
{
    initialiseRulesResource();
    QFile file(QStringLiteral(":/portcullis/rules/factory.json"));
    if (!file.open(QIODevice::ReadOnly)) {
        qFatal("the factory rules are missing from this program");
    }
    auto document = RuleDocument::fromJson(file.readAll());
    if (!document) {
        qFatal("factory rules: %s", qPrintable(document.error().toString()));
    }
    return document.take();
}

bool isAllowList(const Group &group)
{
    return group.groupClass == GroupClass::Greylist;
}

}  // namespace

const RuleDocument &factoryDefaults()
{
    static const RuleDocument document = readFactoryDefaults();
    return document;
}

RuleDocument resetKeepingAllowList(const RuleDocument &current)
{
    RuleDocument reset = factoryDefaults();
    const auto kept = std::find_if(current.groups.begin(), current.groups.end(), isAllowList);
    const auto fresh = std::find_if(reset.groups.begin(), reset.groups.end(), isAllowList);
    reset.nextRuleId = std::max(reset.nextRuleId, current.nextRuleId);
    reset.nextGroupId = std::max(reset.nextGroupId, current.nextGroupId);
    reset.nextObjectId = std::max(reset.nextObjectId, current.nextObjectId);
    if (kept == current.groups.end() || fresh == reset.groups.end()) {
        return reset;
    }
    // The kept objects keep their numbers; factory objects that had one of them get new numbers.
    fresh->objects = kept->objects;
    for (Group &group : reset.groups) {
        for (Object &object : group.objects) {
            const bool isTaken = !isAllowList(group)
                                 && std::any_of(kept->objects.begin(), kept->objects.end(),
                                                [&](const Object &k) { return k.id == object.id; });
            if (isTaken) {
                object.id = reset.nextObjectId++;
            }
        }
    }
    return reset;
}

}  // namespace portcullis::rules
