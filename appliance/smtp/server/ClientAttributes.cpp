// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/ClientAttributes.h"

#include <QtCore/QString>

#include <algorithm>
#include <array>
#include <cctype>

namespace portcullis::smtp {

namespace {

constexpr qsizetype longestIdent = 64;  ///< Postfix' queue ids have at most 20 octets.

/// What remains of foreign words that could not be a name: printable, without what separates.
QByteArray cleanedName(const QByteArray &value)
{
    QByteArray cleaned = value.left(255);  // RFC 5321 §4.5.3.1.2
    for (char &c : cleaned) {
        if (c <= ' ' || c >= 0x7f) {
            c = '?';
        }
    }
    return cleaned;
}

bool setName(mail::Client &client, const QByteArray &value, const SessionLimits &limits)
{
    client.name = value.toLower();
    return value.isEmpty() || isHeloName(value, limits);
}

bool setAddress(mail::Client &client, const QByteArray &value, const SessionLimits &)
{
    const bool isIpv6 = value.left(5).compare("IPV6:", Qt::CaseInsensitive) == 0;
    client.address.clear();
    return value.isEmpty()
           || client.address.setAddress(QString::fromLatin1(isIpv6 ? value.mid(5) : value));
}

bool setPort(mail::Client &client, const QByteArray &value, const SessionLimits &)
{
    bool isNumber = true;
    client.port = value.isEmpty() ? quint16(0) : value.toUShort(&isNumber);
    return isNumber;
}

bool setProtocol(mail::Client &client, const QByteArray &value, const SessionLimits &)
{
    client.protocol = value.toUpper();
    return value.size() <= 16 && std::all_of(value.begin(), value.end(), [](char c) {
               return std::isalnum(static_cast<uchar>(c)) != 0;
           });
}

bool setHelo(mail::Client &client, const QByteArray &value, const SessionLimits &limits)
{
    client.helo = value;
    return value.isEmpty() || isHeloName(value, limits);
}

bool setIdent(mail::Client &client, const QByteArray &value, const SessionLimits &)
{
    client.ident = value.left(longestIdent);
    return true;
}

bool ignore(mail::Client &, const QByteArray &, const SessionLimits &)
{
    return true;
}

struct Attribute {
    const char *name;
    bool isXclient;
    bool isXforward;
    bool (*set)(mail::Client &, const QByteArray &, const SessionLimits &);
};
constexpr std::array attributes{
    Attribute{"NAME", true, true, setName},     Attribute{"ADDR", true, true, setAddress},
    Attribute{"PORT", true, true, setPort},     Attribute{"PROTO", true, true, setProtocol},
    Attribute{"HELO", true, true, setHelo},     Attribute{"LOGIN", true, false, ignore},
    Attribute{"DESTADDR", true, false, ignore}, Attribute{"DESTPORT", true, false, ignore},
    Attribute{"IDENT", false, true, setIdent},  Attribute{"SOURCE", false, true, ignore},
};

bool belongsTo(const Attribute &attribute, AttributeCommand command)
{
    return command == AttributeCommand::Xclient ? attribute.isXclient : attribute.isXforward;
}

Parsed<mail::Client> refusal(QByteArrayView word)
{
    return tl::unexpected(Reply{501, "5.5.4", "Bad attribute: " + word.toByteArray()});
}

}  // namespace

QByteArray announcedAttributes(AttributeCommand command)
{
    QByteArray names;
    for (const Attribute &attribute : attributes) {
        if (belongsTo(attribute, command)) {
            names.append(' ').append(attribute.name);
        }
    }
    return names;
}

Parsed<mail::Client> applyAttributes(AttributeCommand command,
                                     QByteArrayView argument,
                                     mail::Client client,
                                     const SessionLimits &limits)
{
    if (argument.isEmpty()) {
        return refusal("none given");
    }
    while (!argument.isEmpty()) {
        const CommandLine parts = splitCommand(argument);
        argument = parts.argument;
        const qsizetype equals = parts.verb.indexOf('=');
        if (equals < 1) {
            return refusal(parts.verb);
        }
        const QByteArrayView name = parts.verb.first(equals);
        auto value = fromXtext(parts.verb.sliced(equals + 1));
        const auto *const known = std::find_if(
            attributes.begin(), attributes.end(), [&](const Attribute &attribute) {
                return belongsTo(attribute, command) && isVerb(name, attribute.name);
            });
        if (known == attributes.end() || !value) {
            return refusal(name);
        }
        if (isVerb(*value, "[UNAVAILABLE]") || isVerb(*value, "[TEMPUNAVAIL]")) {
            value->clear();
        }
        if (known->set(client, *value, limits)) {
            continue;
        }
        if (command == AttributeCommand::Xforward && known->set == setHelo) {
            client.helo = cleanedName(*value);
        } else if (command == AttributeCommand::Xforward && known->set == setName) {
            client.name = cleanedName(*value);
        } else {
            return refusal(name);
        }
    }
    return client;
}

}  // namespace portcullis::smtp
