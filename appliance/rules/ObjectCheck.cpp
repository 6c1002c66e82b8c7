// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Address.h"
#include "appliance/rules/ObjectKinds.h"
#include "appliance/rules/ObjectPattern.h"

#include <QtCore/QRegularExpression>
#include <QtNetwork/QHostAddress>

#include <algorithm>
#include <array>

namespace portcullis::rules {

namespace {

Error objectError(const QString &detail)
{
    return Error::permanent("rules.object", detail);
}

Result<QString> checkedRegex(ObjectType type, const QString &text)
{
    const Pattern pattern = TRY(compileObjectPattern(type, text));
    TRY(pattern.checkBounded());
    return text;
}

Result<QString> checkedAddress(const QString &text)
{
    const auto address = mail::Address::parse(text.toUtf8());
    if (!address) {
        return address.error();
    }
    if (address->domain().isEmpty()) {
        return objectError(QStringLiteral("the domain is missing"));
    }
    return QString::fromUtf8(address->key());
}

/// A label of RFC 5321 §4.1.2, or a U-label as RFC 6531 §3.3 allows it; underscores occur in practice.
bool isLabel(const QString &label)
{
    const bool hasOnlyAllowed = std::all_of(label.begin(), label.end(), [](QChar c) {
        return c.unicode() >= 0x80 || c.isLetterOrNumber() || c == QLatin1Char('-')
               || c == QLatin1Char('_');
    });
    return hasOnlyAllowed && !label.isEmpty() && label.size() <= 63
           && !label.startsWith(QLatin1Char('-')) && !label.endsWith(QLatin1Char('-'));
}

Result<QString> checkedDomain(const QString &text)
{
    QString domain = text.toLower();
    if (domain.endsWith(QLatin1Char('.'))) {
        domain.chop(1);
    }
    const QStringList labels = domain.split(QLatin1Char('.'));
    if (!std::all_of(labels.begin(), labels.end(), isLabel)) {
        return objectError(QStringLiteral("'%1' is not a domain name").arg(text));
    }
    return domain;
}

Result<QString> checkedIp(const QString &text)
{
    // Qt also reads abbreviations (1.2.3 for 1.2.0.3), which are more often slips of the pen.
    const QHostAddress address(text);
    const bool isAbbreviated = !text.contains(QLatin1Char(':'))
                               && text.count(QLatin1Char('.')) != 3;
    if (address.isNull() || isAbbreviated) {
        return objectError(QStringLiteral("'%1' is not an IP address").arg(text));
    }
    return address.toString();
}

Result<QString> checkedCidr(const QString &text)
{
    const auto [network, length] = QHostAddress::parseSubnet(text);
    if (network.isNull() || !text.contains(QLatin1Char('/'))) {
        return objectError(QStringLiteral("'%1' is not a network (ADDRESS/BITS)").arg(text));
    }
    return network.toString() + QLatin1Char('/') + QString::number(length);
}

Result<QString> checkedClockTime(const QString &text)
{
    static const QRegularExpression form(QStringLiteral("^(\\d?\\d):(\\d?\\d)$"));
    const auto match = form.match(text);
    const int hours = match.captured(1).toInt();
    const int minutes = match.captured(2).toInt();
    if (!match.hasMatch() || minutes > 59 || hours * 60 + minutes > 24 * 60) {
        return objectError(QStringLiteral("'%1' is not a time of 00:00 to 24:00").arg(text));
    }
    return QStringLiteral("%1:%2")
        .arg(hours, 2, 10, QLatin1Char('0'))
        .arg(minutes, 2, 10, QLatin1Char('0'));
}

Result<QString> checkedByForm(const QRegularExpression &form, const QString &text, const char *what)
{
    if (!form.match(text).hasMatch()) {
        return objectError(QStringLiteral("'%1' is not %2").arg(text, QString::fromLatin1(what)));
    }
    return text;
}

Result<QString> checkedForm(ObjectType type, PropertySpec::Form form, const QString &text)
{
    // RFC 5322 §2.2: printable US-ASCII except colon.
    static const QRegularExpression fieldName(QStringLiteral("^[!-9;-~]+$"));
    static const QRegularExpression configId(QStringLiteral("^[A-Za-z][A-Za-z0-9_-]+$"));
    switch (form) {
    case PropertySpec::Form::Any:
        return text;
    case PropertySpec::Form::Regex:
        return checkedRegex(type, text);
    case PropertySpec::Form::Address:
        return checkedAddress(text);
    case PropertySpec::Form::Domain:
        return checkedDomain(text);
    case PropertySpec::Form::Ip:
        return checkedIp(text);
    case PropertySpec::Form::Cidr:
        return checkedCidr(text);
    case PropertySpec::Form::ClockTime:
        return checkedClockTime(text);
    case PropertySpec::Form::FieldName:
        return checkedByForm(fieldName, text, "a header field name");
    case PropertySpec::Form::ConfigId:
        return checkedByForm(configId, text, "an identifier");
    }
    return text;
}

Result<QJsonValue> checkedText(ObjectType type, const PropertySpec &spec, const QJsonValue &value)
{
    if (!value.isString()) {
        return objectError(QStringLiteral("must be a text"));
    }
    const QString text = value.toString();
    if (text.isEmpty() && spec.isRequired && spec.form != PropertySpec::Form::Any) {
        return objectError(QStringLiteral("must not be empty"));
    }
    if (text.size() > spec.maxLength) {
        return objectError(QStringLiteral("longer than %1 characters").arg(spec.maxLength));
    }
    if (text.contains(QChar(u'\0'))) {
        return objectError(QStringLiteral("holds a NUL character"));
    }
    return QJsonValue(TRY(checkedForm(type, spec.form, text)));
}

Result<QJsonValue> checkedFlag(const QJsonValue &value)
{
    const bool isNumber = value.isDouble() && (value.toDouble() == 0 || value.toDouble() == 1);
    if (!value.isBool() && !isNumber) {
        return objectError(QStringLiteral("must be true or false"));
    }
    return QJsonValue(value.isBool() ? value.toBool() : value.toDouble() == 1);
}

Result<QJsonValue> checkedNumber(const PropertySpec &spec, const QJsonValue &value)
{
    const int number = value.toInt(-1);
    if (number < 0 || number > spec.maxLength) {
        return objectError(QStringLiteral("must be a whole number of 0 to %1").arg(spec.maxLength));
    }
    return QJsonValue(number);
}

Result<QJsonValue> checkedChoice(const PropertySpec &spec, const QJsonValue &value)
{
    const QStringList choices = QString::fromLatin1(spec.choices).split(QLatin1Char(' '));
    if (!choices.contains(value.toString())) {
        return objectError(
            QStringLiteral("must be one of %1").arg(choices.join(QStringLiteral(", "))));
    }
    return value;
}

Result<QJsonValue> checkedValue(ObjectType type, const PropertySpec &spec, const QJsonValue &value)
{
    switch (spec.type) {
    case PropertySpec::Type::Text:
        return checkedText(type, spec, value);
    case PropertySpec::Type::Flag:
        return checkedFlag(value);
    case PropertySpec::Type::Number:
        return checkedNumber(spec, value);
    case PropertySpec::Type::Choice:
        return checkedChoice(spec, value);
    }
    return value;
}

QJsonValue defaultOf(const PropertySpec &spec)
{
    const QString text = QString::fromLatin1(spec.defaultValue);
    return spec.type == PropertySpec::Type::Flag ? QJsonValue(text == QLatin1String("1"))
                                                 : QJsonValue(text);
}

Status checkLdapMode(const QJsonObject &properties)
{
    const bool isGroupMode = properties.value(QLatin1String("mode")).toString()
                             == QLatin1String("group");
    const bool hasGroup = !properties.value(QLatin1String("group")).toString().isEmpty();
    const bool hasProfile = !properties.value(QLatin1String("profile")).toString().isEmpty();
    if (isGroupMode && (!hasGroup || !hasProfile)) {
        return objectError(QStringLiteral("mode: 'group' needs group and profile"));
    }
    if (!isGroupMode && hasGroup) {
        return objectError(QStringLiteral("group: only with mode 'group'"));
    }
    return ok();
}

Status checkUnknown(const ObjectKind &kind, const QJsonObject &properties)
{
    for (auto it = properties.begin(); it != properties.end(); ++it) {
        const bool isKnown = std::any_of(
            kind.properties.begin(), kind.properties.end(),
            [&](const auto &spec) { return it.key() == QLatin1String(spec.name); });
        if (!isKnown) {
            return objectError(QStringLiteral("%1: no such property of a '%2'")
                                   .arg(it.key(), QString::fromLatin1(kind.urlName)));
        }
    }
    return ok();
}

/// application/x-ms-dos-executable and its like were renamed between releases of the type database.
QString withTodaysTypeNames(QString text)
{
    static constexpr std::array<std::pair<const char *, const char *>, 4> renamed{{
        {"x-ms-dos-executable", "vnd\\.microsoft\\.portable-executable"},
        {"x-dos-executable", "vnd\\.microsoft\\.portable-executable"},
        {"x-java-vm", "x-java"},
        {"x-javascript", "javascript"},
    }};
    for (const auto &[old, current] : renamed) {
        text.replace(QLatin1String(old), QLatin1String(current));
    }
    return text;
}

}  // namespace

Result<Pattern> compileObjectPattern(ObjectType type, const QString &text)
{
    switch (type) {
    case ObjectType::ContentType:
    case ObjectType::ArchiveContentType:
        return Pattern::compile(withTodaysTypeNames(text).toUtf8(), PatternAnchoring::Unanchored,
                                PatternCase::Sensitive);
    case ObjectType::MatchField:
        return Pattern::compile(text.toUtf8(), PatternAnchoring::Unanchored,
                                PatternCase::Insensitive);
    default:
        return Pattern::compile(text.toUtf8(), PatternAnchoring::WholeSubject,
                                PatternCase::Insensitive);
    }
}

Result<Object> checkedObject(const Object &object)
{
    const ObjectKind *kind = kindOf(object.type);
    if (kind == nullptr) {
        return objectError(QStringLiteral("unknown type %1").arg(static_cast<int>(object.type)));
    }
    TRY(checkUnknown(*kind, object.properties));
    Object checked = object;
    for (const PropertySpec &spec : kind->properties) {
        const QString name = QString::fromLatin1(spec.name);
        const QJsonValue value = object.properties.value(name);
        if (value.isUndefined() || value.isNull()) {
            if (spec.isRequired) {
                return objectError(name + QStringLiteral(": is missing"));
            }
            checked.properties.remove(name);
            if (spec.defaultValue != nullptr) {
                checked.properties.insert(name, defaultOf(spec));
            }
            continue;
        }
        const auto good = checkedValue(object.type, spec, value);
        if (!good) {
            return objectError(name + QStringLiteral(": ") + good.error().detail);
        }
        checked.properties.insert(name, *good);
    }
    if (object.type == ObjectType::WhoLdapGroup) {
        TRY(checkLdapMode(checked.properties));
    }
    return checked;
}

}  // namespace portcullis::rules
