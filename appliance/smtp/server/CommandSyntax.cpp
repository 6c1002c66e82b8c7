// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/CommandSyntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

namespace portcullis::smtp {

namespace {

/// The `<…>` of MAIL and RCPT, and the parameters behind it.
struct PathAndParameters {
    QByteArrayView path;
    QByteArrayView parameters;
};

/// One esmtp-param (RFC 5321 §4.1.2).
struct Parameter {
    QByteArrayView keyword;
    QByteArrayView value;
    bool hasValue = false;
};

QByteArrayView trimmed(QByteArrayView text)
{
    while (!text.isEmpty() && (text.front() == ' ' || text.front() == '\t')) {
        text = text.sliced(1);
    }
    while (!text.isEmpty() && (text.back() == ' ' || text.back() == '\t')) {
        text.chop(1);
    }
    return text;
}

Reply syntaxError(QByteArray enhanced, QByteArray text)
{
    return {501, std::move(enhanced), std::move(text)};
}

Reply unknownParameter(QByteArrayView keyword)
{
    return {555, "5.5.4", "Parameter not supported: " + keyword.toByteArray()};
}

Reply badParameter(QByteArrayView keyword)
{
    return {501, "5.5.4", "Bad value of parameter " + keyword.toByteArray()};
}

/// Cuts `FROM:<path> params` or `TO:<path> params`. A blank after the colon is borne, because
/// widespread clients send it; RFC 5321 §3.3 forbids it and a missing bracket.
std::optional<PathAndParameters> splitPath(QByteArrayView argument, QByteArrayView prefix)
{
    if (argument.size() < prefix.size()
        || argument.first(prefix.size()).compare(prefix, Qt::CaseInsensitive) != 0) {
        return std::nullopt;
    }
    const QByteArrayView rest = trimmed(argument.sliced(prefix.size()));
    const qsizetype length = mail::Address::pathLength(rest);
    if (length == 0) {
        return std::nullopt;
    }
    const QByteArrayView behind = rest.sliced(length);
    if (!behind.isEmpty() && behind.front() != ' ' && behind.front() != '\t') {
        return std::nullopt;
    }
    return PathAndParameters{rest.first(length), trimmed(behind)};
}

Parameter nextParameter(QByteArrayView &rest)
{
    const auto *const blank = std::find_if(rest.begin(), rest.end(),
                                           [](char c) { return c == ' ' || c == '\t'; });
    const QByteArrayView word = rest.first(blank - rest.begin());
    rest = trimmed(rest.sliced(word.size()));
    const qsizetype equals = word.indexOf('=');
    if (equals < 0) {
        return {word, {}, false};
    }
    return {word.first(equals), word.sliced(equals + 1), true};
}

bool isKeyword(QByteArrayView keyword)
{
    return !keyword.isEmpty() && std::isalnum(static_cast<uchar>(keyword.front())) != 0
           && std::all_of(keyword.begin(), keyword.end(), [](char c) {
                  return std::isalnum(static_cast<uchar>(c)) != 0 || c == '-';
              });
}

/// An address that fits the limits and the transaction, or why not. `detail` is the X.1.D code for
/// a bad address: 5.1.7 for senders, 5.1.3 for recipients (RFC 3463 §3.2).
Parsed<mail::Address> readAddress(QByteArrayView path,
                                  const SessionSettings &settings,
                                  bool isSmtpUtf8,
                                  const QByteArray &detail)
{
    auto address = mail::Address::parsePath(path, settings.limits.address);
    if (!address) {
        return tl::unexpected(
            syntaxError(detail, "Bad address: " + address.error().detail.toUtf8()));
    }
    if (!isSmtpUtf8 && !address->isAscii()) {
        // RFC 6531 §3.5
        return tl::unexpected(Reply{553, "5.6.7", "Address needs SMTPUTF8"});
    }
    return *std::move(address);
}

bool readSize(const Parameter &parameter, MailCommand &command)
{
    // RFC 1870 §5: 1*20DIGIT
    const QByteArrayView value = parameter.value;
    if (value.isEmpty() || value.size() > 20
        || !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return false;
    }
    bool isNumber = false;
    const qint64 size = value.toByteArray().toLongLong(&isNumber);
    command.declaredSize = isNumber ? size : std::numeric_limits<qint64>::max();
    return true;
}

bool readBody(const Parameter &parameter, MailCommand &command)
{
    if (isVerb(parameter.value, "8BITMIME")) {
        command.body = mail::BodyType::EightBitMime;
        return true;
    }
    command.body = mail::BodyType::SevenBit;
    return isVerb(parameter.value, "7BIT");
}

bool readRet(const Parameter &parameter, MailCommand &command)
{
    if (command.dsnReturn != mail::DsnReturn::Unspecified) {
        return false;  // RFC 3461 §4.3: at most once
    }
    if (isVerb(parameter.value, "FULL")) {
        command.dsnReturn = mail::DsnReturn::Full;
    } else if (isVerb(parameter.value, "HDRS")) {
        command.dsnReturn = mail::DsnReturn::Headers;
    }
    return command.dsnReturn != mail::DsnReturn::Unspecified;
}

bool readEnvid(const Parameter &parameter, MailCommand &command)
{
    // RFC 3461 §4.4: at most 100 octets, once
    const bool isGood = command.envelopeId.isEmpty() && !parameter.value.isEmpty()
                        && parameter.value.size() <= 100 && isXtext(parameter.value);
    command.envelopeId = parameter.value.toByteArray();
    return isGood;
}

bool readUtf8(const Parameter &parameter, MailCommand &command)
{
    command.isSmtpUtf8 = true;
    return !parameter.hasValue;  // RFC 6531 §3.4
}

/// The parameters of MAIL by the extension that brings them.
struct MailParameter {
    const char *keyword;
    Extension extension;
    bool (*read)(const Parameter &, MailCommand &);
};
constexpr std::array mailParameters{
    MailParameter{"SIZE", Extension::Size, readSize},
    MailParameter{"BODY", Extension::EightBitMime, readBody},
    MailParameter{"SMTPUTF8", Extension::SmtpUtf8, readUtf8},
    MailParameter{"RET", Extension::Dsn, readRet},
    MailParameter{"ENVID", Extension::Dsn, readEnvid},
};

bool readNotify(QByteArrayView value, mail::NotifyFlags &notify)
{
    using mail::Notify;
    if (notify != mail::NotifyFlags()) {
        return false;
    }
    while (true) {
        const qsizetype comma = value.indexOf(',');
        const QByteArrayView word = comma < 0 ? value : value.first(comma);
        if (isVerb(word, "NEVER")) {
            notify |= Notify::Never;
        } else if (isVerb(word, "SUCCESS")) {
            notify |= Notify::Success;
        } else if (isVerb(word, "FAILURE")) {
            notify |= Notify::Failure;
        } else if (isVerb(word, "DELAY")) {
            notify |= Notify::Delay;
        } else {
            return false;
        }
        if (comma < 0) {
            // RFC 3461 §4.1: NEVER stands alone
            return !notify.testFlag(Notify::Never) || notify == Notify::Never;
        }
        value = value.sliced(comma + 1);
    }
}

bool readOrcpt(QByteArrayView value, mail::Recipient &recipient)
{
    // RFC 3461 §4.2: addr-type ";" xtext, at most 500 octets; RFC 6533 §3 allows utf-8;
    const qsizetype semicolon = value.indexOf(';');
    const bool isGood = recipient.originalRecipient.isEmpty() && semicolon > 0
                        && value.size() <= 500 && isKeyword(value.first(semicolon))
                        && isXtext(value.sliced(semicolon + 1));
    recipient.originalRecipient = value.toByteArray();
    return isGood;
}

}  // namespace

CommandLine splitCommand(QByteArrayView line)
{
    const auto *const blank = std::find_if(line.begin(), line.end(),
                                           [](char c) { return c == ' ' || c == '\t'; });
    const qsizetype length = blank - line.begin();
    return {line.first(length), trimmed(line.sliced(length))};
}

bool isVerb(QByteArrayView verb, QByteArrayView name)
{
    return verb.size() == name.size() && verb.compare(name, Qt::CaseInsensitive) == 0;
}

bool isForeignVerb(QByteArrayView verb)
{
    static constexpr std::array<const char *, 12> foreign{"GET",    "HEAD",    "POST",    "PUT",
                                                          "DELETE", "CONNECT", "OPTIONS", "TRACE",
                                                          "PRI",    "PATCH",   "SSH-2.0", "PROXY"};
    // `Host:`, `Content-Type:`, `Subject:`: a request or a message where a command is due
    if (verb.size() > 1 && verb.endsWith(':')) {
        return true;
    }
    return std::any_of(foreign.begin(), foreign.end(),
                       [verb](const char *name) { return isVerb(verb, name); });
}

bool isHeloName(QByteArrayView name, const SessionLimits &limits)
{
    return !name.isEmpty() && name.size() <= limits.address.domain
           && std::all_of(name.begin(), name.end(), [](char c) {
                  return c > 0x20 && c < 0x7f && QByteArrayView("()<>@,;\\\"").indexOf(c) < 0;
              });
}

Parsed<MailCommand> parseMail(QByteArrayView argument, const SessionSettings &settings)
{
    const auto parts = splitPath(argument, "FROM:");
    if (!parts) {
        return tl::unexpected(syntaxError("5.5.4", "Syntax: MAIL FROM:<address>"));
    }
    MailCommand command;
    for (QByteArrayView rest = parts->parameters; !rest.isEmpty();) {
        const Parameter parameter = nextParameter(rest);
        const auto *const known = std::find_if(
            mailParameters.begin(), mailParameters.end(),
            [&](const MailParameter &each) { return isVerb(parameter.keyword, each.keyword); });
        if (known == mailParameters.end() || !settings.extensions.testFlag(known->extension)) {
            return tl::unexpected(unknownParameter(parameter.keyword));
        }
        if (!known->read(parameter, command)) {
            return tl::unexpected(badParameter(parameter.keyword));
        }
    }
    auto sender = readAddress(parts->path, settings, command.isSmtpUtf8, "5.1.7");
    if (!sender) {
        return tl::unexpected(std::move(sender.error()));
    }
    const qint64 limit = settings.limits.messageSize;
    if (limit > 0 && command.declaredSize.value_or(0) > limit) {
        // RFC 1870 §6.1
        return tl::unexpected(Reply{552, "5.3.4", "Message is larger than we take"});
    }
    command.sender = *std::move(sender);
    return command;
}

Parsed<mail::Recipient> parseRcpt(QByteArrayView argument,
                                  const SessionSettings &settings,
                                  bool isSmtpUtf8)
{
    const auto parts = splitPath(argument, "TO:");
    if (!parts) {
        return tl::unexpected(syntaxError("5.5.4", "Syntax: RCPT TO:<address>"));
    }
    mail::Recipient recipient;
    for (QByteArrayView rest = parts->parameters; !rest.isEmpty();) {
        const Parameter parameter = nextParameter(rest);
        const bool isNotify = isVerb(parameter.keyword, "NOTIFY");
        if ((!isNotify && !isVerb(parameter.keyword, "ORCPT"))
            || !settings.extensions.testFlag(Extension::Dsn)) {
            return tl::unexpected(unknownParameter(parameter.keyword));
        }
        if (!(isNotify ? readNotify(parameter.value, recipient.notify)
                       : readOrcpt(parameter.value, recipient))) {
            return tl::unexpected(badParameter(parameter.keyword));
        }
    }
    auto address = readAddress(parts->path, settings, isSmtpUtf8, "5.1.3");
    if (!address) {
        return tl::unexpected(std::move(address.error()));
    }
    if (address->isNull()) {
        return tl::unexpected(syntaxError("5.1.3", "The null path is no recipient"));
    }
    recipient.address = *std::move(address);
    return recipient;
}

std::optional<ChunkCommand> parseBdat(QByteArrayView argument)
{
    const CommandLine parts = splitCommand(argument);
    const QByteArrayView digits = parts.verb;
    if (digits.isEmpty() || digits.size() > 20
        || !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })
        || (!parts.argument.isEmpty() && !isVerb(parts.argument, "LAST"))) {
        return std::nullopt;
    }
    bool isNumber = false;
    const qint64 size = digits.toByteArray().toLongLong(&isNumber);
    return ChunkCommand{isNumber ? size : std::numeric_limits<qint64>::max(),
                        !parts.argument.isEmpty()};
}

bool isXtext(QByteArrayView value)
{
    return fromXtext(value).has_value();
}

std::optional<QByteArray> fromXtext(QByteArrayView value)
{
    const auto hexDigit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
    };
    QByteArray decoded;
    decoded.reserve(value.size());
    for (qsizetype i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (c < 0x21 || c > 0x7e || c == '=') {
            return std::nullopt;
        }
        if (c != '+') {
            decoded.append(c);
            continue;
        }
        const int high = i + 2 < value.size() ? hexDigit(value[i + 1]) : -1;
        const int low = i + 2 < value.size() ? hexDigit(value[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        decoded.append(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return decoded;
}

}  // namespace portcullis::smtp
