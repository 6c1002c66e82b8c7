// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/rules/ObjectKinds.h"

#include <QtCore/QJsonValue>

#include <array>

namespace portcullis::rules {

namespace {

using Type = PropertySpec::Type;
using Form = PropertySpec::Form;

constexpr PropertySpec requiredText(const char *name, int maxLength, Form form)
{
    return {name, Type::Text, true, maxLength, form, nullptr, nullptr};
}
constexpr PropertySpec optionalText(const char *name, int maxLength, Form form)
{
    return {name, Type::Text, false, maxLength, form, nullptr, nullptr};
}
constexpr PropertySpec flag(const char *name, const char *defaultValue)
{
    return {name, Type::Flag, false, 1, Form::Any, nullptr, defaultValue};
}

constexpr std::array regexProperties{requiredText("regex", 1024, Form::Regex)};
constexpr std::array addressProperties{requiredText("email", 512, Form::Address)};
constexpr std::array domainProperties{requiredText("domain", 255, Form::Domain)};
constexpr std::array ipProperties{requiredText("ip", 64, Form::Ip)};
constexpr std::array networkProperties{requiredText("cidr", 64, Form::Cidr)};
constexpr std::array ldapGroupProperties{
    PropertySpec{"mode", Type::Choice, true, 5, Form::Any, "any none group", nullptr},
    optionalText("group", 1024, Form::Any), optionalText("profile", 64, Form::ConfigId)};
constexpr std::array ldapUserProperties{requiredText("account", 1024, Form::Any),
                                        requiredText("profile", 64, Form::ConfigId)};
constexpr std::array timeFrameProperties{requiredText("start", 5, Form::ClockTime),
                                         requiredText("end", 5, Form::ClockTime)};
constexpr std::array spamProperties{
    PropertySpec{"spamlevel", Type::Number, true, 1000, Form::Any, nullptr, nullptr}};
constexpr std::array matchFieldProperties{requiredText("field", 1024, Form::FieldName),
                                          requiredText("value", 1024, Form::Regex),
                                          flag("top-part-only", "0")};
constexpr std::array contentTypeProperties{requiredText("contenttype", 1024, Form::Regex),
                                           flag("only-content", "0")};
constexpr std::array fileNameProperties{requiredText("filename", 1024, Form::Regex)};
constexpr std::array notificationProperties{
    requiredText("to", 200, Form::Any), requiredText("subject", 100, Form::Any),
    requiredText("body", 2048, Form::Any), flag("attach", "0")};
constexpr std::array headerProperties{requiredText("field", 1024, Form::FieldName),
                                      requiredText("value", 1024, Form::Any)};
constexpr std::array bccProperties{requiredText("target", 1024, Form::Any), flag("original", "1")};
constexpr std::array removeProperties{flag("all", "0"), requiredText("text", 2048, Form::Any),
                                      flag("quarantine", "0")};
constexpr std::array disclaimerProperties{
    requiredText("disclaimer", 2048, Form::Any),
    PropertySpec{"position", Type::Choice, false, 5, Form::Any, "start end", "end"},
    flag("add-separator", "1")};

constexpr ObjectKind match(ObjectType type,
                           const char *urlName,
                           const char *text,
                           GroupClass groupClass,
                           std::span<const PropertySpec> properties,
                           bool inGreylist = false)
{
    return {type, urlName, text, groupClass, properties, 0, false, true, inGreylist};
}
constexpr ObjectKind action(ObjectType type,
                            const char *urlName,
                            const char *text,
                            std::span<const PropertySpec> properties,
                            int order)
{
    return {type, urlName, text, GroupClass::Action, properties, order, false, true, false};
}
constexpr ObjectKind finalAction(ObjectType type, const char *urlName, const char *text, int order)
{
    return {type, urlName, text, GroupClass::Action, {}, order, true, false, false};
}

constexpr std::array kinds{
    match(ObjectType::WhoRegex,
          "regex",
          "Regular Expression",
          GroupClass::Who,
          regexProperties,
          true),
    match(ObjectType::WhoAddress,
          "email",
          "Mail address",
          GroupClass::Who,
          addressProperties,
          true),
    match(ObjectType::WhoDomain, "domain", "Domain", GroupClass::Who, domainProperties, true),
    match(ObjectType::WhoIp, "ip", "IP Address", GroupClass::Who, ipProperties, true),
    match(ObjectType::WhoNetwork,
          "network",
          "IP Network",
          GroupClass::Who,
          networkProperties,
          true),
    match(ObjectType::WhoLdapGroup, "ldap", "LDAP Group", GroupClass::Who, ldapGroupProperties),
    match(ObjectType::WhoLdapUser, "ldapuser", "LDAP User", GroupClass::Who, ldapUserProperties),
    match(ObjectType::Receiver,
          "receiver",
          "Mail address",
          GroupClass::Greylist,
          addressProperties,
          true),
    match(ObjectType::ReceiverDomain,
          "receiver_domain",
          "Domain",
          GroupClass::Greylist,
          domainProperties,
          true),
    match(ObjectType::ReceiverRegex,
          "receiver_regex",
          "Regular Expression",
          GroupClass::Greylist,
          regexProperties,
          true),
    match(ObjectType::TimeFrame, "timeframe", "TimeFrame", GroupClass::When, timeFrameProperties),
    match(ObjectType::SpamLevel, "spamfilter", "Spam Filter", GroupClass::What, spamProperties),
    match(ObjectType::Virus, "virusfilter", "Virus Filter", GroupClass::What, {}),
    match(ObjectType::MatchField,
          "matchfield",
          "Match Field",
          GroupClass::What,
          matchFieldProperties),
    match(ObjectType::ContentType,
          "contenttype",
          "ContentType Filter",
          GroupClass::What,
          contentTypeProperties),
    match(ObjectType::FileName,
          "filenamefilter",
          "Match Filename",
          GroupClass::What,
          fileNameProperties),
    match(ObjectType::ArchiveContentType,
          "archivefilter",
          "Archive Filter",
          GroupClass::What,
          contentTypeProperties),
    match(ObjectType::ArchiveFileName,
          "archivefilenamefilter",
          "Match Archive Filename",
          GroupClass::What,
          fileNameProperties),
    match(ObjectType::Unscannable, "unscannable", "Unscannable Content", GroupClass::What, {}),
    match(ObjectType::Encrypted, "encrypted", "Encrypted Content", GroupClass::What, {}),
    match(ObjectType::Ambiguous, "ambiguous", "Ambiguous Structure", GroupClass::What, {}),
    action(ObjectType::HeaderAttribute, "field", "Header Attribute", headerProperties, 10),
    action(ObjectType::RemoveAttachments,
           "removeattachments",
           "Remove attachments",
           removeProperties,
           40),
    action(ObjectType::Disclaimer, "disclaimer", "Disclaimer", disclaimerProperties, 49),
    action(ObjectType::Bcc, "bcc", "BCC", bccProperties, 80),
    action(ObjectType::Notification, "notification", "Notification", notificationProperties, 89),
    finalAction(ObjectType::Quarantine, "quarantine", "Quarantine", 90),
    finalAction(ObjectType::Block, "block", "Block", 98),
    finalAction(ObjectType::Accept, "accept", "Accept", 99)};

QString textOf(const Object &object, const char *name)
{
    return object.properties.value(QLatin1String(name)).toString();
}

QString describeLdapGroup(const Object &object)
{
    const QString profile = textOf(object, "profile");
    const QString where = profile.isEmpty() ? QString()
                                            : QStringLiteral(" in profile '%1'").arg(profile);
    const QString mode = textOf(object, "mode");
    if (mode == QLatin1String("any")) {
        return QStringLiteral("known LDAP address") + where;
    }
    if (mode == QLatin1String("none")) {
        return QStringLiteral("unknown LDAP address") + where;
    }
    return QStringLiteral("LDAP group '%1'").arg(textOf(object, "group")) + where;
}

QString describeRemove(const Object &object)
{
    const bool all = object.properties.value(QLatin1String("all")).toBool();
    const bool quarantine = object.properties.value(QLatin1String("quarantine")).toBool();
    return QStringLiteral("remove %1 attachments%2")
        .arg(all ? QStringLiteral("all") : QStringLiteral("matching"),
             quarantine ? QStringLiteral(" (keep a copy in the quarantine)") : QString());
}

}  // namespace

std::span<const ObjectKind> objectKinds()
{
    return kinds;
}

const ObjectKind *kindOf(ObjectType type)
{
    for (const ObjectKind &kind : kinds) {
        if (kind.type == type) {
            return &kind;
        }
    }
    return nullptr;
}

const ObjectKind *kindOf(GroupClass groupClass, const QString &urlName)
{
    for (const ObjectKind &kind : kinds) {
        const bool fits = kind.groupClass == groupClass
                          || (groupClass == GroupClass::Greylist && kind.inGreylist);
        if (fits && urlName == QLatin1String(kind.urlName)) {
            return &kind;
        }
    }
    return nullptr;
}

QString describe(const Object &object)
{
    switch (object.type) {
    case ObjectType::WhoRegex:
    case ObjectType::ReceiverRegex:
        return textOf(object, "regex");
    case ObjectType::WhoAddress:
    case ObjectType::Receiver:
        return textOf(object, "email");
    case ObjectType::WhoDomain:
    case ObjectType::ReceiverDomain:
        return textOf(object, "domain");
    case ObjectType::WhoIp:
        return textOf(object, "ip");
    case ObjectType::WhoNetwork:
        return textOf(object, "cidr");
    case ObjectType::WhoLdapGroup:
        return describeLdapGroup(object);
    case ObjectType::WhoLdapUser:
        return QStringLiteral("LDAP account '%1' in profile '%2'")
            .arg(textOf(object, "account"), textOf(object, "profile"));
    case ObjectType::TimeFrame:
        return textOf(object, "start") + QLatin1Char('-') + textOf(object, "end");
    case ObjectType::SpamLevel:
        return QStringLiteral("level %1")
            .arg(object.properties.value(QLatin1String("spamlevel")).toInt());
    case ObjectType::Virus:
        return QStringLiteral("virus");
    case ObjectType::MatchField:
        return textOf(object, "field") + QLatin1Char('=') + textOf(object, "value");
    case ObjectType::ContentType:
    case ObjectType::ArchiveContentType:
        return QStringLiteral("content-type=") + textOf(object, "contenttype");
    case ObjectType::FileName:
    case ObjectType::ArchiveFileName:
        return QStringLiteral("filename=") + textOf(object, "filename");
    case ObjectType::Unscannable:
        return QStringLiteral("unscannable content");
    case ObjectType::Encrypted:
        return QStringLiteral("encrypted content");
    case ObjectType::Ambiguous:
        return QStringLiteral("ambiguous structure");
    case ObjectType::Accept:
        return QStringLiteral("accept message");
    case ObjectType::Block:
        return QStringLiteral("block message");
    case ObjectType::Quarantine:
        return QStringLiteral("move to quarantine");
    case ObjectType::Notification:
        return QStringLiteral("notify ") + textOf(object, "to");
    case ObjectType::HeaderAttribute:
        return QStringLiteral("modify field: %1:%2")
            .arg(textOf(object, "field"), textOf(object, "value"));
    case ObjectType::Bcc:
        return QStringLiteral("send copy to ") + textOf(object, "target");
    case ObjectType::RemoveAttachments:
        return describeRemove(object);
    case ObjectType::Disclaimer:
        return QStringLiteral("add disclaimer");
    }
    return {};
}

const char *nameOf(GroupClass groupClass)
{
    static constexpr std::array names{"who", "what", "when", "action", "greylist"};
    return names[static_cast<size_t>(groupClass)];
}

const char *nameOf(Category category)
{
    static constexpr std::array names{"from", "to", "when", "what", "action"};
    return names[static_cast<size_t>(category)];
}

GroupClass classFor(Category category)
{
    switch (category) {
    case Category::From:
    case Category::To:
        return GroupClass::Who;
    case Category::When:
        return GroupClass::When;
    case Category::What:
        return GroupClass::What;
    case Category::Action:
        break;
    }
    return GroupClass::Action;
}

}  // namespace portcullis::rules
