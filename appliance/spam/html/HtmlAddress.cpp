// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/html/HtmlAddress.h"

#include "appliance/spam/html/HtmlCharacters.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

using OptionalView = std::optional<QByteArrayView>;

/// RFC 3986 §3, cut as in its appendix B.
struct AddressParts {
    OptionalView scheme;
    OptionalView authority;
    QByteArrayView path;
    OptionalView query;
    OptionalView fragment;
};

qsizetype findAny(QByteArrayView text, qsizetype from, QByteArrayView wanted)
{
    while (from < text.size() && !wanted.contains(text[from])) {
        ++from;
    }
    return from;
}

AddressParts splitAddress(QByteArrayView text)
{
    AddressParts parts;
    const qsizetype colon = findAny(text, 0, ":/?#");
    if (colon > 0 && colon < text.size() && text[colon] == ':') {
        parts.scheme = text.first(colon);
        text = text.sliced(colon + 1);
    }
    if (text.startsWith("//")) {
        const qsizetype end = findAny(text, 2, "/?#");
        parts.authority = text.first(end).sliced(2);
        text = text.sliced(end);
    }
    qsizetype end = findAny(text, 0, "?#");
    parts.path = text.first(end);
    text = text.sliced(end);
    if (text.startsWith('?')) {
        end = findAny(text, 1, "#");
        parts.query = text.first(end).sliced(1);
        text = text.sliced(end);
    }
    if (text.startsWith('#')) {
        parts.fragment = text.first(findAny(text, 1, "\n")).sliced(1);
    }
    return parts;
}

/// RFC 3986 §5.2.4, once through. Deviation: as SpamAssassin, a lone "0" vanishes.
QByteArray withoutDots(QByteArrayView path)
{
    QByteArray result;
    result.reserve(path.size());
    if (path.startsWith("./")) {
        path = path.sliced(1);
    } else if (path.startsWith("../")) {
        path = path.sliced(2);
    }
    while (!path.isEmpty() && path != "0") {
        if (path == "/." || path == "/..") {
            if (path.size() == 3) {
                result.truncate(std::max<qsizetype>(result.lastIndexOf('/'), 0));
            }
            result.append('/');
            break;
        }
        if (path.startsWith("/./")) {
            path = path.sliced(2);
        } else if (path.startsWith("/../")) {
            result.truncate(std::max<qsizetype>(result.lastIndexOf('/'), 0));
            path = path.sliced(3);
        } else {
            const qsizetype end = findAny(path, 1, "/");
            result.append(path.first(end));
            path = path.sliced(end);
        }
    }
    return result;
}

QByteArray mergedPath(const AddressParts &base, QByteArrayView path)
{
    if (base.authority && base.path.isEmpty()) {
        return "/" + path.toByteArray();
    }
    const qsizetype slash = base.path.lastIndexOf('/');
    return base.path.first(slash + 1).toByteArray() + path.toByteArray();
}

/// "www.", "www2.", "ftp." at the start of a host name tell the scheme.
QByteArray guessedScheme(QByteArrayView authority)
{
    const auto isKind = [authority](QByteArrayView kind) {
        if (authority.size() <= kind.size()
            || qstrnicmp(authority.data(), kind.size(), kind.data(), kind.size()) != 0) {
            return false;
        }
        qsizetype at = kind.size();
        while (at < authority.size() && authority[at] >= '0' && authority[at] <= '9') {
            ++at;
        }
        return at < authority.size() && authority[at] == '.';
    };
    return isKind("www") ? QByteArray("http:") : isKind("ftp") ? QByteArray("ftp:") : QByteArray();
}

QByteArray joinedAddress(const AddressParts &target, const QByteArray &path)
{
    QByteArray result;
    if (target.scheme && *target.scheme != "0") {
        result.append(*target.scheme).append(':');
    } else if (target.authority) {
        result.append(guessedScheme(*target.authority));
    }
    if (target.authority) {
        result.append("//").append(*target.authority);
    }
    result.append(path);
    if (target.query) {
        result.append('?').append(*target.query);
    }
    if (target.fragment) {
        result.append('#').append(*target.fragment);
    }
    return result;
}

bool isWordOctet(char c)
{
    return isPerlWord(static_cast<unsigned char>(c), PerlText::Octets);
}

}  // namespace

QByteArray resolveAddress(QByteArrayView baseText, QByteArrayView referenceText)
{
    const AddressParts base = splitAddress(baseText);
    AddressParts target = splitAddress(referenceText);
    if (target.scheme && base.scheme && *target.scheme == *base.scheme) {
        target.scheme.reset();
    }
    if (target.scheme) {
        return joinedAddress(target, withoutDots(target.path));
    }
    target.scheme = base.scheme;
    if (target.authority) {
        return joinedAddress(target, withoutDots(target.path));
    }
    target.authority = base.authority;
    if (target.path.isEmpty()) {
        if (!target.query) {
            target.query = base.query;
        }
        return joinedAddress(target, base.path.toByteArray());
    }
    const QByteArray path = target.path.startsWith('/') ? target.path.toByteArray()
                                                        : mergedPath(base, target.path);
    return joinedAddress(target, withoutDots(path));
}

QByteArray baseOfAddress(QByteArrayView address)
{
    const AddressParts parts = splitAddress(address);
    if (!parts.scheme) {
        return {};
    }
    const QByteArray scheme = parts.scheme->toByteArray().toLower();
    if (scheme != "http" && scheme != "https" && scheme != "ftp") {
        return {};
    }
    // A file name with a short ending behind the host: "http://example.com/dir/index.html".
    QByteArray base = address.toByteArray();
    qsizetype hostStart = scheme.size() + 1;
    for (int slashes = 0; slashes < 2 && base.mid(hostStart, 1) == "/"; ++slashes) {
        ++hostStart;
    }
    const qsizetype pathStart = base.indexOf('/', hostStart + 1);
    const qsizetype dot = base.lastIndexOf('.');
    const qsizetype endingSize = base.size() - dot - 1;
    if (pathStart >= 0 && dot > pathStart + 1 && endingSize >= 2 && endingSize <= 4
        && base.lastIndexOf('/') < dot) {
        const qsizetype nameStart = std::max(base.lastIndexOf('/'), base.lastIndexOf('.', dot - 1))
                                    + 1;
        if (nameStart < dot) {
            base.truncate(std::max(nameStart, pathStart + 1));
        }
    }
    return base.endsWith('/') ? base : base + '/';
}

QByteArrayView addressOfRefresh(QByteArrayView content)
{
    const qsizetype lineEnd = findAny(content, 0, "\n");
    for (qsizetype at = lineEnd - 3; at >= 0; --at) {
        if (qstrnicmp(content.data() + at, 3, "url", 3) != 0
            || (at > 0 && isWordOctet(content[at - 1]))) {
            continue;
        }
        qsizetype equals = at + 3;
        while (equals < content.size() && isAsciiSpace(content[equals])) {
            ++equals;
        }
        if (equals >= content.size() || content[equals] != '=') {
            continue;
        }
        const QByteArrayView rest = content.sliced(equals + 1);
        return trimmedOctets(rest.first(findAny(rest, 0, ";")));
    }
    return {};
}

}  // namespace portcullis::spam
