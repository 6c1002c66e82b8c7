// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/uri/UriCharacters.h"
#include "appliance/spam/uri/UriList.h"

#include <QtCore/QHash>
#include <QtCore/QSet>

#include <algorithm>

namespace portcullis::spam {

using uri::hasEscape;
using uri::isDigit;
using uri::isSpace;
using uri::isWord;
using uri::startsCaseless;
using uri::withEscapesResolved;

namespace {

using Types = std::vector<QByteArray>;

void addOnce(std::vector<QByteArray> &list, const QByteArray &item)
{
    if (std::ranges::find(list, item) == list.end()) {
        list.push_back(item);
    }
}

/// Without what follows a link in a sentence: a closing parenthesis that none opened, punctuation.
QByteArrayView withoutSentence(QByteArrayView text)
{
    const qsizetype opening = text.indexOf('(');
    const QByteArrayView before = opening < 0 ? text : text.first(opening);
    if (const qsizetype closing = before.lastIndexOf(')'); closing >= 0) {
        text = text.first(closing);
    }
    constexpr QByteArrayView punctuation("-~!@#^&*()_+=:;'?,.");
    while (!text.isEmpty() && punctuation.contains(text.back())) {
        text.chop(1);
    }
    return text;
}

/// "http://" and nothing behind it.
bool isBareScheme(QByteArrayView text)
{
    qsizetype at = 0;
    while (at < text.size() && isWord(text[at])) {
        ++at;
    }
    if (at == 0 || at >= text.size() || text[at] != ':') {
        return false;
    }
    const QByteArrayView rest = text.sliced(at + 1);
    return rest.isEmpty() || rest == "/" || rest == "//";
}

bool hasKnownScheme(QByteArrayView text)
{
    return startsCaseless(text, "http:") || startsCaseless(text, "https:")
           || startsCaseless(text, "ftp:") || startsCaseless(text, "mailto:");
}

bool startsWithWww(QByteArrayView text)
{
    qsizetype at = 3;
    if (!startsCaseless(text, "www")) {
        return false;
    }
    while (at < text.size() && at < 5 && isDigit(text[at])) {
        ++at;
    }
    return at < text.size() && text[at] == '.';
}

/// Without "email:", "skype:" and colons, which are often taken into an address.
QByteArrayView withoutLabel(QByteArrayView text)
{
    QByteArrayView rest = text;
    for (const QByteArrayView label :
         {QByteArrayView("skype"), QByteArrayView("email"), QByteArrayView("e-mail"),
          QByteArrayView("-mail"), QByteArrayView("mail")}) {
        if (startsCaseless(text, label)) {
            rest = text.sliced(label.size());
            break;
        }
    }
    const QByteArrayView behindLabel = rest;
    while (rest.startsWith(':')) {
        rest = rest.sliced(1);
    }
    return rest.size() < behindLabel.size() ? rest : text;
}

/// A piece of text with the scheme that a mail reader gives it; empty: no URI after all.
QByteArray withScheme(QByteArrayView text, Types &types)
{
    if (hasKnownScheme(text)) {
        return text.toByteArray();
    }
    types.push_back(QByteArrayLiteral("schemeless"));
    const QByteArray whole = text.toByteArray();
    if (startsCaseless(text, "ftp.")) {
        return "ftp://" + whole;
    }
    if (startsWithWww(text)) {
        return "http://" + whole;
    }
    const qsizetype slash = text.indexOf('/');
    if (slash >= 0 && text.lastIndexOf('@') >= slash + 2) {
        return "http://" + whole;
    }
    if (const qsizetype sign = text.indexOf('@'); sign >= 0) {
        if (text.lastIndexOf('.') < sign + 2 || whole.contains("&nbsp;")) {
            return {};
        }
        return "mailto:" + withoutLabel(text).toByteArray();
    }
    if (!text.contains('.')) {
        return {};
    }
    // Mail readers make no link of it, spammers hope for the reader to type it.
    types.push_back(QByteArrayLiteral("unlinked"));
    return "http://" + whole;
}

}  // namespace

bool UriDetail::hasType(const char *type) const
{
    return std::ranges::any_of(types, [type](const QByteArray &own) { return own == type; });
}

struct UriCollector::Private {
    explicit Private(const DomainTable &table)
        : domains(table)
    {
    }

    enum class Domain { Optional, Needed };
    enum class Forms { Raw, Canonical };

    UriDetail *add(const QByteArray &uri, const Types &types, Forms forms, Domain domain);
    void addFound(const TextUri &found);
    [[nodiscard]] bool isMailtoWithDomain(QByteArrayView uri) const;
    [[nodiscard]] bool isFull() const
    {
        return list.details.size() >= size_t(domains.settings().limits.uris);
    }

    const DomainTable &domains;
    UriList list;
    QHash<QByteArray, size_t> index;
    QSet<QByteArray> seenTexts;
    QSet<QByteArray> seenForms;
};

/// Null if there is nothing to be made of it.
UriDetail *UriCollector::Private::add(const QByteArray &uri,
                                      const Types &types,
                                      Forms wanted,
                                      Domain domain)
{
    const auto known = index.constFind(uri);
    if (known == index.cend() && isFull()) {
        return nullptr;
    }
    std::vector<QByteArray> forms = wanted == Forms::Canonical ? canonicalUris(uri, domains)
                                                               : std::vector<QByteArray>{uri};
    UriDetail fresh;
    for (QByteArray &form : forms) {
        if (form.size() > domains.settings().limits.length) {
            list.isTruncated = true;
            form.truncate(domains.settings().limits.length);
        }
        HostDomain found = domains.hostOfUri(form);
        if (!found.host.isEmpty()) {
            addOnce(fresh.domains, found.domain);
            if (std::ranges::find(fresh.hosts, found) == fresh.hosts.end()) {
                fresh.hosts.push_back(std::move(found));
            }
        }
    }
    if (domain == Domain::Needed && fresh.domains.empty()) {
        return nullptr;
    }
    if (known == index.cend()) {
        index.insert(uri, list.details.size());
        fresh.raw = uri;
        list.details.push_back(std::move(fresh));
    }
    UriDetail &detail = known == index.cend() ? list.details.back() : list.details[*known];
    if (wanted == Forms::Canonical) {
        for (const QByteArray &form : forms) {
            addOnce(detail.cleaned, form);
            if (!seenForms.contains(form)) {
                seenForms.insert(form);
                list.cleaned.push_back(form);
            }
        }
    }
    for (const QByteArray &type : types) {
        addOnce(detail.types, type);
    }
    return &detail;
}

/// The domain of an address must have a valid top level domain.
bool UriCollector::Private::isMailtoWithDomain(QByteArrayView uri) const
{
    const qsizetype sign = uri.indexOf('@');
    if (sign < 0) {
        return false;
    }
    QByteArrayView host = uri.sliced(sign + 1);
    const auto end = std::ranges::find_if(host,
                                          [](char c) { return c == '?' || c == '&' || c == '>'; });
    host = host.first(end - host.begin());
    while (host.endsWith("%20")) {
        host.chop(3);
    }
    return domains.hasValidTld(domains.asciiHost(host));
}

void UriCollector::Private::addFound(const TextUri &found)
{
    const QByteArrayView view = withoutSentence(found.text);
    const QByteArray text = view.toByteArray();
    if (seenTexts.contains(text)) {
        return;
    }
    seenTexts.insert(text);
    const bool isBrokenMail = found.kind == TextUri::Kind::Mail && !text.contains('@');
    const bool isBrokenHost = found.kind == TextUri::Kind::Schemeless
                              && !isValidHostName(found.host);
    // Content-IDs look like addresses.
    const bool isPartId = startsCaseless(text, "cid:") || startsCaseless(text, "mid:");
    if (isBrokenMail || isBrokenHost || isPartId || isBareScheme(text)) {
        return;
    }
    Types types{QByteArrayLiteral("parsed")};
    QByteArray uri = withScheme(text, types);
    if (startsCaseless(uri, "mailto:")) {
        uri = hasEscape(uri) ? withEscapesResolved(uri) : uri;
        if (!isMailtoWithDomain(uri)) {
            return;
        }
    }
    if (!uri.isEmpty()) {
        add(uri, types, Forms::Canonical, Domain::Needed);
    }
}

UriCollector::UriCollector(const DomainTable &domains)
    : d(std::make_unique<Private>(domains))
{
}

UriCollector::~UriCollector() = default;

void UriCollector::addText(const QByteArray &line)
{
    for (const TextUri &found : urisInText(line, d->domains)) {
        if (d->isFull()) {
            return;
        }
        d->addFound(found);
    }
}

void UriCollector::addHtml(std::span<const HtmlUri> links)
{
    HtmlLinks part;
    QHash<QByteArray, size_t> places;
    for (const HtmlUri &link : links) {
        if (link.uri.size() >= d->domains.settings().limits.length) {
            d->list.isTruncated = true;
        }
        const auto place = places.constFind(link.uri);
        const size_t at = place == places.cend() ? part.links.size() : *place;
        if (place == places.cend()) {
            if (part.links.size() >= size_t(d->domains.settings().limits.uris)) {
                continue;
            }
            places.insert(link.uri, at);
            part.links.push_back({link.uri, {}, {}});
        }
        if (!link.tag.isEmpty()) {
            addOnce(part.links[at].types, link.tag);
        }
        if (!link.text.isNull()) {
            part.links[at].anchorTexts.push_back(link.text);
        }
    }
    for (const HtmlLinks::Link &link : part.links) {
        // What only has an anchor text counts as found in text, as in the peer.
        const Types types = link.types.empty() ? Types{QByteArrayLiteral("parsed")} : link.types;
        UriDetail *detail = d->add(link.uri, types, Private::Forms::Canonical,
                                   Private::Domain::Optional);
        if (detail != nullptr) {
            for (const QByteArray &text : link.anchorTexts) {
                addOnce(detail->anchorTexts, text);
            }
        }
    }
    d->list.htmlParts.push_back(std::move(part));
}

void UriCollector::addSignature(QByteArrayView fieldValue)
{
    // RFC 6376 §3.5: d= names the domain. Any "d=" after a non-word counts, as in the peer.
    for (qsizetype at = 0; at < fieldValue.size(); ++at) {
        if (fieldValue[at] != 'd' || (at > 0 && isWord(fieldValue[at - 1]))) {
            continue;
        }
        qsizetype next = at + 1;
        while (next < fieldValue.size() && isSpace(fieldValue[next])) {
            ++next;
        }
        if (next >= fieldValue.size() || fieldValue[next] != '=') {
            continue;
        }
        const QByteArrayView rest = fieldValue.sliced(next + 1);
        const qsizetype semicolon = rest.indexOf(';');
        QByteArray domain = (semicolon < 0 ? rest : rest.first(semicolon)).toByteArray();
        domain.removeIf(isSpace);
        if (!domain.isEmpty()) {
            d->add("domainkeys:" + domain, {"domainkeys", "nocanon", "noclean"},
                   Private::Forms::Raw, Private::Domain::Needed);
        }
        at = next + (semicolon < 0 ? rest.size() : semicolon);
    }
}

UriList UriCollector::take()
{
    return std::move(d->list);
}

}  // namespace portcullis::spam
