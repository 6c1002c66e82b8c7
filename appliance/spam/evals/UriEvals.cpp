// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/evals/UriEvals.h"

#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/uri/UriCharacters.h"

#include <algorithm>
#include <optional>

namespace portcullis::spam {

namespace {

/// A redirector and what it leads to, within one URI.
struct Redirection {
    QByteArrayView from;    ///< Host.
    QByteArrayView to;      ///< Host.
    QByteArrayView target;  ///< The URI that begins with "http" inside.
};

qsizetype endOfUriHost(QByteArrayView text, qsizetype at)
{
    while (at < text.size() && text[at] != '/' && text[at] != ':' && text[at] != '?') {
        ++at;
    }
    return at;
}

/// The host of a URI that begins at `at` with "http:" and up to two slashes; empty: none does.
QByteArrayView hostAt(QByteArrayView text, qsizetype at)
{
    qsizetype next = at + 4;
    next += next < text.size() && uri::lower(text[next]) == 's' ? 1 : 0;
    if (next >= text.size() || text[next] != ':') {
        return {};
    }
    ++next;
    for (int slashes = 0; slashes < 2 && next < text.size() && text[next] == '/'; ++slashes) {
        ++next;
    }
    return text.sliced(next, endOfUriHost(text, next) - next);
}

std::optional<Redirection> redirectionIn(QByteArrayView text)
{
    const qsizetype hostStart = uri::httpLength(text);
    const qsizetype hostEnd = endOfUriHost(text, hostStart);
    if (hostStart == 0 || hostEnd == hostStart) {
        return std::nullopt;
    }
    std::optional<Redirection> inHost;  // "http://ahttp://b": only if nothing follows the host.
    for (qsizetype at = uri::findCaseless(text, "http", hostStart + 2); at >= 0;
         at = uri::findCaseless(text, "http", at + 1)) {
        const QByteArrayView host = hostAt(text, at);
        if (host.isEmpty()) {
            continue;
        }
        if (at > hostEnd) {
            return Redirection{text.sliced(hostStart, hostEnd - hostStart), host, text.sliced(at)};
        }
        inHost = Redirection{text.sliced(hostStart, at - 1 - hostStart), host, text.sliced(at)};
    }
    return inHost;
}

QByteArray domainOrItself(const DomainTable &domains, QByteArrayView host)
{
    const QByteArray domain = domains.domainOfUri(host);
    return domain.isEmpty() ? host.toByteArray() : domain;
}

/// "https://user@192.0.2.1": slashes may be missing.
bool leadsToAddress(QByteArrayView text, bool mayBePlain)
{
    const bool isSecure = uri::startsCaseless(text, "https:");
    if (!isSecure && !(mayBePlain && uri::startsCaseless(text, "http:"))) {
        return false;
    }
    text = text.sliced(isSecure ? 6 : 5);
    while (text.startsWith('/')) {
        text = text.sliced(1);
    }
    const auto startsWithAddress = [](QByteArrayView rest) {
        for (int octet = 0; octet < 4; ++octet) {
            qsizetype digits = 0;
            while (digits < rest.size() && uri::isDigit(rest[digits])) {
                ++digits;
            }
            const bool needsDot = octet < 3;
            if (digits == 0 || (needsDot && (digits >= rest.size() || rest[digits] != '.'))) {
                return false;
            }
            rest = rest.sliced(digits + (needsDot ? 1 : 0));
        }
        return true;
    };
    const auto userEnd = std::ranges::find_if(text, [](char c) { return c == '@' || c == '/'; })
                         - text.begin();
    const bool hasUser = userEnd > 0 && userEnd < text.size() && text[userEnd] == '@';
    return startsWithAddress(text) || (hasUser && startsWithAddress(text.sliced(userEnd + 1)));
}

}  // namespace

QByteArray UriEvals::plugin() const
{
    return "Mail::SpamAssassin::Plugin::URIEval";
}

void UriEvals::configure(const RuleSet &, ProblemSink &) {}

std::vector<EvalModule::Entry> UriEvals::functions() const
{
    return {{"check_for_http_redirector",
             [](Scan &scan, const EvalCall &) { return leadsElsewhere(scan); }},
            {"check_https_ip_mismatch",
             [](Scan &scan, const EvalCall &) { return hidesAddress(scan); }},
            {"check_uri_truncated",
             [](Scan &scan, const EvalCall &) { return scan.text().uris().isTruncated ? 1 : 0; }}};
}

/// A URI of one domain names, behind its host, a URI of another.
int UriEvals::leadsElsewhere(Scan &scan)
{
    for (const QByteArray &uri : scan.text().uris().cleaned) {
        QByteArrayView left(uri);
        while (const auto redirection = redirectionIn(left)) {
            if (domainOrItself(scan.domains(), redirection->from)
                != domainOrItself(scan.domains(), redirection->to)) {
                return 1;
            }
            left = redirection->target;
        }
    }
    return 0;
}

/// The text speaks of https, the link leads to an IP address.
int UriEvals::hidesAddress(Scan &scan)
{
    for (const HtmlLinks &part : scan.text().uris().htmlParts) {
        for (const HtmlLinks::Link &link : part.links) {
            if (!leadsToAddress(link.uri, true)) {
                continue;
            }
            const bool isHidden = std::ranges::any_of(link.anchorTexts, [](QByteArrayView text) {
                return !leadsToAddress(text, false) && uri::findCaseless(text, "https:") >= 0;
            });
            if (isHidden) {
                return 1;
            }
        }
    }
    return 0;
}

}  // namespace portcullis::spam
