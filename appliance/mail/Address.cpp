// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/Address.h"

#include <QtCore/QStringDecoder>
#include <QtCore/QUrl>

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace portcullis::mail {

namespace {

Error syntaxError(qsizetype position, const char *reason)
{
    return Error::permanent(
        "address.syntax",
        QStringLiteral("position %1: %2").arg(position + 1).arg(QLatin1StringView(reason)));
}

Error lengthError(const char *what, qsizetype length, qsizetype limit)
{
    return Error::permanent("address.length",
                            QStringLiteral("%1 has %2 octets, at most %3 are allowed")
                                .arg(QLatin1StringView(what))
                                .arg(length)
                                .arg(limit));
}

bool isLetterOrDigit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isEightBit(char c)
{
    return static_cast<unsigned char>(c) >= 0x80;
}

// RFC 5322 §3.2.3 atext, RFC 6531 §3.3 for octets above 127.
bool isAtomText(char c)
{
    return isLetterOrDigit(c) || isEightBit(c)
           || (c != '\0' && QByteArrayView("!#$%&'*+-/=?^_`{|}~").contains(c));
}

// RFC 5321 §4.1.2 qtextSMTP and what quoted-pairSMTP may quote: printable ASCII, never a control.
bool isQuotable(char c)
{
    return isEightBit(c) || (c >= ' ' && c <= '~');
}

// A control or format character that is invisible would make two addresses look the same.
bool isVisible(QChar c)
{
    return c.category() != QChar::Other_Control && c.category() != QChar::Other_Format
           && c.category() != QChar::Separator_Line && c.category() != QChar::Separator_Paragraph;
}

bool isAscii7(QByteArrayView text)
{
    return std::none_of(text.begin(), text.end(), isEightBit);
}

bool isCleanUtf8(QByteArrayView text)
{
    QStringDecoder decoder(QStringDecoder::Utf8, QStringDecoder::Flag::Stateless);
    const QString decoded = decoder.decode(text);
    return !decoder.hasError() && std::all_of(decoded.begin(), decoded.end(), isVisible);
}

QByteArray lowered(QByteArrayView text)
{
    return isAscii7(text) ? text.toByteArray().toLower()
                          : QString::fromUtf8(text).toLower().toUtf8();
}

bool isDotString(QByteArrayView local)
{
    bool isAfterDot = true;
    for (const char c : local) {
        if (c == '.' ? isAfterDot : !isAtomText(c)) {
            return false;
        }
        isAfterDot = c == '.';
    }
    return !isAfterDot;
}

struct LocalPart {
    QByteArray text;
    qsizetype length = 0;  // octets consumed
};

Result<LocalPart> parseQuoted(QByteArrayView text)
{
    LocalPart local;
    for (qsizetype i = 1; i < text.size(); ++i) {
        char c = text[i];
        if (c == '"') {
            local.length = i + 1;
            return local;
        }
        if (c == '\\') {
            if (++i == text.size()) {
                break;
            }
            c = text[i];
            if (isEightBit(c)) {
                return syntaxError(i, "only ASCII can be quoted with a backslash");
            }
        }
        if (!isQuotable(c)) {
            return syntaxError(i, "control character in a quoted local part");
        }
        local.text.append(c);
    }
    return syntaxError(text.size(), "the quoted local part does not end");
}

Result<LocalPart> parseDotString(QByteArrayView text)
{
    qsizetype end = 0;
    while (end < text.size() && text[end] != '@') {
        const char c = text[end];
        if (c != '.' && !isAtomText(c)) {
            return syntaxError(end, "character not allowed in an unquoted local part");
        }
        if (c == '.' && (end == 0 || text[end - 1] == '.')) {
            return syntaxError(end, "empty word in the local part");
        }
        ++end;
    }
    if (end == 0) {
        return syntaxError(0, "the local part is empty");
    }
    if (text[end - 1] == '.') {
        return syntaxError(end - 1, "the local part ends with a dot");
    }
    return LocalPart{text.first(end).toByteArray(), end};
}

Result<QByteArray> parseAddressLiteral(QByteArrayView text, qsizetype offset)
{
    if (!text.endsWith(']')) {
        return syntaxError(offset + text.size(), "the address literal does not end");
    }
    const QByteArray inside = text.sliced(1, text.size() - 2).toByteArray();
    if (inside.contains('\0')) {
        return syntaxError(offset, "NUL in the address literal");
    }
    in6_addr binary{};
    std::array<char, INET6_ADDRSTRLEN> printed{};
    const bool isV6 = inside.size() > 5
                      && inside.first(5).compare("IPv6:", Qt::CaseInsensitive) == 0;
    const int family = isV6 ? AF_INET6 : AF_INET;
    if (::inet_pton(family, isV6 ? inside.constData() + 5 : inside.constData(), &binary) != 1
        || ::inet_ntop(family, &binary, printed.data(), printed.size()) == nullptr) {
        return syntaxError(offset, "not an IPv4 or IPv6 address literal");
    }
    return QByteArray(isV6 ? "[ipv6:" : "[") + printed.data() + "]";
}

Status checkLabels(QByteArrayView domain, qsizetype offset)
{
    qsizetype start = 0;
    for (qsizetype i = 0; i <= domain.size(); ++i) {
        if (i < domain.size() && domain[i] != '.') {
            const char c = domain[i];
            // Deviation: RFC 5321 §4.1.2 has no underscore, but hosts named so send bounces.
            if (!isLetterOrDigit(c) && !isEightBit(c) && c != '-' && c != '_') {
                return syntaxError(offset + i, "character not allowed in a domain");
            }
            continue;
        }
        if (i == start) {
            return syntaxError(offset + i, "empty label in the domain");
        }
        if (domain[start] == '-' || domain[i - 1] == '-') {
            return syntaxError(offset + start, "a label starts or ends with a hyphen");
        }
        if (i - start > 63 && isAscii7(domain)) {
            return syntaxError(offset + start, "a label has more than 63 octets");
        }
        start = i + 1;
    }
    return ok();
}

// The domain in lower case. What IDNA would map to something else (full-width letters, ideographic
// dots, look-alike dots) is refused: one spelling, one domain.
Result<QByteArray> normalDomain(QByteArrayView domain, qsizetype offset)
{
    if (isAscii7(domain)) {
        in_addr binary{};
        QByteArray lower = domain.toByteArray().toLower();
        if (::inet_pton(AF_INET, lower.constData(), &binary) == 1) {
            return syntaxError(offset, "an IP address needs brackets");
        }
        return lower;
    }
    if (!isCleanUtf8(domain)) {
        return syntaxError(offset, "invalid UTF-8 or invisible characters in the domain");
    }
    const QString lower = QString::fromUtf8(domain).toLower().normalized(
        QString::NormalizationForm_C);
    const QByteArray ace = QUrl::toAce(lower, QUrl::IgnoreIDNWhitelist);
    if (ace.isEmpty() || QUrl::fromAce(ace, QUrl::IgnoreIDNWhitelist) != lower) {
        return syntaxError(offset, "not an internationalised domain in its normal form");
    }
    return lower.toUtf8();
}

Result<QByteArray> parseDomain(QByteArrayView text, qsizetype offset, const AddressLimits &limits)
{
    if (text.isEmpty()) {
        return syntaxError(offset, "the domain is empty");
    }
    if (text.startsWith('[')) {
        return parseAddressLiteral(text, offset);
    }
    if (text.endsWith('.')) {
        text.chop(1);
    }
    if (text.size() > limits.domain) {
        return lengthError("the domain", text.size(), limits.domain);
    }
    TRY(checkLabels(text, offset));
    return normalDomain(text, offset);
}

// Position behind the source route `@a,@b:` (RFC 5321 §4.1.2 A-d-l); 0 if there is none.
Result<qsizetype> skipSourceRoute(QByteArrayView path, const AddressLimits &limits)
{
    if (!path.startsWith('@')) {
        return 0;
    }
    qsizetype start = 0;
    for (qsizetype i = 0; i < path.size(); ++i) {
        if (path[i] != ',' && path[i] != ':') {
            continue;
        }
        if (path[start] != '@') {
            return syntaxError(start, "a host of the source route starts without @");
        }
        TRY(parseDomain(path.sliced(start + 1, i - start - 1), start + 1, limits));
        if (path[i] == ':') {
            return i + 1;
        }
        start = i + 1;
        if (start == path.size()) {
            break;
        }
    }
    return syntaxError(path.size(), "the source route has no end");
}

}  // namespace

Address::Address(QByteArray local, QByteArray domain)
    : m_local(std::move(local))
    , m_domain(std::move(domain))
{
}

Result<Address> Address::parseMailbox(QByteArrayView text, const AddressLimits &limits)
{
    LocalPart local = TRY(text.startsWith('"') ? parseQuoted(text) : parseDotString(text));
    if (!isAscii7(local.text) && !isCleanUtf8(local.text)) {
        return syntaxError(0, "invalid UTF-8 or invisible characters in the local part");
    }
    if (local.length == text.size() || text[local.length] != '@') {
        return syntaxError(local.length, "@ and the domain are missing");
    }
    const qsizetype domainStart = local.length + 1;
    QByteArray domain = TRY(parseDomain(text.sliced(domainStart), domainStart, limits));
    Address address(std::move(local.text), std::move(domain));
    const qsizetype localLength = address.toString().size() - address.m_domain.size() - 1;
    if (localLength > limits.localPart) {
        return lengthError("the local part", localLength, limits.localPart);
    }
    return address;
}

Result<Address> Address::parse(QByteArrayView text, const AddressLimits &limits)
{
    if (text.size() + 2 > limits.path) {  // as a path it has brackets
        return lengthError("the address", text.size(), limits.path - 2);
    }
    return parseMailbox(text, limits);
}

Result<Address> Address::parsePath(QByteArrayView path, const AddressLimits &limits)
{
    if (path.size() > limits.path) {
        return lengthError("the path", path.size(), limits.path);
    }
    if (path.size() < 2 || !path.startsWith('<') || !path.endsWith('>')) {
        return syntaxError(0, "a path stands in angle brackets");
    }
    path = path.sliced(1, path.size() - 2);
    if (path.isEmpty()) {
        return Address();
    }
    // RFC 5321 §4.1.1.3: the one address without a domain, in any case of letters.
    if (path.compare("postmaster", Qt::CaseInsensitive) == 0) {
        return Address(path.toByteArray(), {});
    }
    return parseMailbox(path.sliced(TRY(skipSourceRoute(path, limits))), limits);
}

qsizetype Address::pathLength(QByteArrayView text)
{
    if (!text.startsWith('<')) {
        return 0;
    }
    bool isQuoted = false;
    for (qsizetype i = 1; i < text.size(); ++i) {
        if (isQuoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            isQuoted = !isQuoted;
        } else if (text[i] == '>' && !isQuoted) {
            return i + 1;
        }
    }
    return 0;
}

bool Address::isAscii() const
{
    return isAscii7(m_local) && isAscii7(m_domain);
}

QByteArray Address::asciiDomain() const
{
    return isAscii7(m_domain) ? m_domain
                              : QUrl::toAce(QString::fromUtf8(m_domain), QUrl::IgnoreIDNWhitelist);
}

bool Address::hasRoutingCharacters() const
{
    return std::any_of(m_local.begin(), m_local.end(),
                       [](char c) { return c == '%' || c == '!' || c == '@'; });
}

QByteArray Address::toString() const
{
    if (m_domain.isEmpty()) {
        return m_local;
    }
    if (isDotString(m_local)) {
        return m_local + '@' + m_domain;
    }
    QByteArray quoted;
    quoted.reserve(m_local.size() + m_domain.size() + 3);
    quoted.append('"');
    for (const char c : m_local) {
        if (c == '"' || c == '\\') {
            quoted.append('\\');
        }
        quoted.append(c);
    }
    return quoted + "\"@" + m_domain;
}

QByteArray Address::key() const
{
    return lowered(toString());
}

}  // namespace portcullis::mail
