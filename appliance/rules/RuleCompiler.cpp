// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/CompiledRules.h"
#include "appliance/rules/ObjectPattern.h"

#include <QtCore/QTime>

#include <algorithm>

namespace portcullis::rules {

namespace {

QString property(const Object &object, const char *name)
{
    return object.properties.value(QLatin1String(name)).toString();
}

bool flagOf(const Object &object, const char *name)
{
    return object.properties.value(QLatin1String(name)).toBool();
}

int minuteOf(const QString &clockTime)
{
    return clockTime.section(QLatin1Char(':'), 0, 0).toInt() * 60
           + clockTime.section(QLatin1Char(':'), 1, 1).toInt();
}

Status compileWho(const Object &object, CompiledObject &compiled)
{
    switch (object.type) {
    case ObjectType::WhoAddress:
        compiled.key = property(object, "email").toLower().toUtf8();
        break;
    case ObjectType::WhoDomain:
        compiled.key = property(object, "domain").toLower().toUtf8();
        break;
    case ObjectType::WhoRegex:
        compiled.pattern = TRY(compileObjectPattern(object.type, property(object, "regex")));
        break;
    case ObjectType::WhoIp:
        compiled.address = plainAddress(QHostAddress(property(object, "ip")));
        break;
    case ObjectType::WhoNetwork: {
        const auto [network, length] = QHostAddress::parseSubnet(property(object, "cidr"));
        compiled.address = network;
        compiled.prefixLength = length;
        break;
    }
    case ObjectType::WhoLdapGroup:
        compiled.ldapMode = property(object, "mode");
        compiled.profile = property(object, "profile");
        compiled.ldapName = property(object, "group");
        break;
    case ObjectType::WhoLdapUser:
        compiled.profile = property(object, "profile");
        compiled.ldapName = property(object, "account");
        break;
    default:
        break;
    }
    return ok();
}

Status compileWhat(const Object &object, CompiledObject &compiled)
{
    switch (object.type) {
    case ObjectType::SpamLevel:
        compiled.level = object.properties.value(QLatin1String("spamlevel")).toInt();
        break;
    case ObjectType::MatchField:
        compiled.key = property(object, "field").toUtf8();
        compiled.isRestricted = flagOf(object, "top-part-only");
        compiled.pattern = TRY(compileObjectPattern(object.type, property(object, "value")));
        break;
    case ObjectType::ContentType:
    case ObjectType::ArchiveContentType:
        compiled.isRestricted = flagOf(object, "only-content");
        compiled.pattern = TRY(compileObjectPattern(object.type, property(object, "contenttype")));
        break;
    case ObjectType::FileName:
    case ObjectType::ArchiveFileName:
        compiled.pattern = TRY(compileObjectPattern(object.type, property(object, "filename")));
        break;
    default:
        break;
    }
    return ok();
}

Result<CompiledObject> compileObject(const Object &object)
{
    CompiledObject compiled;
    compiled.id = object.id;
    compiled.type = object.type;
    compiled.description = describe(object);
    if (object.type == ObjectType::TimeFrame) {
        compiled.firstMinute = minuteOf(property(object, "start"));
        compiled.lastMinute = minuteOf(property(object, "end"));
    }
    TRY(compileWho(object, compiled));
    TRY(compileWhat(object, compiled));
    return compiled;
}

bool pointsAtParts(ObjectType type)
{
    return type == ObjectType::MatchField || type == ObjectType::ContentType
           || type == ObjectType::FileName || type == ObjectType::ArchiveContentType
           || type == ObjectType::ArchiveFileName;
}

Result<CompiledGroup> compileGroup(const Group &group)
{
    CompiledGroup compiled;
    compiled.id = group.id;
    compiled.name = group.name;
    compiled.mode = group.mode;
    for (const Object &object : group.objects) {
        auto one = compileObject(object);
        if (!one) {
            return Error::permanent("rules.document", QStringLiteral("group %1 '%2', object %3: %4")
                                                          .arg(group.id)
                                                          .arg(group.name)
                                                          .arg(object.id)
                                                          .arg(one.error().detail));
        }
        const size_t index = compiled.objects.size();
        compiled.hasSpam = compiled.hasSpam || object.type == ObjectType::SpamLevel;
        compiled.hasPartObjects = compiled.hasPartObjects || pointsAtParts(object.type);
        if (object.type == ObjectType::WhoAddress) {
            compiled.addresses.insert(one->key, index);
        } else if (object.type == ObjectType::WhoDomain) {
            compiled.domains.insert(one->key, index);
        } else {
            compiled.remaining.push_back(index);
        }
        compiled.objects.push_back(one.take());
    }
    return compiled;
}

ActionPointer compileAction(const Group &group)
{
    const Object &object = group.objects.front();
    const ObjectKind *kind = kindOf(object.type);
    auto action = std::make_shared<Action>();
    action->groupId = group.id;
    action->objectId = object.id;
    action->name = group.name;
    action->description = describe(object);
    action->order = kind->order;
    action->isFinal = kind->isFinal;
    switch (object.type) {
    case ObjectType::Block:
        action->data = BlockAction{};
        break;
    case ObjectType::Quarantine:
        action->data = QuarantineAction{};
        break;
    case ObjectType::Notification:
        action->data = NotificationAction{property(object, "to"), property(object, "subject"),
                                          property(object, "body"), flagOf(object, "attach")};
        break;
    case ObjectType::HeaderAttribute:
        action->data = HeaderAction{property(object, "field").toUtf8(), property(object, "value")};
        break;
    case ObjectType::Bcc:
        action->data = BccAction{property(object, "target"), flagOf(object, "original")};
        break;
    case ObjectType::RemoveAttachments:
        action->data = RemoveAction{flagOf(object, "all"), flagOf(object, "quarantine"),
                                    property(object, "text")};
        break;
    case ObjectType::Disclaimer:
        action->data = DisclaimerAction{property(object, "disclaimer"),
                                        property(object, "position") == QLatin1String("start")
                                            ? DisclaimerAction::Position::Start
                                            : DisclaimerAction::Position::End,
                                        flagOf(object, "add-separator")};
        break;
    default:
        action->data = AcceptAction{};
    }
    return action;
}

/// In order of execution, up to and with the first final one (facts/behaviour.md §3.1).
std::vector<ActionPointer> compileActions(const Rule &rule, const RuleDocument &document)
{
    std::vector<ActionPointer> actions;
    for (const int id : rule.groupsOf(Category::Action)) {
        actions.push_back(compileAction(*document.group(id)));
    }
    std::stable_sort(actions.begin(), actions.end(),
                     [](const auto &a, const auto &b) { return a->order < b->order; });
    const auto final = std::find_if(actions.begin(), actions.end(),
                                    [](const auto &action) { return action->isFinal; });
    if (final != actions.end()) {
        actions.erase(final + 1, actions.end());
    }
    return actions;
}

bool needsArchives(const CompiledGroup &group)
{
    return std::any_of(group.objects.begin(), group.objects.end(),
                       [](const CompiledObject &object) {
                           return object.type == ObjectType::ArchiveContentType
                                  || object.type == ObjectType::ArchiveFileName
                                  || object.type == ObjectType::Unscannable
                                  || object.type == ObjectType::Encrypted;
                       });
}

/// X-… fields that the rule's actions write.
std::vector<QByteArray> writtenFields(const CompiledRule &rule)
{
    std::vector<QByteArray> fields;
    for (const ActionPointer &action : rule.actions) {
        if (const auto *header = std::get_if<HeaderAction>(&action->data)) {
            const QByteArray field = header->field.toLower();
            if (field.startsWith("x-")) {
                fields.push_back(field);
            }
        }
    }
    return fields;
}

}  // namespace

QHostAddress plainAddress(const QHostAddress &address)
{
    bool isIpv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIpv4);
    return isIpv4 ? QHostAddress(ipv4) : address;
}

Result<std::shared_ptr<const RuleSet>> RuleSet::compile(const RuleDocument &document)
{
    TRY(document.validateStructure());
    auto compiled = std::make_unique<Compiled>();
    QHash<int, size_t> groupIndexes;
    for (const Rule *rule : document.rulesInOrder()) {
        if (!rule->isActive) {
            continue;
        }
        CompiledRule one;
        one.id = rule->id;
        one.name = rule->name;
        one.priority = rule->priority;
        one.direction = rule->direction;
        one.modes = rule->modes;
        one.actions = compileActions(*rule, document);
        one.isFinal = !one.actions.empty() && one.actions.back()->isFinal;
        for (size_t category = 0; category < categoryCount - 1; ++category) {
            for (const int id : rule->groups[category]) {
                if (!groupIndexes.contains(id)) {
                    compiled->groups.push_back(TRY(compileGroup(*document.group(id))));
                    groupIndexes.insert(id, compiled->groups.size() - 1);
                }
                one.groups[category].push_back(groupIndexes.value(id));
            }
        }
        for (const auto direction : {mail::Direction::In, mail::Direction::Out}) {
            if (!one.appliesTo(direction)) {
                continue;
            }
            const auto way = static_cast<size_t>(direction);
            for (const QByteArray &field : writtenFields(one)) {
                auto &fields = compiled->headersToStrip[way];
                if (std::find(fields.begin(), fields.end(), field) == fields.end()) {
                    fields.push_back(field);
                }
            }
            for (const size_t group : one.groupsOf(Category::What)) {
                RuleNeeds &needs = compiled->needs[way];
                needs.spam = needs.spam || compiled->groups[group].hasSpam;
                needs.archives = needs.archives || needsArchives(compiled->groups[group]);
            }
        }
        compiled->rules.push_back(std::move(one));
    }
    return std::shared_ptr<const RuleSet>(new RuleSet(std::move(compiled)));
}

RuleSet::RuleSet(std::unique_ptr<const Compiled> compiled)
    : m_compiled(std::move(compiled))
{
}

RuleSet::~RuleSet() = default;

const std::vector<QByteArray> &RuleSet::headersToStrip(mail::Direction direction) const
{
    return m_compiled->headersToStrip[static_cast<size_t>(direction)];
}

RuleNeeds RuleSet::needs(mail::Direction direction) const
{
    return m_compiled->needs[static_cast<size_t>(direction)];
}

}  // namespace portcullis::rules
