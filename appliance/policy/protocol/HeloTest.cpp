// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/protocol/HeloTest.h"

#include "appliance/policy/AddressKey.h"
#include "shared/schema/Schema.h"

#include <algorithm>
#include <utility>

namespace portcullis::policy {

namespace {

constexpr qsizetype shownName = 100;  ///< Of a name in a reply.

QByteArrayView withoutDot(QByteArrayView name)
{
    return name.endsWith('.') && !name.endsWith("..") ? name.chopped(1) : name;
}

/// The address of `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
std::optional<QHostAddress> literalAddress(QByteArrayView name)
{
    constexpr QByteArrayView tag = "IPv6:";
    if (!name.startsWith('[') || !name.endsWith(']')) {
        return std::nullopt;
    }
    QByteArrayView text = name.sliced(1, name.size() - 2);
    const bool isTagged =
        text.first(std::min(text.size(), tag.size())).compare(tag, Qt::CaseInsensitive) == 0;
    if (isTagged) {
        text = text.sliced(tag.size());
    }
    if (!schema::isIpAddress(text) || isTagged != text.contains(':')) {
        return std::nullopt;
    }
    return QHostAddress(QString::fromLatin1(text));
}

/// A name as a reply may repeat it.
QByteArray quotable(QByteArrayView name)
{
    QByteArray text = name.first(std::min(name.size(), shownName)).toByteArray();
    std::replace_if(
        text.begin(), text.end(),
        [](char c) { return c <= ' ' || c > '~' || c == '<' || c == '>'; }, '?');
    return '<' + text + '>';
}

struct Words {
    int code;
    const char *enhanced;
    const char *text;
};

Words wordsFor(HeloFault fault)
{
    switch (fault) {
    case HeloFault::Missing:
        return {501, "5.5.4", "HELO needs the name of your host"};
    case HeloFault::Invalid:
        return {501, "5.5.2", "HELO name is no valid host name; an address needs brackets"};
    case HeloFault::NotFqdn:
        return {504, "5.5.2", "HELO name must be fully qualified, like mail.example.com"};
    case HeloFault::Literal:
        return {501, "5.5.2", "HELO name is no valid address literal, like [192.0.2.1]"};
    case HeloFault::OurName:
        return {550, "5.7.1", "HELO name is ours; give the name of your own host"};
    case HeloFault::OurAddress:
        return {550, "5.7.1", "HELO address is ours; give the name of your own host"};
    case HeloFault::None:
        break;
    }
    return {250, "2.0.0", "Ok"};
}

const char *nameOf(HeloFault fault)
{
    switch (fault) {
    case HeloFault::None:
        return "none";
    case HeloFault::Missing:
        return "missing";
    case HeloFault::Invalid:
        return "invalid";
    case HeloFault::NotFqdn:
        return "not-fqdn";
    case HeloFault::Literal:
        return "literal";
    case HeloFault::OurName:
        return "our-name";
    case HeloFault::OurAddress:
        return "our-address";
    }
    return "none";
}

}  // namespace

bool isHostName(QByteArrayView name)
{
    return schema::isDnsName(withoutDot(name));
}

HeloTest::HeloTest(HeloSettings settings)
    : m_settings(std::move(settings))
{
    for (QByteArray &name : m_settings.ownNames) {
        name = withoutDot(name).toByteArray().toLower();
    }
}

HeloFault HeloTest::faultOf(QByteArrayView name) const
{
    if (name.isEmpty()) {
        return HeloFault::Missing;
    }
    if (name.startsWith('[')) {
        const auto address = literalAddress(name);
        const auto isOurs = [&address](const QHostAddress &own) {
            return AddressKey::of(own) == AddressKey::of(*address);
        };
        const auto &own = m_settings.ownAddresses;
        return !address                                      ? HeloFault::Literal
               : std::any_of(own.begin(), own.end(), isOurs) ? HeloFault::OurAddress
                                                             : HeloFault::None;
    }
    if (!isHostName(name)) {
        return HeloFault::Invalid;
    }
    const QByteArray bare = withoutDot(name).toByteArray().toLower();
    const auto &names = m_settings.ownNames;
    if (std::find(names.begin(), names.end(), bare) != names.end()) {
        return HeloFault::OurName;
    }
    return bare.contains('.') ? HeloFault::None : HeloFault::NotFqdn;
}

std::optional<Refusal> HeloTest::refusal(QByteArrayView name) const
{
    const HeloFault fault = faultOf(name);
    if (fault == HeloFault::None) {
        return std::nullopt;
    }
    const Words words = wordsFor(fault);
    return Refusal{words.code, words.enhanced, quotable(name) + ": " + words.text, "helo",
                   QJsonObject{{QStringLiteral("fault"), QString::fromLatin1(nameOf(fault))}}};
}

}  // namespace portcullis::policy
