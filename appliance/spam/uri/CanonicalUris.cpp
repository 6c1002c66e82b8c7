// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/UriCharacters.h"
#include "appliance/spam/uri/UriList.h"
#include "appliance/spam/uri/UriNumbers.h"

#include <QtCore/QList>

#include <algorithm>
#include <array>
#include <optional>

namespace portcullis::spam {

namespace uri {

QByteArray withEscapesResolved(QByteArrayView uri)
{
    constexpr std::string_view digits = "0123456789abcdef";
    QByteArray result;
    result.reserve(uri.size() + 16);
    for (qsizetype at = 0; at < uri.size(); ++at) {
        const char c = uri[at];
        const auto value = static_cast<quint8>(c);
        const int high = c == '%' && at + 2 < uri.size() ? hexValue(uri[at + 1]) : -1;
        const int low = high >= 0 ? hexValue(uri[at + 2]) : -1;
        if (low >= 0) {
            const int meant = high * 16 + low;
            if (meant > 0x20 && meant < 0x7f) {
                result.append(static_cast<char>(meant));
            } else {
                result.append(uri.sliced(at, 3));
            }
            at += 2;
        } else if (value <= 0x20 || value >= 0x7f || c == '"' || c == '%' || c == '<' || c == '>') {
            result.append('%');
            result.append(digits[value >> 4]);
            result.append(digits[value & 15]);
        } else {
            result.append(c);
        }
    }
    return result;
}

}  // namespace uri

using uri::addressOfNumber;
using uri::areAll;
using uri::decimalAddress;
using uri::findCaseless;
using uri::hasEscape;
using uri::hexValue;
using uri::httpLength;
using uri::isAlphanumeric;
using uri::isDigit;
using uri::isHexNumber;
using uri::isSpace;
using uri::isWord;
using uri::lower;
using uri::startsCaseless;
using uri::toLower;
using uri::withEscapesResolved;
using uri::withReferencesResolved;

namespace {

bool endsHost(char c)
{
    return c == '/' || c == '?' || c == '#';
}

/// Without line ends, which come from URIs over several lines, and without space around it.
QByteArray trimmedUri(const QByteArray &uri)
{
    QByteArray result = uri;
    result.removeIf([](char c) { return c == '\n'; });
    while (!result.isEmpty() && isSpace(result.back())) {
        result.chop(1);
    }
    qsizetype start = 0;
    while (start < result.size() && isSpace(result[start])) {
        ++start;
    }
    result.remove(0, start);
    result.removeIf([](char c) { return c == '\r'; });
    return result;
}

/// "http://user@host:80/rest" in its parts.
struct HttpUri {
    QByteArray scheme;  ///< "http://" as written.
    bool hasUser = false;
    QByteArray host;
    QByteArray rest;  ///< From the port on.
    QByteArray port;  ///< As written, may be empty.
};

std::optional<HttpUri> splitHttp(const QByteArray &uri)
{
    const qsizetype schemeEnd = httpLength(uri);
    if (schemeEnd == 0) {
        return std::nullopt;
    }
    const auto runEnd = [&uri](qsizetype at, char other) {
        while (at < uri.size() && !endsHost(uri[at]) && uri[at] != other) {
            ++at;
        }
        return at;
    };
    qsizetype hostStart = schemeEnd;
    const qsizetype sign = runEnd(schemeEnd, '@');
    if (sign < uri.size() && uri[sign] == '@' && runEnd(sign + 1, ':') > sign + 1) {
        hostStart = sign + 1;
    }
    const qsizetype hostEnd = runEnd(hostStart, ':');
    if (hostEnd == hostStart) {
        return std::nullopt;
    }
    HttpUri result{uri.first(schemeEnd),
                   hostStart > schemeEnd,
                   uri.sliced(hostStart, hostEnd - hostStart),
                   uri.sliced(hostEnd),
                   {}};
    if (result.rest.startsWith(':')) {
        qsizetype end = 1;
        while (end < result.rest.size() && isDigit(result.rest[end])) {
            ++end;
        }
        result.port = result.rest.sliced(1, end - 1);
    }
    return result;
}

/// Makes the canonical forms of one URI. Those it finds inside, behind redirectors, are read in turn.
class Canonicalizer
{
public:
    explicit Canonicalizer(const DomainTable &domains)
        : m_domains(domains)
    {
    }

    std::vector<QByteArray> run(const QByteArray &uri)
    {
        m_pending.push_back(uri);
        for (size_t at = 0; at < m_pending.size(); ++at) {
            const QByteArray next = trimmedUri(m_pending[at]);
            add(next);
            read(next);
        }
        return std::move(m_forms);
    }

private:
    void add(const QByteArray &form)
    {
        if (m_forms.size() < size_t(m_domains.settings().limits.forms)
            && std::ranges::find(m_forms, form) == m_forms.end()) {
            m_forms.push_back(form);
        }
    }

    void readLater(const QByteArray &target)
    {
        if (m_pending.size() <= size_t(m_domains.settings().limits.redirects)) {
            m_pending.push_back(target);
        }
    }

    void read(const QByteArray &uri);
    void readMail(const QByteArray &uri);
    void readHttp(HttpUri uri);
    void readAddress(const HttpUri &uri, QByteArrayView asciiHost);
    QByteArray normalised(const QByteArray &uri);

    const DomainTable &m_domains;
    std::vector<QByteArray> m_pending;
    std::vector<QByteArray> m_forms;
};

void Canonicalizer::read(const QByteArray &uri)
{
    const bool isFragment = uri.size() <= 1 || uri[0] == '#' || uri[0] == '?' || uri[0] == '&';
    if (isFragment || (uri[0] == '/' && uri[1] != '/')) {
        return;
    }
    const qsizetype sign = uri.indexOf('@');
    const qsizetype colon = uri.indexOf(':');
    if (startsCaseless(uri, "mailto:") || (sign >= 0 && (colon < 0 || sign < colon))) {
        readMail(uri);
        return;
    }
    const QByteArray normal = normalised(uri);
    if (normal != uri) {
        add(normal);
    }
    if (auto parts = splitHttp(normal)) {
        readHttp(std::move(*parts));
    }
}

/// Where a greedy run of what is not `stops` ends that begins at `from`.
qsizetype endOfRun(QByteArrayView text, qsizetype from, QByteArrayView stops)
{
    while (from < text.size() && !stops.contains(text[from])) {
        ++from;
    }
    return from;
}

/// The address in "Name <user@host>"; empty: there is none.
QByteArray bracketedAddress(const QByteArray &uri)
{
    const qsizetype last = std::min(endOfRun(uri, 0, "?&"), uri.size() - 1);
    qsizetype sign = -1;
    qsizetype closing = -1;
    for (qsizetype at = uri.size() - 1; at >= 0; --at) {
        if (uri[at] == '@') {
            sign = at;
        } else if (uri[at] == '>') {
            closing = at;
        } else if (uri[at] == '<' && at <= last && sign > at + 1 && closing > sign + 1) {
            return uri.sliced(at + 1, closing - at - 1);
        }
    }
    return {};
}

void Canonicalizer::readMail(const QByteArray &uri)
{
    const qsizetype sign = uri.indexOf('@');
    if (sign > 0) {
        const qsizetype question = endOfRun(uri, sign + 1, "?");
        if (question > sign + 1 && question < uri.size()) {
            add(uri.first(question));
        }
        // Outlook takes foo@bar%2Ecom&x.com for foo@bar.com.
        const qsizetype ampersand = endOfRun(uri, sign + 1, "?&");
        if (ampersand > sign + 1 && ampersand < uri.size() && uri[ampersand] == '&') {
            add(uri.first(ampersand));
        }
    }
    if (sign > 0 && uri.contains("%20")) {
        const qsizetype schemeEnd = uri.startsWith("mailto:") ? 7 : 0;
        qsizetype start = schemeEnd;
        while (QByteArrayView(uri).sliced(start).startsWith("%20")) {
            start += 3;
        }
        if (sign == start) {  // Something must stand before the sign.
            start = start > schemeEnd ? start - 3 : 0;
        }
        const qsizetype end = endOfRun(uri, sign + 1, "?&%");
        if (sign > start && end > sign + 1) {
            add("mailto:" + uri.sliced(start, end - start));
        }
    }
    if (const QByteArray address = bracketedAddress(uri); !address.isEmpty()) {
        add("mailto:" + address);
    }
}

/// With slashes, escapes and character references as a browser takes them, and with a scheme.
QByteArray Canonicalizer::normalised(const QByteArray &uri)
{
    QByteArray result = uri;
    result.replace('\\', '/');
    const auto putSlashes = [&result] {
        const qsizetype colon = startsCaseless(result, "http:")    ? 5
                                : startsCaseless(result, "https:") ? 6
                                                                   : 0;
        if (colon > 0) {
            qsizetype slashes = 0;
            while (slashes < 2 && colon + slashes < result.size()
                   && result[colon + slashes] == '/') {
                ++slashes;
            }
            result.replace(colon, slashes, "//");
        }
    };
    putSlashes();
    if (hasEscape(result)) {
        result = withEscapesResolved(result);
    }
    qsizetype scheme = 0;
    while (scheme < result.size() && (isWord(result[scheme]) || result[scheme] == '-')) {
        ++scheme;
    }
    if (scheme == 0 || scheme >= result.size() || result[scheme] != ':') {
        result.prepend(result.startsWith("ftp.") ? "ftp://" : "http://");
    }
    if (const qsizetype start = httpLength(result); start > 0) {
        const qsizetype end = endOfRun(result, start, "/?#");
        if (end > start && end < result.size() && result[end] != '/') {
            result.insert(end, '/');
        }
    }
    return withReferencesResolved(result);
}

/// The URI after the first "http:" in a path or query; empty: none.
QByteArray embeddedUri(QByteArrayView rest)
{
    for (qsizetype at = findCaseless(rest, "http"); at >= 0;
         at = findCaseless(rest, "http", at + 1)) {
        qsizetype colon = at + 4;
        colon += colon < rest.size() && lower(rest[colon]) == 's' ? 1 : 0;
        if (colon >= rest.size() || rest[colon] != ':') {
            continue;
        }
        const qsizetype end = endOfRun(rest, colon + 1, "&#");
        if (end > colon + 1) {
            const QByteArrayView target = rest.sliced(at, end - at);
            return target.contains('.') ? target.toByteArray() : QByteArray();
        }
    }
    return {};
}

void Canonicalizer::readHttp(HttpUri uri)
{
    const bool isPlain = uri.scheme == "http://";
    QByteArray restWithoutPort;
    if (!uri.port.isEmpty()) {
        restWithoutPort = uri.rest;
        const QByteArray standard = isPlain ? QByteArrayLiteral(":80") : QByteArrayLiteral(":443");
        const qsizetype size = standard.size();
        if (uri.rest.startsWith(standard) && (uri.rest.size() == size || !isWord(uri.rest[size]))) {
            restWithoutPort = uri.rest.sliced(size);
            add(uri.scheme + uri.host + restWithoutPort);
        }
    }
    const QByteArray ascii = m_domains.asciiHost(uri.host);
    if (ascii != toLower(uri.host)) {
        add(uri.scheme + ascii + uri.rest);
        if (!restWithoutPort.isEmpty()) {
            add(uri.scheme + ascii + restWithoutPort);
        }
        uri.host = ascii;
    }
    if (std::ranges::any_of(uri.host, [](char c) { return static_cast<quint8>(c) <= 0x20; })) {
        // Browsers drop them.
        uri.host.removeIf([](char c) { return static_cast<quint8>(c) <= 0x20; });
        add(uri.scheme + uri.host + uri.rest);
    }

    QByteArray target = m_domains.redirectorTarget(uri.scheme + uri.host + uri.rest);
    if (target.isEmpty()) {
        target = embeddedUri(uri.rest);
    }
    if (!target.isEmpty()) {
        readLater(target);
    }

    if (const qsizetype sign = uri.host.indexOf('@'); sign > 0) {
        uri.host.remove(0, sign + 1);
        add(uri.scheme + uri.host + uri.rest);
    }
    if (!uri.host.isEmpty() && !isAlphanumeric(uri.host.back())) {
        // The end of a sentence: "http://example.com!!!"
        while (!uri.host.isEmpty() && !isAlphanumeric(uri.host.back())) {
            uri.host.chop(1);
        }
        add(uri.scheme + uri.host + uri.rest);
    }
    readAddress(uri, ascii);
}

/// Hosts that are addresses in disguise, or that a browser completes.
void Canonicalizer::readAddress(const HttpUri &uri, QByteArrayView asciiHost)
{
    if (const QByteArray address = decimalAddress(uri.host); !address.isEmpty()) {
        add(uri.scheme + address + uri.rest);
        return;
    }
    if (isHexNumber(uri.host)) {
        const QByteArray digits = uri.host.sliced(2).right(8);
        add(uri.scheme + addressOfNumber(digits.toULongLong(nullptr, 16)) + uri.rest);
        return;
    }
    if (areAll(uri.host, isDigit)) {
        bool isSmall = false;
        const quint64 number = uri.host.toULongLong(&isSmall);
        add(uri.scheme + addressOfNumber(isSmall ? number : ~quint64(0)) + uri.rest);
        return;
    }
    const bool isStandardPort = uri.port.isEmpty() || uri.port == "80";
    if (uri.scheme != "http://" || uri.hasUser || asciiHost == "localhost" || !isStandardPort) {
        return;
    }
    const bool hasWww = asciiHost.startsWith("www.") && asciiHost.size() > 4;
    const QByteArrayView word = hasWww ? asciiHost.sliced(4) : asciiHost;
    if (!word.contains('.') && !m_domains.hasValidTld(asciiHost)) {
        add(uri.scheme + "www." + word.toByteArray() + ".com" + uri.rest);
    }
}

}  // namespace

std::vector<QByteArray> canonicalUris(const QByteArray &uri, const DomainTable &domains)
{
    return Canonicalizer(domains).run(uri);
}

}  // namespace portcullis::spam
